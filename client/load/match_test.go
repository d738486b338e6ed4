package load

import (
	"strings"
	"testing"
	"time"

	"github.com/madang-games/madang/handlers"
)

// told is the state of a room of a match.
type told struct {
	Collect bool
	Said    []handlers.Raw
	Notes   map[string]int
	Heard   int
}

// matchGame plays a match as the load wants it; of a player's notes it counts each but every forget-th.
func matchGame(name string, forget int) handlers.Definition {
	g := handlers.New(name, func() *told { return &told{Notes: map[string]int{}} }).WithPolicy(handlers.Policy{Keep: handlers.Ephemeral{}})
	handlers.Open(g, func(o *handlers.Opener, t *told, options struct {
		Capacity int
		Collect  bool
	}) error {
		o.Capacity(options.Capacity)
		t.Collect = options.Collect
		return nil
	})
	handlers.On(g, "note", func(room *handlers.Room, t *told, _ handlers.Raw) error {
		if t.Heard++; forget == 0 || t.Heard%forget > 0 {
			t.Notes[room.From()]++
		}
		return nil
	})
	handlers.On(g, "say", func(room *handlers.Room, t *told, said handlers.Raw) error {
		if t.Collect {
			t.Said = append(t.Said, said)
			return nil
		}
		return room.Send("say", said)
	})
	handlers.On(g, "count", func(room *handlers.Room, t *told, _ struct{}) error {
		return room.Reply("counted", map[string]int{"notes": t.Notes[room.From()]})
	})
	handlers.Tick(g, 10, func(room *handlers.Room, t *told) error {
		for _, said := range t.Said {
			if err := room.Send("say", said); err != nil {
				return err
			}
		}
		t.Said = nil
		return nil
	})
	return g
}

func TestAMatchIsPlayed(t *testing.T) {
	t.Parallel()
	url := deployment(t)
	for name, collect := range map[string]bool{"at once": false, "collected": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := Run(t.Context(), Config{URL: url, Match: true, Collect: collect, Rooms: 3, Clients: 4, Rate: 20, Time: 1200 * time.Millisecond, Warmup: 200 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			if !r.OK() || r.Sent == 0 || r.Delivered != 4*r.Sent || r.Notes < r.Sent-12 || r.Notes > r.Sent+12 {
				t.Errorf("got %v, want every second message at each of 4 members, and the others counted", r)
			}
			if collect != (r.BeyondP99 > 0) || r.BeyondP50 > r.P50 || r.BeyondP99 > r.P99 {
				t.Errorf("got %v, want what was later than the tick where there is one, and that less than all", r)
			}
			if got := r.String(); !strings.Contains(got, "miscounted by 0") || collect != strings.Contains(got, "beyond the tick") {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestARoomThatMiscountsIsSeen(t *testing.T) {
	t.Parallel()
	r, err := Run(t.Context(), Config{URL: deployment(t), Match: true, Game: "forgetful", Rooms: 1, Clients: 2, Rate: 50, Time: 500 * time.Millisecond,
		Warmup: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if r.OK() || r.Miscounted != r.Notes/5 || r.Miscounted == 0 || r.Lost != 0 {
		t.Errorf("got %v, want a fifth of the notes missing and nothing else", r)
	}
}

func TestAGridTellsWhatIsBeyondTheTick(t *testing.T) {
	t.Parallel()
	const ms = int64(time.Millisecond)
	for name, c := range map[string]struct {
		seen           []int64 // times of messages, in milliseconds
		due, came, got int64
	}{
		"at the tick":             {[]int64{1030}, 1050, 1132, 2},
		"a tick later":            {[]int64{1030}, 1050, 1232, 102},
		"due with the tick":       {[]int64{1030}, 1130, 1131, 1},
		"later ones say nothing":  {[]int64{1030, 1135, 1232}, 1250, 1333, 3},
		"earlier ones are right":  {[]int64{1035, 1130, 1233}, 1250, 1333, 3},
		"over the round thousand": {[]int64{1003, 1099, 1203}, 1250, 1301, 2},
		"due in its millisecond":  {[]int64{1030}, 1131, 1132, 1},
	} {
		var g grid
		for _, at := range c.seen {
			g.see(at * ms)
		}
		if got := g.beyond(c.due*ms, c.came*ms); got != c.got*ms {
			t.Errorf("%s: got %v, want %d ms", name, time.Duration(got), c.got)
		}
	}
}
