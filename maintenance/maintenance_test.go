package maintenance

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/broker/memory"
	"github.com/madang-games/madang/store"
)

// shelf is a store of one maintenance.
type shelf struct {
	mu   sync.Mutex
	m    store.Maintenance
	away bool
}

func (s *shelf) Maintenance(context.Context) (store.Maintenance, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return store.Maintenance{}, store.ErrUnavailable
	}
	return s.m, nil
}

func (s *shelf) SetMaintenance(_ context.Context, m store.Maintenance) (store.Maintenance, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.N != s.m.N {
		return m, store.ErrChanged
	}
	m.N++
	s.m = m
	return m, nil
}

func (s *shelf) set(away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

// deployment is a desk and the keeper of a process.
type deployment struct {
	*testing.T
	shelf  *shelf
	board  *memory.Broker
	desk   *Desk
	keeper *Keeper
}

func deploy(t *testing.T, test func(d *deployment)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &deployment{T: t, shelf: &shelf{}, board: memory.New(memory.Config{Log: slog.New(slog.DiscardHandler)})}
		defer d.board.Close()
		d.desk = &Desk{Store: d.shelf, Board: d.board, From: "operator"}
		d.keeper = NewKeeper(Config{Store: d.shelf, Board: d.board, Log: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan error, 1)
		go func() { ran <- d.keeper.Run(ctx) }()
		synctest.Wait()
		test(d)
		cancel()
		if err := <-ran; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	})
}

// stands checks what the keeper lets be done.
func (d *deployment) stands(phase Phase, paused, shut bool) {
	d.Helper()
	synctest.Wait()
	_, got := d.keeper.Current()
	_, p := d.keeper.Paused("player")
	if s := d.keeper.Shut("player"); got != phase || p != paused || s != shut {
		d.Errorf("got %v, paused %v, shut %v; want %v, %v, %v", got, p, s, phase, paused, shut)
	}
}

