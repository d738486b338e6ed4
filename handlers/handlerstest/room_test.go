package handlerstest_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/handlers/handlerstest"
)

type counter struct{ N int }

func game() *handlers.Game[counter] {
	g := handlers.New("counter", func() *counter { return &counter{} })
	handlers.On(g, "add", func(room *handlers.Room, c *counter, n int) error {
		if n < 0 {
			return handlers.Reject("negative", "only up")
		}
		c.N += n
		return room.Send("sum", c.N)
	})
	handlers.On(g, "fail", func(*handlers.Room, *counter, struct{}) error { return errors.New("broken") })
	handlers.Suspended(g, func(_ *handlers.Room, c *counter, p handlers.Player) error {
		if p.ID == "eve" {
			return errors.New("broken hook")
		}
		return nil
	})
	return g
}

// judge is a testing.TB that notes what it is told. Fatalf ends the function by a panic, which run takes.
type judge struct {
	testing.TB
	said []string
}

func (j *judge) Helper() {}

func (j *judge) Errorf(format string, args ...any) {
	j.said = append(j.said, fmt.Sprintf(format, args...))
}

func (j *judge) Fatalf(format string, args ...any) {
	j.Errorf(format, args...)
	panic(j)
}

func run(t *testing.T, test func(testing.TB)) (said string) {
	j := &judge{TB: t}
	defer func() {
		if v := recover(); v != nil && v != any(j) {
			panic(v)
		}
		said = strings.Join(j.said, "\n")
	}()
	test(j)
	return
}

func TestWhatFailsATest(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		test func(testing.TB)
		want string
	}{
		"nothing": {func(t testing.TB) {
			r := handlerstest.New(t, game())
			r.Join("ann")
			r.Send("ann", "add", 2)
			r.Resend("ann")
			r.Restart()
			r.Detach("ann")
			r.Advance(time.Hour)
			r.Expect("bob", "$joined", "sum", "$suspended", "$left")
		}, ""},
		"options": {func(t testing.TB) { handlerstest.New(t, game(), `{"x":1}`) }, "takes no options"},
		"hook": {func(t testing.TB) {
			r := handlerstest.New(t, game())
			r.Join("eve")
			r.Detach("eve")
		}, "broken hook"},
		"expect": {func(t testing.TB) { handlerstest.New(t, game()).Expect("ann", "sum") }, `want ["sum"]`},
		"resend": {func(t testing.TB) { handlerstest.New(t, game()).Resend("ann") }, "sent nothing"},
		"after the end": {func(t testing.TB) {
			r := handlerstest.New(t, game())
			r.End("")
			r.Send("ann", "add", 1)
		}, "has ended"},
		"none seen": {func(t testing.TB) { handlerstest.New(t, game()).Last("ann") }, "seen nothing"},
	} {
		got := run(t, c.test)
		if got != c.want && (c.want == "" || !strings.Contains(got, c.want)) {
			t.Errorf("%s: the test was told %q, want %q", name, got, c.want)
		}
	}
}

func TestSendTellsTheOutcome(t *testing.T) {
	t.Parallel()
	r := handlerstest.New(t, game())
	if err := r.Join("ann"); err != nil {
		t.Fatal(err)
	}
	if err := r.Send("ann", "add", -1); handlerstest.Code(err) != "negative" || !strings.Contains(err.Error(), "only up") {
		t.Errorf("got %v, want negative: only up", err)
	}
	if err := r.Send("ann", "fail", nil); err == nil || handlerstest.Code(err) != "" || err.Error() != "broken" {
		t.Errorf("got %v, want broken", err)
	}
	if err := r.Send("ann", "add", 1); err != nil {
		t.Errorf("got %v, want none", err)
	}
}
