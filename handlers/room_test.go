package handlers_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/handlers/handlerstest"
)

type none struct{}

// doing is a room with ann, bob and cid in it whose message "do" calls fn.
func doing(t *testing.T, fn func(*handlers.Room) error) *handlerstest.Room {
	t.Helper()
	g := handlers.New("do", func() *none { return &none{} }).WithPolicy(handlers.Policy{Capacity: 3, Boards: []handlers.Board{{}}})
	handlers.On(g, "do", func(room *handlers.Room, _ *none, _ none) error { return fn(room) })
	handlers.OnTimer(g, "t", func(room *handlers.Room, _ *none, _ []byte) error { return room.Reply("x", nil) })
	for i := range handlers.MaxTimers + 1 {
		handlers.OnTimer(g, fmt.Sprint("t", i), func(*handlers.Room, *none, none) error { return nil })
	}
	room := handlerstest.New(t, g)
	must(t, room.Join("ann", "bob", "cid"))
	for _, user := range []string{"ann", "bob", "cid"} {
		room.Expect(user, handlerstest.Types(room.For(user))...)
	}
	return room
}

func TestWhoSeesWhat(t *testing.T) {
	t.Parallel()
	room := doing(t, func(room *handlers.Room) error {
		return errors.Join(room.Send("all", 1), room.Send("two", 2, "ann", "cid"), room.Reply("one", 3), room.SendSnapshot())
	})
	must(t, room.Send("ann", "do", nil))
	room.Expect("ann", "all", "two", "one", "$snapshot")
	room.Expect("bob", "all")
	room.Expect("cid", "all", "two")
	sent := room.For("ann")
	for i, want := range []uint64{0, 0, 1, 1} {
		if out := sent[len(sent)-4+i]; out.Request != want {
			t.Errorf("%s: got request %d, want %d", out.Type, out.Request, want)
		}
	}
	if got, want := string(room.Last("ann").Body), `{"players":[{"id":"ann","name":"ann","online":true},{"id":"bob","name":"bob","online":true},{"id":"cid","name":"cid","online":true}]}`; got != want {
		t.Errorf("snapshot: got %s, want %s", got, want)
	}
}

func TestBodies(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body              any
		contentType, want string
	}{
		"value": {pos{1, 2}, "application/json", `{"X":1,"Y":2}`},
		"text":  {"hi", "application/json", `"hi"`},
		"nil":   {nil, "", ""},
		"bytes": {[]byte("\xff"), "", "\xff"},
		"raw":   {handlers.Raw{ContentType: "text/plain", Body: []byte("hi")}, "text/plain", "hi"},
	} {
		room := doing(t, func(room *handlers.Room) error { return room.Send("x", c.body) })
		must(t, room.Send("ann", "do", nil))
		if out := room.Last("ann"); out.ContentType != c.contentType || string(out.Body) != c.want {
			t.Errorf("%s: got %q %q, want %q %q", name, out.ContentType, out.Body, c.contentType, c.want)
		}
	}
}

func TestBoundsAreErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do   func(*handlers.Room) error
		want string
	}{
		"large body":    {func(r *handlers.Room) error { return r.Send("x", make([]byte, handlers.MaxBody+1)) }, "at most 65536"},
		"system type":   {func(r *handlers.Room) error { return r.Send("$x", nil) }, "kept for the system"},
		"colon":         {func(r *handlers.Room) error { return r.Send("a:b", nil) }, "colon"},
		"line end":      {func(r *handlers.Room) error { return r.Send("a\nb", nil) }, "control"},
		"long type":     {func(r *handlers.Room) error { return r.Send(strings.Repeat("x", 129), nil) }, "at most 128"},
		"content type":  {func(r *handlers.Room) error { return r.Send("x", handlers.Raw{ContentType: "a\\b"}) }, "backslash"},
		"empty user":    {func(r *handlers.Room) error { return r.Send("x", nil, "ann", "") }, "is empty"},
		"not JSON":      {func(r *handlers.Room) error { return r.Send("x", func() {}) }, "encode body"},
		"unknown timer": {func(r *handlers.Room) error { return r.After(0, "other", nil) }, "handlers.OnTimer"},
		"far timer":     {func(r *handlers.Room) error { return r.After(367*24*time.Hour, "t", nil) }, "over a year"},
		"award":         {func(r *handlers.Room) error { r.Award(handlers.Award{Gold: 1}); return nil }, "User is empty"},
		"award too much": {func(r *handlers.Room) error {
			r.Award(handlers.Award{User: "ann", Exp: handlers.MaxGrant + 1})
			return nil
		}, "too much"},
		"award too little": {func(r *handlers.Room) error {
			r.Award(handlers.Award{User: "ann", Gold: -handlers.MaxGrant - 1})
			return nil
		}, "too much"},
		"grant":             {func(r *handlers.Room) error { r.Grant("", "hat", 1); return nil }, "user is empty"},
		"grant gold":        {func(r *handlers.Room) error { r.Grant("ann", "gold", 1); return nil }, "write room.Award"},
		"grant word":        {func(r *handlers.Room) error { r.Grant("ann", "a:b", 1); return nil }, "colon"},
		"grant item":        {func(r *handlers.Room) error { r.Grant("ann", strings.Repeat("x", 65), 1); return nil }, "at most 64"},
		"take nothing":      {func(r *handlers.Room) error { r.Take("ann", "hat", 0); return nil }, "write 1 to"},
		"take too much":     {func(r *handlers.Room) error { r.Take("ann", "hat", handlers.MaxGrant+1); return nil }, "write 1 to"},
		"score":             {func(r *handlers.Room) error { r.Score(handlers.Score{}); return nil }, "User is empty"},
		"score mode":        {func(r *handlers.Room) error { r.Score(handlers.Score{Mode: "blitz", User: "ann"}); return nil }, "name it in Policy.Boards"},
		"score value":       {func(r *handlers.Room) error { r.Score(handlers.Score{User: "ann", Value: 1 << 53}); return nil }, "write one between"},
		"outcome mode":      {func(r *handlers.Room) error { r.Outcome(handlers.Outcome{Mode: "A B"}); return nil }, "a-z"},
		"outcome of one":    {func(r *handlers.Room) error { r.Outcome(handlers.Outcome{Sides: sides("ann")}); return nil }, "1 sides"},
		"outcome of nobody": {func(r *handlers.Room) error { r.Outcome(handlers.Outcome{Sides: sides("ann", "")}); return nil }, "each player once"},
		"outcome twice":     {func(r *handlers.Room) error { r.Outcome(handlers.Outcome{Sides: sides("ann", "ann")}); return nil }, "each player once"},
		"outcome place":     {func(r *handlers.Room) error { r.Outcome(handlers.Outcome{Sides: make([]handlers.Side, 2)}); return nil }, "places begin with 1"},
		"bad code":          {func(*handlers.Room) error { return handlers.Reject("a:b", "") }, "a:b"},
		"many outputs": {func(r *handlers.Room) (err error) {
			for range handlers.MaxOutputs + 1 {
				err = r.Send("x", nil)
			}
			return err
		}, "1000 outputs"},
		"many timers": {func(r *handlers.Room) (err error) {
			for i := range handlers.MaxTimers + 1 {
				err = r.After(time.Second, fmt.Sprint("t", i), nil)
			}
			return err
		}, "100 timers"},
	} {
		room := doing(t, c.do)
		res := room.Play(handlers.Event{Type: "do", User: "ann"})
		if res.Failure == nil || !strings.Contains(res.Failure.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, res.Failure, c.want)
		}
		room.Expect("bob")
		room.Expect("ann", "error")
	}
}

func TestTheRoomIsOfNoUseOutsideItsCall(t *testing.T) {
	t.Parallel()
	var kept *handlers.Room
	room := doing(t, func(room *handlers.Room) error { kept = room; return nil })
	must(t, room.Send("ann", "do", nil))
	if err := kept.Send("x", nil); err == nil {
		t.Error("Send: got no error")
	}
	if err := kept.After(0, "t", nil); err == nil {
		t.Error("After: got no error")
	}
	if got := panicOf(kept.End); !strings.Contains(got, "after the function") {
		t.Errorf("End: got panic %q", got)
	}
}

func TestATimerHasNoSender(t *testing.T) {
	t.Parallel()
	room := doing(t, func(room *handlers.Room) error { return room.After(time.Second, "t", nil) })
	must(t, room.Send("ann", "do", nil))
	res := room.Play(handlers.Event{Kind: handlers.EventFire, Time: handlerstest.Start.Add(time.Second)})
	if res.Failure == nil || len(res.Outputs) != 0 {
		t.Errorf("got %+v, want a failure that nobody is told", res)
	}
	if again := room.Play(handlers.Event{Kind: handlers.EventFire, Time: handlerstest.Start.Add(time.Hour)}); again.Failure != nil {
		t.Errorf("a failed timer fired twice: %v", again.Failure)
	}
}

