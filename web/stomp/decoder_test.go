package stomp

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// decode pushes the pieces and returns what came of them.
func decode(d *Decoder, pieces ...string) (frames []*Frame, err error) {
	for _, p := range pieces {
		if err = d.Push([]byte(p), func(f *Frame) error {
			frames = append(frames, f.Clone())
			return nil
		}); err != nil {
			break
		}
	}
	return frames, err
}

func show(frames []*Frame) string {
	var b strings.Builder
	for _, f := range frames {
		fmt.Fprintf(&b, "%q ", *f)
	}
	return b.String()
}

func TestDecode(t *testing.T) {
	t.Parallel()
	type fields = []Field
	for name, c := range map[string]struct {
		version Version
		in      string
		want    []*Frame
		code    string
	}{
		"no body":                      {V12, "BEGIN\ntransaction:t\n\n\x00", []*Frame{{"BEGIN", fields{{"transaction", "t"}}, nil}}, ""},
		"no headers":                   {V12, "DISCONNECT\n\n\x00", []*Frame{{"DISCONNECT", nil, nil}}, ""},
		"body to NUL":                  {V12, "SEND\na:b\n\nhello\x00", []*Frame{{"SEND", fields{{"a", "b"}}, []byte("hello")}}, ""},
		"body with NUL and length":     {V12, "SEND\ncontent-length:3\n\na\x00b\x00", []*Frame{{"SEND", fields{{"content-length", "3"}}, []byte("a\x00b")}}, ""},
		"length nought":                {V12, "SEND\ncontent-length:0\n\n\x00", []*Frame{{"SEND", fields{{"content-length", "0"}}, nil}}, ""},
		"first length counts":          {V12, "SEND\ncontent-length:1\ncontent-length:9\n\na\x00", []*Frame{{"SEND", fields{{"content-length", "1"}, {"content-length", "9"}}, []byte("a")}}, ""},
		"CRLF in 1.2":                  {V12, "SEND\r\na:b\r\n\r\nx\x00\r\n", []*Frame{{"SEND", fields{{"a", "b"}}, []byte("x")}}, ""},
		"CR belongs to value in 1.1":   {V11, "SEND\na:b\r\n\n\x00", []*Frame{{"SEND", fields{{"a", "b\r"}}, nil}}, ""},
		"CR ends no command in 1.1":    {V11, "SEND\r\n\r\n\x00", nil, CodeBadFrame},
		"heart-beats around":           {V12, "\n\r\n\nBEGIN\n\n\x00\n\nABORT\n\n\x00\n", []*Frame{{"BEGIN", nil, nil}, {"ABORT", nil, nil}}, ""},
		"lone CR between":              {V12, "\rBEGIN\n\n\x00", nil, CodeBadFrame},
		"escapes of 1.2":               {V12, "SEND\n\\c\\n:\\r\\\\\\c\n\n\x00", []*Frame{{"SEND", fields{{":\n", "\r\\:"}}, nil}}, ""},
		"escapes of 1.1":               {V11, "SEND\na:\\n\\c\\\\\n\n\x00", []*Frame{{"SEND", fields{{"a", "\n:\\"}}, nil}}, ""},
		"no CR escape in 1.1":          {V11, "SEND\na:\\r\n\n\x00", nil, CodeBadFrame},
		"no escapes in 1.0":            {V10, "SEND\na:\\n\\x\\\n\n\x00", []*Frame{{"SEND", fields{{"a", "\\n\\x\\"}}, nil}}, ""},
		"no escapes in CONNECT":        {V12, "CONNECT\npasscode:a\\nb\\q\n\n\x00", []*Frame{{"CONNECT", fields{{"passcode", "a\\nb\\q"}}, nil}}, ""},
		"no escapes in CONNECTED":      {V12, "CONNECTED\nsession:\\\n\n\x00", []*Frame{{"CONNECTED", fields{{"session", "\\"}}, nil}}, ""},
		"undefined escape":             {V12, "SEND\na:\\t\n\n\x00", nil, CodeBadFrame},
		"escape at the end":            {V12, "SEND\na:\\\n\n\x00", nil, CodeBadFrame},
		"colons in values":             {V12, "SEND\na:b:c\n\n\x00", []*Frame{{"SEND", fields{{"a", "b:c"}}, nil}}, ""},
		"spaces are kept":              {V12, "SEND\n a : b \n\n\x00", []*Frame{{"SEND", fields{{" a ", " b "}}, nil}}, ""},
		"empty value":                  {V12, "SEND\na:\n\n\x00", []*Frame{{"SEND", fields{{"a", ""}}, nil}}, ""},
		"unknown command is passed on": {V12, "HELLO\n\n\x00", []*Frame{{"HELLO", nil, nil}}, ""},
		"HTTP instead":                 {V12, "GET / HTTP/1.1\r\n\r\n", nil, CodeBadFrame},
		"small letters":                {V12, "send\n\n\x00", nil, CodeBadFrame},
		"long command":                 {V12, "ABCDEFGHIJKLMNOPQ\n\n\x00", nil, CodeBadFrame},
		"NUL first":                    {V12, "\x00\n", nil, CodeBadFrame},
		"NUL in a header":              {V12, "SEND\na:\x00\n\n\x00", nil, CodeBadFrame},
		"CR in a header":               {V12, "SEND\na:b\rc\n\n\x00", nil, CodeBadFrame},
		"no colon":                     {V12, "SEND\nabc\n\n\x00", nil, CodeBadFrame},
		"no name":                      {V12, "SEND\n:b\n\n\x00", nil, CodeBadFrame},
		"length is a word":             {V12, "SEND\ncontent-length:ten\n\n\x00", nil, CodeBadFrame},
		"length is negative":           {V12, "SEND\ncontent-length:-1\n\n\x00", nil, CodeBadFrame},
		"length is empty":              {V12, "SEND\ncontent-length:\n\n\x00", nil, CodeBadFrame},
		"length is huge":               {V12, "SEND\ncontent-length:99999999999999999999999\n\n", nil, CodeFrameTooLarge},
		"body longer than length":      {V12, "SEND\ncontent-length:1\n\nab\x00", nil, CodeBadFrame},
		"good frames before a bad one": {V12, "BEGIN\n\n\x00ABORT\nx\n\n\x00", []*Frame{{"BEGIN", nil, nil}}, CodeBadFrame},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var bytewise []string
			for i := range len(c.in) {
				bytewise = append(bytewise, c.in[i:i+1])
			}
			for how, pieces := range map[string][]string{"whole": {c.in}, "byte by byte": bytewise} {
				d := NewDecoder(Limits{})
				d.SetVersion(c.version)
				got, err := decode(d, pieces...)
				if !reflect.DeepEqual(got, c.want) {
					t.Errorf("%s: got frames %s, want %s", how, show(got), show(c.want))
				}
				var e *Error
				errors.As(err, &e)
				if (c.code == "") != (err == nil) || c.code != "" && (e == nil || e.Code != c.code) {
					t.Errorf("%s: got error %v, want code %q", how, err, c.code)
				}
			}
		})
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	limits := Limits{Fields: 2, HeaderBytes: 40, BodyBytes: 10}
	for name, c := range map[string]struct{ in, code string }{
		"all at the limit":        {"SEND\na:" + strings.Repeat("x", 27) + "\nb:c\n\n" + strings.Repeat("y", 10) + "\x00", ""},
		"head one byte over":      {"SEND\na:" + strings.Repeat("x", 28) + "\nb:c\n\n\x00", CodeFrameTooLarge},
		"head without end":        {"SEND\na:" + strings.Repeat("x", 1000), CodeFrameTooLarge},
		"one field too many":      {"SEND\na:b\nc:d\ne:f\n\n\x00", CodeTooManyHeaders},
		"body one byte over":      {"SEND\n\n" + strings.Repeat("y", 11) + "\x00", CodeFrameTooLarge},
		"body without end":        {"SEND\n\n" + strings.Repeat("y", 1000), CodeFrameTooLarge},
		"length one byte over":    {"SEND\ncontent-length:11\n\n", CodeFrameTooLarge},
		"length at the limit":     {"SEND\ncontent-length:10\n\n0123456789\x00", ""},
		"frames count separately": {strings.Repeat("SEND\na:b\nc:d\n\n0123456789\x00", 20), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for cut := range len(c.in) {
				_, err := decode(NewDecoder(limits), c.in[:cut], c.in[cut:])
				var e *Error
				errors.As(err, &e)
				if (c.code == "") != (err == nil) || c.code != "" && (e == nil || e.Code != c.code) {
					t.Fatalf("cut at %d: got error %v, want code %q", cut, err, c.code)
				}
			}
		})
	}
}

