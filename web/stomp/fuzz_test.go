package stomp

import (
	"reflect"
	"strings"
	"testing"
)

// FuzzDecoder: nothing makes the decoder panic, grow beyond its limits, or see other frames or another error because
// of how the bytes were cut.
func FuzzDecoder(f *testing.F) {
	f.Add([]byte("CONNECT\naccept-version:1.2\npasscode:a\\b\n\n\x00\n\nSEND\na:\\c\\n\n\nbody\x00"), uint16(7), uint8(2))
	f.Add([]byte("SEND\r\ncontent-length:3\r\n\r\na\x00b\x00\r\n"), uint16(1), uint8(2))
	f.Add([]byte("SEND\ncontent-length:30000000000\n\na"), uint16(3), uint8(0))
	f.Add([]byte("SEND\na:b\r\n\nx\x00"), uint16(0xaaaa), uint8(1))
	f.Fuzz(func(t *testing.T, in []byte, cuts uint16, version uint8) {
		limits := Limits{Fields: 4, HeaderBytes: 64, BodyBytes: 64}
		run := func(pieces ...string) ([]*Frame, error) {
			d := NewDecoder(limits)
			d.SetVersion(Version(version % 3))
			var all []*Frame
			for _, p := range pieces {
				frames, err := decode(d, p)
				all = append(all, frames...)
				if err != nil {
					return all, err
				}
				if got := d.Pending(); got > 129 {
					t.Fatalf("%d bytes pending, beyond the limits", got)
				}
			}
			return all, nil
		}
		want, wantErr := run(string(in))
		var pieces []string
		for rest, at := string(in), 0; rest != ""; at++ { // pieces of 1 to 8 bytes, by the bits of cuts
			n := min(1+int(cuts>>(at%14))&7, len(rest))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		got, gotErr := run(pieces...)
		if !reflect.DeepEqual(got, want) || !reflect.DeepEqual(gotErr, wantErr) {
			t.Errorf("in pieces %q: got %s, %v, want %s, %v as in one", pieces, show(got), gotErr, show(want), wantErr)
		}
		for _, f := range want {
			if len(f.Fields) > limits.Fields || len(f.Body) > limits.BodyBytes {
				t.Errorf("frame beyond the limits: %q", *f)
			}
		}
	})
}

// FuzzRoundTrip: what is encoded is decoded as it was, but for what the version can't carry.
func FuzzRoundTrip(f *testing.F) {
	f.Add("MESSAGE", "message-id", "1-2", "a:b", "c\\d\n\r", []byte("x\x00y"), uint8(2))
	f.Add("CONNECTED", "session", "s", "heart-beat", "0,0", []byte(nil), uint8(1))
	f.Add("SEND", "content-length", "1", "content-length", "2", []byte("ab"), uint8(0))
	f.Fuzz(func(t *testing.T, command, name1, value1, name2, value2 string, body []byte, version uint8) {
		if len(command) == 0 || len(command) > 16 || strings.Trim(command, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
			command = "MESSAGE"
		}
		v := Version(version % 3)
		plain := v == V10 || command == "CONNECT" || command == "CONNECTED" || command == "STOMP"
		carried := func(s string, name bool) string {
			lost := []string{"\x00", " "}
			if plain || v == V11 {
				lost = append(lost, "\r", " ")
			}
			if plain {
				lost = append(lost, "\n", " ")
				if name {
					lost = append(lost, ":", " ")
				}
			}
			return strings.NewReplacer(lost...).Replace(s)
		}
		frame := &Frame{Command: command, Fields: []Field{{name1, value1}, {name2, value2}}, Body: body}
		var want []Field
		for _, f := range frame.Fields {
			if f.Name != "" && f.Name != "content-length" {
				want = append(want, Field{Name: carried(f.Name, true), Value: carried(f.Value, false)})
			}
		}
		d := NewDecoder(Limits{HeaderBytes: 1 << 24, BodyBytes: 1 << 24})
		d.SetVersion(v)
		encoded := AppendFrame(nil, v, frame)
		frames, err := decode(d, string(encoded), "\n")
		if err != nil || len(frames) != 1 {
			t.Fatalf("%q: got %d frames, %v, want 1", encoded, len(frames), err)
		}
		var got []Field
		for _, f := range frames[0].Fields {
			if f.Name != "content-length" {
				got = append(got, f)
			}
		}
		if frames[0].Command != command || !reflect.DeepEqual(got, want) || string(frames[0].Body) != string(body) {
			t.Errorf("%q: got %q, want %q %q %q", encoded, *frames[0], command, want, body)
		}
	})
}
