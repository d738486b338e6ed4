package worker_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/handlers"
)

// hall is a game of areas; "say" is told to one, "frame" to all, and is one of which the newest matters.
func hall(p handlers.Policy) *handlers.Game[struct{}] {
	p.Capacity = 4
	g := handlers.New("tally", func() *struct{} { return &struct{}{} }).WithPolicy(p)
	handlers.Latest(g, "frame")
	handlers.On(g, "watch", func(room *handlers.Room, _ *struct{}, area string) error {
		return room.Watch(room.From(), area)
	})
	handlers.On(g, "say", func(room *handlers.Room, _ *struct{}, area string) error { return room.In(area).Send("said", area) })
	handlers.On(g, "frame", func(room *handlers.Room, _ *struct{}, n int) error {
		return room.To("bob").Send("frame", n)
	})
	handlers.On(g, "mark", func(room *handlers.Room, _ *struct{}, _ string) error { return room.Send("marked", nil) })
	return g
}

// given shows what reached a user by an attempt, and whether all of that may.
func given(t *testing.T, heard []*broker.Output, attempt, user string) (s []string) {
	t.Helper()
	for _, o := range heard {
		if o.Attempt == attempt && o.Part == broker.Replay {
			if !o.MayHear(user) {
				t.Errorf("%s was given %s %s, which is for %q", user, o.Type, o.Body, o.To)
			}
			s = append(s, fmt.Sprintf("%s %s", o.Type, o.Body))
		}
	}
	return s
}

func TestWhatIsOutOfViewIsNeverToldNotByComingBackNorByATakeoverNorByWatchingLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t, hall(handlers.Policy{}))
	w.room("r", "ann", "bob")
	w.listen("r")
	first := w.start(nil, nil)
	w.join("r", "ann", "bob")
	w.say("r", "bob", 1, "watch", "east")
	w.say("r", "ann", 1, "say", "east")
	w.say("r", "ann", 2, "say", "west")
	w.say("r", "ann", 3, "mark", "")
	w.awaitType("marked", 1)
	first.kill()
	w.start(nil, nil)
	w.say("r", "ann", 4, "say", "east")
	w.say("r", "bob", 2, "watch", "west")
	w.say("r", "ann", 5, "say", "east")
	w.say("r", "ann", 6, "say", "west")
	w.attach("r", "bob", "c1", "back", broker.Position{Epoch: 1, N: 2})
	w.say("r", "ann", 7, "mark", "")
	heard := w.awaitType("marked", 2)
	want := []string{`said "east"`, "marked ", `said "east"`, `said "west"`}
	if got := given(t, heard, "back", "bob"); !slices.Equal(got, want) {
		t.Errorf("bob was given\n got %q\nwant %q", got, want)
	}
	for _, o := range ofType(t, heard, "said") {
		if !slices.Equal(o.To, []string{"bob"}) {
			t.Errorf("%s %s went to %q, want to bob alone", o.Type, o.Body, o.To)
		}
	}
}

func TestAreasAreWatchedAfterASleep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, hall(handlers.Policy{Keep: handlers.Checkpointed{}, Idle: time.Second, Grace: 10 * time.Hour}))
		w.room("r", "ann", "bob")
		w.listen("r")
		p := w.start(nil, nil)
		w.join("r", "ann", "bob")
		w.say("r", "bob", 1, "watch", "east")
		w.say("r", "ann", 1, "mark", "")
		w.awaitType("marked", 1)
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := p.Rooms(); got != 0 {
			t.Errorf("%d rooms awake, want 0", got)
		}
		w.say("r", "ann", 2, "say", "east")
		if said := ofType(t, w.awaitType("said", 1), "said"); !slices.Equal(said[0].To, []string{"bob"}) {
			t.Errorf("got %q, want bob", said[0].To)
		}
		p.end()
	})
}

func TestWhoComesBackGetsTheNewestOfWhatIsReplaced(t *testing.T) {
	t.Parallel()
	for _, takeover := range []bool{false, true} {
		t.Run(fmt.Sprint("takeover ", takeover), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, hall(handlers.Policy{}))
			w.room("r", "ann", "bob")
			w.listen("r")
			p := w.start(nil, nil)
			w.join("r", "ann", "bob")
			for n := range uint64(9) {
				w.say("r", "ann", n+1, "frame", n)
				if n == 4 {
					w.say("r", "bob", 1, "mark", "")
				}
			}
			w.awaitType("frame", 9)
			if takeover {
				p.kill()
				w.start(nil, nil)
			}
			w.attach("r", "bob", "c1", "back", broker.Position{Epoch: 1, N: 2})
			heard := w.awaitPart(broker.Live, 1)
			if at := heard[0].At; at.N != 12 {
				t.Errorf("live at %v, want 12", at)
			}
			all := w.await("all", func([]*broker.Output) bool { return true })
			if got, want := given(t, all, "back", "bob"), []string{"marked ", "frame 8"}; !slices.Equal(got, want) {
				t.Errorf("bob was given %q, want %q", got, want)
			}
		})
	}
}