func TestDecoderStaysDead(t *testing.T) {
	t.Parallel()
	d := NewDecoder(Limits{})
	_, first := decode(d, "oops\n")
	frames, again := decode(d, "BEGIN\n\n\x00")
	if first == nil || again != first || len(frames) != 0 {
		t.Errorf("got %v, then %v and %d frames, want the same error and none", first, again, len(frames))
	}
	stop := errors.New("enough")
	d = NewDecoder(Limits{})
	calls := 0
	err := d.Push([]byte("BEGIN\n\n\x00ABORT\n\n\x00"), func(*Frame) error { calls++; return stop })
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("got %v after %d calls, want %v after 1", err, calls, stop)
	}
	if err := d.Push([]byte("BEGIN\n\n\x00"), func(*Frame) error { calls++; return nil }); !errors.Is(err, stop) || calls != 1 {
		t.Errorf("got %v and %d calls afterwards, want %v and no further call", err, calls, stop)
	}
}

func TestVersionChangesWithTheNextFrame(t *testing.T) {
	t.Parallel()
	d := NewDecoder(Limits{})
	var got []string
	err := d.Push([]byte("CONNECT\na:\\n\n\n\x00SEND\na:\\n\n\n\x00"), func(f *Frame) error {
		if f.Command == "CONNECT" {
			d.SetVersion(V10)
		}
		v, _ := f.Get("a")
		got = append(got, v)
		return nil
	})
	if want := []string{`\n`, `\n`}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestPendingTellsOfAnUnfinishedFrame(t *testing.T) {
	t.Parallel()
	d := NewDecoder(Limits{})
	for _, step := range []struct {
		in   string
		want int
	}{{"\n\r\n", 0}, {"SEN", 3}, {"D\n\n", 6}, {"ab", 8}, {"c", 9}, {"\x00", 0}, {"\r", 1}, {"\n", 0}, {"A\n\n\x00B", 1}} {
		if _, err := decode(d, step.in); err != nil {
			t.Fatal(err)
		}
		if got := d.Pending(); got != step.want {
			t.Errorf("after %q: got %d pending bytes, want %d", step.in, got, step.want)
		}
	}
}

func TestContentLengthIsNotBelieved(t *testing.T) {
	d := NewDecoder(Limits{BodyBytes: 1 << 30})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := decode(d, "SEND\ncontent-length:1000000000\n\n", "abc"); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 64<<10 {
		t.Errorf("allocated %d bytes for a promise of 10^9, want a few", got)
	}
}

func TestStringsOutliveThePush(t *testing.T) {
	t.Parallel()
	p := []byte("SEND\ndestination:/queue/a\n\nbody\x00")
	var kept string
	var clone *Frame
	d := NewDecoder(Limits{})
	if err := d.Push(p, func(f *Frame) error {
		kept, _ = f.Get("destination")
		clone = f.Clone()
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	copy(p, bytes.Repeat([]byte("#"), len(p)))
	if kept != "/queue/a" || string(clone.Body) != "body" {
		t.Errorf("got %q and %q after the bytes changed, want them as they were", kept, clone.Body)
	}
}

func TestGetTakesTheFirst(t *testing.T) {
	t.Parallel()
	f := &Frame{Fields: []Field{{"a", "1"}, {"a", "2"}}}
	if got, ok := f.Get("a"); got != "1" || !ok {
		t.Errorf("got %q, %v, want 1", got, ok)
	}
	if got, ok := f.Get("b"); got != "" || ok {
		t.Errorf("got %q, %v, want none", got, ok)
	}
}

func TestParseVersions(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]string{
		"": "1.0", "1.0": "1.0", "1.0,1.1,1.2": "1.2", "1.2,1.1": "1.2", "1.1, 1.0": "1.1", "1.1,2.0": "1.1", "2.0": "none", ",": "none",
	} {
		got := "none"
		if v, ok := ParseVersions(accept); ok {
			got = v.String()
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", accept, got, want)
		}
	}
}
