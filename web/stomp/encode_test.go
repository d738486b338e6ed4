package stomp

import (
	"reflect"
	"testing"
)

func TestEncode(t *testing.T) {
	t.Parallel()
	nasty := []Field{{"a:\n", "\r\\:\n\x00z"}}
	for name, c := range map[string]struct {
		version Version
		frame   Frame
		want    string
	}{
		"length is added":          {V12, Frame{Command: "SEND", Fields: []Field{{"a", "b"}}, Body: []byte("x\x00")}, "SEND\na:b\ncontent-length:2\n\nx\x00\x00"},
		"no body, no length":       {V12, Frame{Command: "RECEIPT"}, "RECEIPT\n\n\x00"},
		"a right length stays":     {V12, Frame{Command: "SEND", Fields: []Field{{"content-length", "1"}, {"a", "b"}}, Body: []byte("x")}, "SEND\ncontent-length:1\na:b\n\nx\x00"},
		"a wrong length goes":      {V12, Frame{Command: "SEND", Fields: []Field{{"content-length", "7"}, {"a", "b"}}, Body: []byte("x")}, "SEND\na:b\ncontent-length:1\n\nx\x00"},
		"a length without body":    {V12, Frame{Command: "SEND", Fields: []Field{{"content-length", "7"}}}, "SEND\n\n\x00"},
		"a nameless field goes":    {V12, Frame{Command: "SEND", Fields: []Field{{"", "7"}}}, "SEND\n\n\x00"},
		"escapes of 1.2":           {V12, Frame{Command: "SEND", Fields: nasty}, "SEND\na\\c\\n:\\r\\\\\\c\\n z\n\n\x00"},
		"escapes of 1.1":           {V11, Frame{Command: "SEND", Fields: nasty}, "SEND\na\\c\\n: \\\\\\c\\n z\n\n\x00"},
		"1.0 ends no line":         {V10, Frame{Command: "SEND", Fields: nasty}, "SEND\na  : \\:  z\n\n\x00"},
		"CONNECTED is not escaped": {V12, Frame{Command: "CONNECTED", Fields: nasty}, "CONNECTED\na  : \\:  z\n\n\x00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := string(AppendFrame(nil, c.version, &c.frame)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestSharedMessageIsOneFrame(t *testing.T) {
	t.Parallel()
	fields := []Field{{"message-id", "1-7"}, {"type", "moved"}}
	rest := AppendMessageRest(nil, V12, fields, []byte("body"))
	for _, id := range []string{"0", "sub:1\n"} {
		all := append(AppendMessagePrefix(nil, V12, id), rest...)
		got, err := decode(NewDecoder(Limits{}), string(all))
		want := []*Frame{{
			Command: "MESSAGE",
			Fields:  []Field{{"subscription", id}, {"message-id", "1-7"}, {"type", "moved"}, {"content-length", "4"}},
			Body:    []byte("body"),
		}}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %s, %v, want %s", show(got), err, show(want))
		}
	}
}
