package stomp

import (
	"bytes"
	"testing"
)

var benchFrame = Frame{
	Command: "MESSAGE",
	Fields: []Field{
		{"subscription", "0"}, {"destination", "/topic/room.0192f0c8"}, {"message-id", "1-123456"}, {"type", "moved"},
		{"from", "0192f0c8-aaaa"}, {"timestamp", "1760000000000"}, {"content-type", "application/json"},
	},
	Body: bytes.Repeat([]byte("x"), 100),
}

func BenchmarkEncode(b *testing.B) {
	var buffer []byte
	b.ReportAllocs()
	for b.Loop() {
		buffer = AppendFrame(buffer[:0], V12, &benchFrame)
	}
	b.SetBytes(int64(len(buffer)))
}

func BenchmarkEncodeRest(b *testing.B) {
	rest := AppendMessageRest(nil, V12, benchFrame.Fields[1:], benchFrame.Body)
	var buffer []byte
	b.ReportAllocs()
	for b.Loop() {
		buffer = append(AppendMessagePrefix(buffer[:0], V12, "0"), rest...)
	}
	b.SetBytes(int64(len(buffer)))
}

func BenchmarkDecode(b *testing.B) {
	for name, cut := range map[string]int{"whole": 0, "cut": 150} {
		b.Run(name, func(b *testing.B) {
			encoded := AppendFrame(nil, V12, &benchFrame)
			d := NewDecoder(Limits{})
			each := func(*Frame) error { return nil }
			b.ReportAllocs()
			b.SetBytes(int64(len(encoded)))
			for b.Loop() {
				if err := d.Push(encoded[:cut], each); err != nil {
					b.Fatal(err)
				}
				if err := d.Push(encoded[cut:], each); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
