package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/madang-games/madang/store"
)

// fenceCases: only who took a room up last commits to it.
var fenceCases = []testCase{
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
}
