package handlers

import (
	"fmt"
	"reflect"
)

// On registers fn for the players' messages of type typ. The body is decoded from JSON into M: unknown members are
// ignored, an empty body leaves M zero, and what does not decode is refused with bad_message before fn is called. M =
// []byte or [Raw] takes any body as it is.
func On[S, M any](g *Game[S], typ string, fn func(room *Room, state *S, message M) error) {
	g.mayRegister("On")
	g.checkEntry("On", "message type", typ, fn == nil, g.on)
	g.checkMessage("On", typ, reflect.TypeFor[M]())
	g.on[typ] = func(room *Room, msg Message) error {
		var m M
		if err := decodeBody(msg.ContentType, msg.Body, &m); err != nil {
			return &Rejection{CodeBadMessage, "the body does not decode: " + err.Error()}
		}
		room.touched = true
		return fn(room, room.state.(*S), m)
	}
}

// OnAny registers fn for the players' messages of every type that has no [On].
func OnAny[S any](g *Game[S], fn func(room *Room, state *S, message Message) error) {
	g.mayRegister("OnAny")
	g.checkOnce("OnAny", fn == nil, g.onAny != nil)
	g.onAny = func(room *Room, msg Message) error {
		room.touched = true
		return fn(room, room.state.(*S), msg)
	}
}

// OnTimer registers fn for the timers called name, which [Room.After] sets. M is what After was given as body.
func OnTimer[S, M any](g *Game[S], name string, fn func(room *Room, state *S, body M) error) {
	g.mayRegister("OnTimer")
	g.checkEntry("OnTimer", "timer name", name, fn == nil, g.timers)
	g.checkMessage("OnTimer", name, reflect.TypeFor[M]())
	g.timers[name] = func(room *Room, msg Message) error {
		var m M
		if err := decodeBody(msg.ContentType, msg.Body, &m); err != nil {
			return fmt.Errorf("decode body of timer %s: %w", name, err)
		}
		room.touched = true
		return fn(room, room.state.(*S), m)
	}
}

func (r *rules) checkEntry(call, what, word string, none bool, known map[string]Handler) {
	if err := checkWord(what, word); err != nil {
		panic(fmt.Sprintf("game %q: handlers.%s: %v; write a word such as move", r.name, call, err))
	}
	if none {
		panic(fmt.Sprintf("game %q: handlers.%s(%q) has no function; give one", r.name, call, word))
	}
	if known[word] != nil {
		panic(fmt.Sprintf("game %q: handlers.%s(%q) is registered twice; keep one, or give the other another name", r.name, call, word))
	}
}

func (r *rules) checkOnce(call string, none, known bool) {
	if none {
		panic(fmt.Sprintf("game %q: handlers.%s has no function; give one", r.name, call))
	}
	if known {
		panic(fmt.Sprintf("game %q: handlers.%s is registered twice; do both in one function", r.name, call))
	}
}

func (r *rules) checkMessage(call, word string, t reflect.Type) {
	if err := checkMessage(t); err != nil {
		panic(fmt.Sprintf("game %q: handlers.%s(%q): %v", r.name, call, word, err))
	}
}
