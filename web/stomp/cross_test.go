package stomp

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/go-stomp/stomp/v3/frame"
)

// alphabet is what fields are made of here: go-stomp reads "\\n" written as `\\n` wrongly, so there is no n, r or c
// behind a backslash, and it takes a CR from the end of any line, so values end in a letter.
const alphabet = "ab xyz:\n\\é-/0"

func TestGoStompReadsWhatWeWrite(t *testing.T) {
	t.Parallel()
	for _, f := range someFrames(500) {
		encoded := AppendFrame(nil, V12, f)
		theirs, err := frame.NewReader(bytes.NewReader(encoded)).Read()
		if err != nil {
			t.Fatalf("%q: %v", encoded, err)
		}
		compare(t, encoded, f, theirs)
	}
}

func TestWeReadWhatGoStompWrites(t *testing.T) {
	t.Parallel()
	for _, f := range someFrames(500) {
		theirs := frame.New(f.Command)
		for _, field := range f.Fields {
			theirs.Header.Add(field.Name, field.Value)
		}
		if len(f.Body) > 0 {
			theirs.Header.Add("content-length", fmt.Sprint(len(f.Body)))
		}
		theirs.Body = f.Body
		var encoded bytes.Buffer
		if err := frame.NewWriter(&encoded).Write(theirs); err != nil {
			t.Fatal(err)
		}
		got, err := decode(NewDecoder(Limits{}), encoded.String())
		if err != nil || len(got) != 1 {
			t.Fatalf("%q: got %d frames, %v", encoded.String(), len(got), err)
		}
		compare(t, encoded.Bytes(), got[0], theirs)
	}
}

func compare(t *testing.T, encoded []byte, ours *Frame, theirs *frame.Frame) {
	t.Helper()
	if theirs.Command != ours.Command || !bytes.Equal(theirs.Body, ours.Body) {
		t.Errorf("%q: go-stomp has %q %q, we have %q %q", encoded, theirs.Command, theirs.Body, ours.Command, ours.Body)
	}
	n := 0
	for i := range theirs.Header.Len() {
		name, value := theirs.Header.GetAt(i)
		if name == "content-length" {
			continue
		}
		for n < len(ours.Fields) && ours.Fields[n].Name == "content-length" {
			n++
		}
		if n >= len(ours.Fields) || ours.Fields[n] != (Field{Name: name, Value: value}) {
			t.Errorf("%q: go-stomp has field %q: %q, we have %q", encoded, name, value, ours.Fields)
			return
		}
		n++
	}
}

func someFrames(n int) []*Frame {
	r := rand.New(rand.NewPCG(1, 2))
	letters := []rune(alphabet)
	word := func(most int) string {
		var w []rune
		for range r.IntN(most) {
			w = append(w, letters[r.IntN(len(letters))])
		}
		return string(append(w, 'a'))
	}
	commands := []string{"SEND", "MESSAGE", "SUBSCRIBE", "RECEIPT", "ERROR"}
	var all []*Frame
	for range n {
		f := &Frame{Command: commands[r.IntN(len(commands))]}
		for range r.IntN(8) {
			f.Fields = append(f.Fields, Field{Name: word(8), Value: word(20)})
		}
		f.Body = make([]byte, r.IntN(200))
		for i := range f.Body {
			f.Body[i] = byte(r.IntN(256))
		}
		all = append(all, f)
	}
	return all
}