func (d *deployment) must(_ store.Maintenance, err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

func TestItRunsItsCourse(t *testing.T) {
	deploy(t, func(d *deployment) {
		d.stands(None, false, false)
		d.must(d.desk.Announce(d.Context(), Plan{Text: "Soon.", In: time.Hour, Close: 10 * time.Minute, For: 2 * time.Hour, EndRooms: true, Exempt: []string{"tester"}}))
		d.stands(Announced, false, false) // at once, by the board
		time.Sleep(time.Hour)
		d.stands(Begun, true, false)
		if ends, _ := d.keeper.Paused("player"); time.Until(ends).Round(time.Minute) != 2*time.Hour {
			d.Errorf("it ends in %v, want 2 hours", time.Until(ends))
		}
		if _, _, now := d.keeper.EndRooms(); now {
			d.Error("rooms end before it closes")
		}
		time.Sleep(10 * time.Minute)
		d.stands(Closed, true, false) // to hear how rooms end
		time.Sleep(farewell)
		d.stands(Closed, true, true)
		if _, paused := d.keeper.Paused("tester"); paused || d.keeper.Shut("tester") || !d.keeper.Exempts() {
			d.Error("a tester is not let in")
		}
		if _, before, now := d.keeper.EndRooms(); !now || !before.Equal(d.shelf.m.Closes) {
			d.Errorf("rooms end: %v, those before %v; want those before %v", now, before, d.shelf.m.Closes)
		}
		d.must(d.desk.End(d.Context()))
		d.stands(None, false, false)
	})
}

func TestAnOperatorMayHurry(t *testing.T) {
	deploy(t, func(d *deployment) {
		d.must(d.desk.Announce(d.Context(), Plan{In: time.Hour, Close: 10 * time.Minute, For: time.Hour}))
		d.must(d.desk.Begin(d.Context()))
		d.stands(Begun, true, false)
		if left := time.Until(d.shelf.m.Closes).Round(time.Second); left != 10*time.Minute {
			d.Errorf("it closes in %v, want 10 minutes", left)
		}
		begun := d.shelf.m.Begins
		d.must(d.desk.Begin(d.Context()))
		if !d.shelf.m.Begins.Equal(begun) {
			d.Error("it has begun twice")
		}
		d.must(d.desk.Close(d.Context()))
		d.stands(Closed, true, true)
	})
}

func TestWithoutANoticeItIsSeenSoon(t *testing.T) {
	deploy(t, func(d *deployment) {
		d.desk.Board = nil
		posts := 0
		if err := d.board.Watch(d.Context(), func(n broker.Notice) {
			if n.Kind == broker.NoticeAnnounce {
				posts++
			}
		}); err != nil {
			d.Fatal(err)
		}
		d.must(d.desk.Announce(d.Context(), Plan{Close: -1}))
		time.Sleep(lookEvery)
		d.stands(Begun, true, false)
		if posts != 1 {
			d.Errorf("the board was told %d times, want once", posts)
		}
		d.shelf.set(true) // and what was known stands while nobody can be asked
		time.Sleep(time.Hour)
		d.stands(Begun, true, false)
		if _, err := d.keeper.Announcement(d.Context()); !errors.Is(err, store.ErrUnavailable) {
			d.Errorf("got %v, want %v", err, store.ErrUnavailable)
		}
	})
}

func TestWhatIsAnnounced(t *testing.T) {
	deploy(t, func(d *deployment) {
		var heard []string
		if err := d.board.Watch(d.Context(), func(n broker.Notice) {
			if n.Kind == broker.NoticeAnnounce {
				heard = append(heard, string(n.Body))
			}
		}); err != nil {
			d.Fatal(err)
		}
		announced := func() (told struct {
			Kind, Text   string
			N            uint64
			Over         bool
			Begins, Ends time.Time
		}, body string) {
			text, err := d.keeper.Announcement(d.Context())
			if err != nil {
				d.Fatal(err)
			}
			if len(text) > 0 {
				if err := json.Unmarshal(text, &told); err != nil {
					d.Fatal(err)
				}
			}
			return told, string(text)
		}
		if _, body := announced(); body != "" {
			d.Errorf("announced at first: %s", body)
		}
		d.must(d.desk.Announce(d.Context(), Plan{Text: "New maps!", In: time.Minute, Close: -1}))
		told, first := announced()
		if told.Kind != "maintenance" || told.Text != "New maps!" || told.N != 1 || told.Over || time.Until(told.Begins) != time.Minute || !told.Ends.IsZero() {
			d.Errorf("got %s", first)
		}
		d.must(d.desk.End(d.Context()))
		told, last := announced()
		if !told.Over || told.N != 2 {
			d.Errorf("at the end: got %s", last)
		}
		synctest.Wait()
		if want := first + " " + last; strings.Join(heard, " ") != want {
			d.Errorf("the board has told %q, want %q", heard, want)
		}
		time.Sleep(overFor + time.Second)
		if _, body := announced(); body != "" {
			d.Errorf("announced long after the end: %s", body)
		}
	})
}

func TestPlansAreChecked(t *testing.T) {
	t.Parallel()
	d := &Desk{Store: &shelf{}}
	for name, p := range map[string]Plan{
		"long text":             {Text: strings.Repeat("é", MaxText+1)},
		"no text at all":        {Text: "\xff"},
		"begins before":         {In: -time.Second},
		"begins far away":       {In: MaxAhead + 1},
		"closes far away":       {Close: MaxAhead + 1},
		"takes less than time":  {For: -1},
		"ends rooms never":      {Close: -1, EndRooms: true},
		"too many to be exempt": {Exempt: make([]string, store.MaxExempt+1)},
	} {
		if _, err := d.Announce(t.Context(), p); !errors.Is(err, ErrPlan) {
			t.Errorf("%s: got %v, want %v", name, err, ErrPlan)
		}
	}
	for name, do := range map[string]func(context.Context) (store.Maintenance, error){"begin": d.Begin, "close": d.Close, "end": d.End} {
		if _, err := do(t.Context()); !errors.Is(err, ErrNone) {
			t.Errorf("%s without any: got %v, want %v", name, err, ErrNone)
		}
	}
}