func TestPlayersInJoinOrder(t *testing.T) {
	t.Parallel()
	var got []handlers.Player
	room := doing(t, func(room *handlers.Room) error { got = room.Players(); return nil })
	room.Detach("bob")
	must(t, room.Send("ann", "do", nil))
	if want := []handlers.Player{{"ann", "ann", true, false}, {"bob", "bob", false, false}, {"cid", "cid", true, false}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestChanceIsTheSameWhenPlayedAgain(t *testing.T) {
	t.Parallel()
	var drawn []uint64
	room := doing(t, func(room *handlers.Room) error {
		drawn = append(drawn, room.Rand().Uint64(), room.Rand().Uint64())
		if len(drawn) == 6 {
			return handlers.Reject("undo", "") // makes the first two messages be played again
		}
		return nil
	})
	for range 3 {
		_ = room.Send("ann", "do", nil)
	}
	if len(drawn) != 10 || !slices.Equal(drawn[:4], drawn[6:]) {
		t.Errorf("got %v, want the first four again at the end", drawn)
	}
	if slices.Sort(drawn[:6]); len(slices.Compact(drawn[:6])) != 6 {
		t.Errorf("got a number twice in %v", drawn[:6])
	}
	var other uint64
	room = doing(t, func(room *handlers.Room) error { other = room.Rand().Uint64(); return nil })
	if must(t, room.Send("ann", "do", nil)); slices.Contains(drawn, other) {
		t.Errorf("another room drew %d, too", other)
	}
}

func TestTimeNeverGoesBack(t *testing.T) {
	t.Parallel()
	var now time.Time
	room := doing(t, func(room *handlers.Room) error { now = room.Now(); return nil })
	for _, at := range []time.Duration{time.Hour, time.Minute} {
		room.Play(handlers.Event{Type: "do", User: "ann", Time: handlerstest.Start.Add(at)})
		if want := handlerstest.Start.Add(time.Hour); !now.Equal(want) {
			t.Errorf("got %v, want %v", now, want)
		}
	}
}

func TestASnapshotChangesNothing(t *testing.T) {
	t.Parallel()
	g := handlers.New("s", func() *board { return &board{} })
	fail := true
	handlers.On(g, "do", func(_ *handlers.Room, b *board, _ none) error { b.N++; return nil })
	handlers.Snapshot(g, func(room *handlers.Room, b *board, user string) (any, error) {
		if room.Send("x", nil) == nil || room.After(0, "t", nil) == nil {
			return nil, errors.New("the room took it")
		}
		if fail {
			b.N = 99
			panic("broken")
		}
		return b.N, nil
	})
	opening, err := g.Open("r", nil, time.Time{})
	must(t, err)
	in, err := g.Load("r", opening.Memory)
	must(t, err)
	in.Play(handlers.Event{Kind: handlers.EventAttach, User: "ann", Conn: "c"})
	in.Play(handlers.Event{Type: "do", User: "ann"})
	if _, err := in.Snapshot("ann"); err == nil {
		t.Error("got no error of a panic")
	}
	fail = false
	out, err := in.Snapshot("ann")
	must(t, err)
	if string(out.Body) != "1" || out.Type != "$snapshot" || !slices.Equal(out.To, []string{"ann"}) {
		t.Errorf("got %+v %s, want 1 for ann", out, out.Body)
	}
}

func TestMemory(t *testing.T) {
	t.Parallel()
	g := play(handlers.Policy{})
	opening, err := g.Open("r", nil, handlerstest.Start)
	must(t, err)
	in, err := g.Load("r", opening.Memory)
	must(t, err)
	first, err := in.Memory()
	must(t, err)
	if !bytes.Equal(first, opening.Memory) {
		t.Errorf("got  %s\nwant %s", first, opening.Memory)
	}
	in.Play(handlers.Event{Kind: handlers.EventJoin, User: "ann", Time: handlerstest.Start})
	second, err := in.Memory()
	must(t, err)
	again, err := in.Memory()
	must(t, err)
	if bytes.Equal(first, second) || &second[0] != &again[0] {
		t.Error("memory is not made anew after a change, or is without one")
	}
	for name, bad := range map[string]string{"empty": "", "no state": "{}", "format": "{\"format\":9}\n{}", "seed": "{\"format\":1}\n{}", "state": strings.Replace(string(second), `"N":0`, `"N":"x"`, 1)} {
		if _, err := g.Load("r", []byte(bad)); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	type options struct{ Size int }
	g := handlers.New("o", func() *board { return &board{} }).WithPolicy(handlers.Policy{Capacity: 4})
	handlers.Open(g, func(o *handlers.Opener, b *board, opts options) error {
		if opts.Size > 9 {
			return handlers.Reject("too_large", "at most 9")
		}
		if opts.Size < 0 {
			panic("negative")
		}
		b.N = opts.Size
		if opts.Size > 0 {
			o.Capacity(opts.Size)
		}
		return nil
	})
	handlers.Snapshot(g, func(_ *handlers.Room, b *board, _ string) (any, error) { return b, nil })
	room := handlerstest.New(t, g, `{"Size":3}`)
	if got := stateOfRoom(t, room).N; got != 3 || room.Capacity() != 3 {
		t.Errorf("got size %d, capacity %d; want 3, 3", got, room.Capacity())
	}
	if got := handlerstest.New(t, g).Capacity(); got != 4 {
		t.Errorf("without options: got capacity %d, want 4", got)
	}
	if got := handlerstest.Code(handlerstest.Refused(t, g, options{10})); got != "too_large" {
		t.Errorf("got code %q, want too_large", got)
	}
	if _, ok := errors.AsType[*handlers.PanicError](handlerstest.Refused(t, g, options{-1})); !ok {
		t.Error("a panic in Open is no PanicError")
	}
	plain := play(handlers.Policy{})
	for options, want := range map[string]string{`{}`: "", ` null `: "", `{"a":1}`: "bad_options", `[]`: "bad_options", `x`: "bad_options"} {
		if got := handlerstest.Code(handlerstest.Refused(t, plain, options)); got != want {
			t.Errorf("options %q of a game without: got code %q, want %q", options, got, want)
		}
	}
}

// sides are those of a match, by place.
func sides(users ...string) (all []handlers.Side) {
	for i, user := range users {
		all = append(all, handlers.Side{Place: i + 1, Users: []string{user}})
	}
	return all
}
