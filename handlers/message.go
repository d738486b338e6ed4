package handlers

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Bounds of one event. What is over them is an error of the function that asked for it.
const (
	MaxBody     = 64 << 10 // bytes of a message's body, in and out
	MaxSnapshot = 1 << 20  // bytes of a $snapshot's body
	MaxOutputs  = 1_000    // outputs of one event
	MaxTimers   = 100      // timers that wait in one room
	maxWord     = 128      // bytes of a type, a code, a timer's name, a content type
)

const contentJSON = "application/json"

// Message is what a player said, as [Middleware] and [OnAny] see it.
type Message struct {
	Type        string
	ContentType string // as the sender gave it; may be empty
	Body        []byte // may not be changed
}

// Raw is a body that is passed on as it is. As the message type of [On] it takes any body; given to [Room.Send] it is
// sent unchanged under its content type.
type Raw struct {
	ContentType string
	Body        []byte
}

// Handler handles one message of a player.
type Handler func(*Room, Message) error

// Middleware wraps the handler of every type, see [Game.Use].
type Middleware func(Handler) Handler

// encodeBody makes a body of what a game gives: nil is an empty one, bytes and Raw stay as they are, all else is JSON.
func encodeBody(body any, most int) (contentType string, data []byte, err error) {
	switch b := body.(type) {
	case nil:
	case []byte:
		data = b
	case Raw:
		if err := checkValue("content type", b.ContentType); err != nil {
			return "", nil, err
		}
		contentType, data = b.ContentType, b.Body
	default:
		if data, err = json.Marshal(b); err != nil {
			return "", nil, fmt.Errorf("encode body: %w", err)
		}
		contentType = contentJSON
	}
	if len(data) > most {
		return "", nil, fmt.Errorf("body has %d bytes, at most %d are allowed", len(data), most)
	}
	return contentType, data, nil
}

// decodeBody fills m from a body: an empty one leaves it zero, bytes and Raw take it as it is, all else is JSON.
func decodeBody[M any](contentType string, body []byte, m *M) error {
	switch m := any(m).(type) {
	case *[]byte:
		*m = body
	case *Raw:
		*m = Raw{contentType, body}
	default:
		if len(body) == 0 {
			return nil
		}
		return json.Unmarshal(body, m)
	}
	return nil
}

// checkWord says what is wrong with a type, code or name that a game uses, or nil.
func checkWord(what, s string) error {
	if s == "" {
		return fmt.Errorf("%s is empty", what)
	}
	if s[0] == '$' {
		return fmt.Errorf("%s %q begins with $, which is kept for the system", what, s)
	}
	return checkValue(what, s)
}

// checkValue says whether s may be a header's value: PROTOCOL allows no colon and no backslash, STOMP no line ends.
func checkValue(what, s string) error {
	switch {
	case len(s) > maxWord:
		return fmt.Errorf("%s has %d bytes, at most %d are allowed", what, len(s), maxWord)
	case strings.ContainsAny(s, ":\\\r\n\x00"):
		return fmt.Errorf("%s %q holds a colon, a backslash or a control character", what, s)
	case !utf8.ValidString(s):
		return fmt.Errorf("%s %q is not UTF-8", what, s)
	}
	return nil
}

// typeInBody is the member "type" of a body that is a JSON object, for clients that can't set headers.
func typeInBody(body []byte) string {
	var m struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(body, &m) != nil {
		return ""
	}
	return m.Type
}
