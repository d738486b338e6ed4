package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/madang-games/madang/store"
)

var recordCases = []testCase{
	{"ANewRoomBeginsItsLine", func(t *suite) {
		s := t.open()
		user := t.user(s)
		room := t.room(s, 2, user)
		r, err := s.TakeUp(t.ctx(), room)
		t.fatal("take up", err)
		shown, err := s.Room(t.ctx(), room)
		t.fatal("find", err)
		equal(t, "room", words(r.Room), words(shown))
		equal(t, "players", r.Room.Players, 1)
		equal(t, "line", words(r.Term, r.Epoch, r.N, r.Published, string(r.Memory), len(r.Log)), "1 1 0 0 begin 0")
	}},
	{"KeepsWhatIsCommitted", func(t *suite) {
		s := t.open()
		r := t.held(s, 2)
		c := commit(r)
		big := bytes.Repeat([]byte{0, 255, 7}, 100_000)
		c.Epoch, c.N, c.Published, c.Memory = 3, 9, 7, big
		c.Log = &store.Logged{First: 8, Last: 9, Data: []byte{0, 1, 254}}
		t.commit(s, c)
		r = t.again(s, r, 2)
		equal(t, "line", words(r.Epoch, r.N, r.Published), "3 9 7")
		equal(t, "same memory", bytes.Equal(r.Memory, big), true)
		t.log(r, "8-9:\x00\x01\xfe")
	}},
	{"ManyTakeUpsAtOnceGiveEachItsOwnTerm", func(t *suite) {
		s, other := t.open(), t.open()
		var rooms []string
		for range 20 {
			rooms = append(rooms, t.room(s, 2, ""))
		}
		rooms = append(rooms, "nowhere")
		const each = 6
		terms := make([][each]uint64, len(rooms))
		together(each*len(rooms), func(i int) {
			of := s
			if i%2 == 0 {
				of = other
			}
			room := i % len(rooms)
			r, err := of.TakeUp(t.ctx(), rooms[room])
			if rooms[room] == "nowhere" {
				t.want("take up", err, store.ErrNotFound)
				return
			}
			if err != nil || r.Room.ID != rooms[room] || string(r.Memory) != "begin" {
				t.Errorf("take up %s: got %+v, error %v", rooms[room], r, err)
			}
			terms[room][i/len(rooms)] = r.Term
		})
		for i := range rooms[:20] {
			got := terms[i]
			slices.Sort(got[:])
			equal(t, "terms", got, [each]uint64{1, 2, 3, 4, 5, 6})
		}
	}},
	{"NoMemoryIsUnchangedAndEmptyIsEmpty", func(t *suite) {
		s := t.open()
		r := t.held(s, 2)
		t.commit(s, commit(r))
		r = t.again(s, r, 2)
		equal(t, "memory", string(r.Memory), "begin")
		c := commit(r)
		c.Memory = []byte{}
		t.commit(s, c)
		r = t.again(s, r, 3)
		equal(t, "memory", string(r.Memory), "")
	}},
	{"KeepsRunsInOrderAndForgets", func(t *suite) {
		s := t.open()
		r := t.held(s, 2)
		for i := uint64(0); i < 6; i++ {
			c := commit(r)
			c.N = 20 * (i + 1)
			c.Log = &store.Logged{First: 20*i + 1, Last: 20 * (i + 1), Data: fmt.Append(nil, i)}
			t.commit(s, c)
		}
		c := commit(r)
		c.Forget = 59 // in the midst of a run: it is kept
		t.commit(s, c)
		r = t.again(s, r, 2)
		t.log(r, "41-60:2", "61-80:3", "81-100:4", "101-120:5")
		c = commit(r)
		c.Forget, c.Log = 100, &store.Logged{First: 121, Last: 121, Data: nil}
		t.commit(s, c)
		r = t.again(s, r, 3)
		t.log(r, "101-120:5", "121-121:")
	}},
	{"TakingUpReadsOnlyWhatMayNotBePublished", func(t *suite) {
		s := t.open()
		r := t.held(s, 2)
		for n := uint64(1); n <= 4; n++ {
			c := commit(r)
			c.N, c.Published = 10*n, 10*(n-1)
			c.Log = &store.Logged{First: 10*n - 9, Last: 10 * n, Data: fmt.Append(nil, n)}
			t.commit(s, c)
		}
		r = t.again(s, r, 2)
		t.log(r, "31-40:4")
		c := commit(r)
		c.N, c.Published = 40, 34 // in the midst of a run
		t.commit(s, c)
		t.log(t.again(s, r, 3), "31-40:4")
		whole, err := s.Log(t.ctx(), r.Room.ID, 1)
		t.fatal("log", err)
		t.log(store.Record{Log: whole}, "1-10:1", "11-20:2", "21-30:3", "31-40:4")
		r = t.again(s, r, 4)
		c = commit(r)
		c.N, c.Published = 40, 40
		t.commit(s, c)
		t.log(t.again(s, r, 5))
		for _, none := range []struct {
			room  string
			epoch uint64
		}{{r.Room.ID, 2}, {"nowhere", 1}} {
			got, err := s.Log(t.ctx(), none.room, none.epoch)
			t.fatal("log", err)
			equal(t, "runs", len(got), 0)
		}
	}},
	{"AnotherEpochForgetsTheOlder", func(t *suite) {
		s := t.open()
		r := t.held(s, 2)
		c := commit(r)
		c.N, c.Log = 5, &store.Logged{First: 1, Last: 5, Data: []byte("old")}
		t.commit(s, c)
		c.Epoch, c.N, c.Log = 2, 1, &store.Logged{First: 1, Last: 1, Data: []byte("new")}
		t.commit(s, c)
		r = t.again(s, r, 2)
		t.log(r, "1-1:new")
		c = commit(r)
		c.Epoch = 1
		if _, err := s.Commit(t.ctx(), c); err == nil || errors.Is(err, store.ErrStaleTerm) {
			t.Errorf("commit of an older epoch: got error %v, want one of its own", err)
		}
	}},
	{"ACommitMayBeRepeated", func(t *suite) {
		s := t.open()
		r := t.held(s, 2)
		c := commit(r)
		c.N, c.Log = 2, &store.Logged{First: 1, Last: 2, Data: []byte("x")}
		t.commit(s, c)
		t.commit(s, c)
		t.log(t.again(s, r, 2), "1-2:x")
	}},
	{"UnknownIsNotFound", func(t *suite) {
		s := t.open()
		_, err := s.TakeUp(t.ctx(), "nowhere")
		t.want("take up", err, store.ErrNotFound)
		_, err = s.Commit(t.ctx(), &store.Commit{Room: "nowhere", Term: 1, Epoch: 1})
		t.want("commit", err, store.ErrNotFound)
		_, err = s.Commit(t.ctx(), &store.Commit{Room: "nowhere", Term: 1, Epoch: 1, State: store.Closed})
		t.want("close", err, store.ErrNotFound)
	}},
	{"AnUnknownStateIsRefused", func(t *suite) {
		s := t.open()
		c := commit(t.held(s, 2))
		c.State = "asleep"
		if _, err := s.Commit(t.ctx(), c); err == nil {
			t.Errorf("commit: got no error")
		}
	}},
	{"AStaleTermChangesNothing", func(t *suite) {
		s := t.open()
		user := t.user(s)
		room := t.room(s, 2, user)
		old, err := s.TakeUp(t.ctx(), room)
		t.fatal("take up", err)
		r := t.again(s, old, 2)
		for _, term := range []uint64{old.Term, 0, r.Term + 1} {
			for _, state := range []store.RoomState{"", store.Playing, store.Closed} {
				c := commit(r)
				c.Term, c.N, c.Memory, c.State = term, 5, []byte("stale"), state
				c.Log = &store.Logged{First: 1, Last: 5, Data: []byte("stale")}
				if state != "" {
					c.Seated, c.Awards = []string{user}, []store.Award{{User: user, Gold: 1000}}
				}
				_, err := s.Commit(t.ctx(), c)
				t.want(fmt.Sprintf("commit of term %d, state %q", term, state), err, store.ErrStaleTerm)
			}
		}
		after := t.again(s, r, 3)
		equal(t, "line", words(after.N, string(after.Memory), len(after.Log), after.Room.State), "0 begin 0 open")
		equal(t, "seat", t.seat(s, room, user), store.Joining)
		equal(t, "gold", t.gold(s, user), 0)
	}},
	{"TermsRiseByOneForEachWhoTakesUp", func(t *suite) {
		stores := []store.Store{t.open(), t.open()}
		room, ctx := t.room(stores[0], 2, ""), t.ctx()
		const many = 40
		terms := make([]uint64, many)
		records := make([]store.Record, many)
		together(many, func(i int) {
			r, err := stores[i%2].TakeUp(ctx, room)
			if err != nil {
				t.Errorf("take up: %v", err)
			}
			terms[i], records[i] = r.Term, r
		})
		slices.Sort(terms)
		for i, term := range terms {
			equal(t, "term", term, uint64(i+1))
		}
		var held atomic.Int64
		together(many, func(i int) {
			_, err := stores[i%2].Commit(ctx, commit(records[i]))
			switch {
			case err == nil:
				held.Add(1)
				equal(t, "term that held", records[i].Term, many)
			case !errors.Is(err, store.ErrStaleTerm):
				t.Errorf("commit: got error %v, want %v", err, store.ErrStaleTerm)
			}
		})
		equal(t, "commits that held", held.Load(), 1)
	}},
	{"TakingUpSeesEverythingThatHeld", func(t *suite) {
		// One writes on as long as it holds the room, another takes it up meanwhile: what it reads is exactly what was
		// said to have held.
		stores := []store.Store{t.open(), t.open()}
		ctx := t.ctx()
		for range 20 {
			r := t.held(stores[0], 2)
			said := uint64(0)
			begun, taken := make(chan struct{}), make(chan store.Record, 1)
			go func() {
				<-begun
				next, err := stores[1].TakeUp(ctx, r.Room.ID)
				if err != nil {
					t.Errorf("take up: %v", err)
				}
				taken <- next
			}()
			for n := uint64(1); ; n++ {
				c := commit(r)
				c.N, c.Memory = n, fmt.Append(nil, n)
				c.Log = &store.Logged{First: n, Last: n, Data: fmt.Append(nil, n)}
				_, err := stores[0].Commit(ctx, c)
				if n == 3 {
					close(begun)
				}
				if err != nil {
					t.want("commit", err, store.ErrStaleTerm)
					break
				}
				said = n
			}
			if said < 3 {
				t.Fatalf("commits that held: got %d, want 3 at least", said)
			}
			next := <-taken
			equal(t, "n", next.N, said)
			equal(t, "memory", string(next.Memory), fmt.Sprint(said))
			equal(t, "runs", uint64(len(next.Log)), said)
		}
	}},
	{"OneStaleAmongManyHarmsOnlyItself", func(t *suite) {
		s, other := t.open(), t.open()
		const many = 200
		records := make([]store.Record, many)
		for i := range records {
			records[i] = t.held(s, 2)
		}
		stale := map[int]error{17: store.ErrStaleTerm, 60: store.ErrRoomClosed, 133: store.ErrNotFound}
		t.again(other, records[17], 2)
		closing := commit(records[60])
		closing.State = store.Closed
		t.commit(other, closing)
		records[133].Room.ID = "nowhere"
		ctx := t.ctx()
		for round := uint64(1); round <= 3; round++ {
			together(many, func(i int) {
				c := commit(records[i])
				c.N, c.Memory, c.Log = round, fmt.Append(nil, i), &store.Logged{First: round, Last: round, Data: fmt.Append(nil, i, round)}
				_, err := s.Commit(ctx, c)
				if want := stale[i]; !errors.Is(err, want) {
					t.Errorf("commit of room %d: got error %v, want %v", i, err, want)
				}
			})
		}
		for i, r := range records {
			if stale[i] != nil {
				continue
			}
			r = t.again(s, r, 2)
			equal(t, "memory", string(r.Memory), fmt.Sprint(i))
			equal(t, "runs", len(r.Log), 3)
		}
	}},
	{"TwoCommitsOfOneRoomAtOnceBothHold", func(t *suite) {
		s := t.open()
		r, ctx := t.held(s, 2), t.ctx()
		together(50, func(i int) {
			c := commit(r)
			n := uint64(i + 1)
			c.N, c.Log = n, &store.Logged{First: n, Last: n, Data: []byte("x")}
			if _, err := s.Commit(ctx, c); err != nil {
				t.Errorf("commit: %v", err)
			}
		})
		equal(t, "runs", len(t.again(s, r, 2).Log), 50)
	}},
	{"AnEndedContextCommitsNothing", func(t *suite) {
		s := t.open()
		r := t.held(s, 2)
		ctx, cancel := context.WithCancel(t.ctx())
		cancel()
		for _, state := range []store.RoomState{"", store.Playing} {
			c := commit(r)
			c.N, c.State = 1, state
			_, err := s.Commit(ctx, c)
			t.want("commit", err, context.Canceled)
		}
		_, err := s.TakeUp(ctx, r.Room.ID)
		t.want("take up", err, context.Canceled)
		_, err = s.Room(ctx, r.Room.ID)
		t.want("find", err, context.Canceled)
		r = t.again(s, r, 2)
		equal(t, "line", words(r.N, r.Room.State), "0 open")
	}},
	{"StatesFollowTheCommit", func(t *suite) {
		s := t.open()
		r := t.held(s, 2)
		for _, state := range []store.RoomState{store.Playing, store.Playing, store.Open} {
			c := commit(r)
			c.State = state
			equal(t, "closed", t.commit(s, c), false)
			shown, err := s.Room(t.ctx(), r.Room.ID)
			t.fatal("find", err)
			equal(t, "state", shown.State, state)
		}
	}},
	{"ClosingDropsSeatsAndLog", func(t *suite) {
		s := t.open()
		user := t.user(s)
		room := t.room(s, 2, user)
		r, err := s.TakeUp(t.ctx(), room)
		t.fatal("take up", err)
		c := commit(r)
		c.N, c.Log = 1, &store.Logged{First: 1, Last: 1, Data: []byte("x")}
		t.commit(s, c)
		c.State, c.N, c.Memory, c.Wake = store.Closed, 2, []byte("end"), true
		equal(t, "closed", t.commit(s, c), true)
		equal(t, "seat", t.seat(s, room, user), "")
		seats, err := s.SeatsOf(t.ctx(), user)
		t.fatal("list", err)
		equal(t, "seats", len(seats), 0)
		_, err = s.Commit(t.ctx(), commit(r))
		t.want("commit", err, store.ErrRoomClosed)
		c.State = store.Open
		_, err = s.Commit(t.ctx(), c)
		t.want("commit that opens", err, store.ErrRoomClosed)
		r = t.again(s, r, 2) // works on closed rooms too
		equal(t, "line", words(r.N, string(r.Memory), len(r.Log), r.Room.State), "2 end 0 closed")
		_, err = s.Commit(t.ctx(), commit(r))
		t.want("commit with the new term", err, store.ErrRoomClosed)
	}},
	{"ClosesIfEmpty", func(t *suite) {
		s := t.open()
		user, late := t.user(s), t.user(s)
		r := t.held(s, 2)
		room := r.Room.ID
		_, err := s.TakeSeat(t.ctx(), room, user, begin)
		t.fatal("take seat", err)
		c := commit(r)
		c.Seated = []string{user}
		t.commit(s, c)
		_, err = s.TakeSeat(t.ctx(), room, late, begin)
		t.fatal("take seat", err)
		c.Seated, c.Unseated, c.N, c.State, c.IfEmpty = nil, []string{user}, 4, store.Closed, true
		equal(t, "closed with one who comes", t.commit(s, c), false)
		r = t.again(s, r, 2)
		equal(t, "line", words(r.N, r.Room.State), "4 open")
		equal(t, "the one who left", t.seat(s, room, user), "")
		equal(t, "the one who comes", t.seat(s, room, late), store.Joining)
		t.fatal("give up", s.GiveUpSeat(t.ctx(), room, late, begin))
		c = commit(r)
		c.State, c.IfEmpty = store.Closed, true
		equal(t, "closed with one who leaves", t.commit(s, c), true)
	}},
	{"SeatsFollowTheCommit", func(t *suite) {
		s := t.open()
		r := t.held(s, 4)
		room, one, two := r.Room.ID, t.user(s), t.user(s)
		for _, user := range []string{one, two} {
			_, err := s.TakeSeat(t.ctx(), room, user, begin)
			t.fatal("take", err)
		}
		c := commit(r)
		c.Seated = []string{one, "nobody"}
		t.commit(s, c)
		equal(t, "one", t.seat(s, room, one), store.Seated)
		equal(t, "two", t.seat(s, room, two), store.Joining)
		t.fatal("give up", s.GiveUpSeat(t.ctx(), room, one, begin))
		t.commit(s, c) // a seat that is leaving is not seated by an old join
		equal(t, "one", t.seat(s, room, one), "")
		c.Seated, c.Unseated = nil, []string{one, two, "nobody"}
		t.commit(s, c)
		equal(t, "two", t.seat(s, room, two), "")
		pending, err := s.PendingSeats(t.ctx(), time.Now().Add(time.Hour), 10)
		t.fatal("list pending", err)
		equal(t, "pending", len(pending), 0)
	}},
	{"OneRoundMayTakeInAndLetGo", func(t *suite) {
		s := t.open()
		r, user := t.held(s, 4), t.user(s)
		_, err := s.TakeSeat(t.ctx(), r.Room.ID, user, begin)
		t.fatal("take", err)
		c := commit(r)
		c.Seated, c.Unseated = []string{user}, []string{user}
		t.commit(s, c)
		equal(t, "seat", t.seat(s, r.Room.ID, user), "")
	}},
	{"WhoLeavesAndComesBackKeepsTheNewSeat", func(t *suite) {
		s := t.open()
		for _, rounds := range [][]*store.Commit{
			{{Unseated: []string{"u"}}, {Seated: []string{"u"}}}, // the room hears of each by itself
			{{Unseated: []string{"u"}, Seated: []string{"u"}}},   // of both in one round
		} {
			r, user := t.held(s, 4), t.user(s)
			room := r.Room.ID
			_, err := s.TakeSeat(t.ctx(), room, user, begin)
			t.fatal("take", err)
			c := commit(r)
			c.Seated = []string{user}
			t.commit(s, c)
			t.fatal("give up", s.GiveUpSeat(t.ctx(), room, user, begin))
			_, err = s.TakeSeat(t.ctx(), room, user, begin)
			t.fatal("take again", err)
			for _, round := range rounds {
				c := commit(r)
				if round.Unseated != nil {
					c.Unseated = []string{user}
				}
				if round.Seated != nil {
					c.Seated = []string{user}
				}
				t.commit(s, c)
			}
			equal(t, "seat", t.seat(s, room, user), store.Seated)
			c.Seated, c.Unseated = nil, []string{user}
			t.commit(s, c)
			equal(t, "seat after really leaving", t.seat(s, room, user), "")
		}
	}},
	{"AwardsComeExactlyWithTheCommit", func(t *suite) {
		stores := []store.Store{t.open(), t.open()}
		s, ctx := stores[0], t.ctx()
		one, two := t.user(s), t.user(s)
		const rooms, rounds = 10, 10
		together(rooms, func(i int) {
			s := stores[i%2]
			r := t.held(s, 2)
			for range rounds {
				c := commit(r)
				c.Awards = []store.Award{{User: one, Exp: 30, Gold: 2, Win: 1}, {User: "nobody", Gold: 5}, {User: two, Exp: 10, Lose: 1, Draw: 2}}
				if i%4 > 1 {
					slices.Reverse(c.Awards)
				}
				if _, err := s.Commit(ctx, c); err != nil {
					t.Errorf("commit: %v", err)
				}
				c.Term-- // a worker that was replaced
				if _, err := s.Commit(ctx, c); !errors.Is(err, store.ErrStaleTerm) {
					t.Errorf("commit: got error %v, want %v", err, store.ErrStaleTerm)
				}
			}
		})
		a, err := s.Account(ctx, one)
		t.fatal("find", err)
		equal(t, "one", words(a.Exp, a.Level, a.Gold, a.Win, a.Lose, a.Draw), "3000 31 200 100 0 0")
		a, err = s.Account(ctx, two)
		t.fatal("find", err)
		equal(t, "two", words(a.Exp, a.Level, a.Gold, a.Win, a.Lose, a.Draw), "1000 11 0 0 100 200")
	}},
}

// again takes r up again and checks the term that this gives.
func (t *suite) again(s store.Store, r store.Record, term uint64) store.Record {
	t.Helper()
	r, err := s.TakeUp(t.ctx(), r.Room.ID)
	t.fatal("take up", err)
	equal(t, "term", r.Term, term)
	return r
}

// log checks the runs that r has.
func (t *suite) log(r store.Record, want ...string) {
	t.Helper()
	var got []string
	for _, l := range r.Log {
		got = append(got, fmt.Sprintf("%d-%d:%s", l.First, l.Last, l.Data))
	}
	if !slices.Equal(got, want) {
		t.Errorf("log: got %q, want %q", got, want)
	}
}

func (t *suite) gold(s store.Store, user string) int64 {
	t.Helper()
	a, err := s.Account(t.ctx(), user)
	t.fatal("find account", err)
	return a.Gold
}
