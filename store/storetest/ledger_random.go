package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/madang-games/madang/store"
)

// What the random operations are about.
const (
	randomUsers  = 6
	randomActors = 8
	randomRounds = 25
	mostHats     = 12
)

// bazaar is many who trade at once, through two Stores of one database, with calls that are cut off: what was cut off is
// done again under the same reference, as a client does that has heard no answer.
type bazaar struct {
	*suite
	stores []store.Store
	users  []string

	mu   sync.Mutex
	want map[[2]string]int64 // by user and item: what the operations that were answered with success make
	hats int                 // changes of hats
	cut  int                 // calls that ended with an error that leaves open whether they happened
}

// note adds what has happened to what is wanted.
func (b *bazaar) note(entries []store.Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range entries {
		if e.Item == "hat" {
			b.hats++
		}
		if e.Account != store.House {
			b.want[[2]string{e.Account, e.Item}] += e.Amount
		}
	}
}

// call calls do with contexts that may end at any moment, at last with one that does not. done is false when it was cut.
func (b *bazaar) call(ctx context.Context, chance *rand.Rand, try int, do func(ctx context.Context) error) (err error, done bool) {
	if try < 3 && chance.IntN(2) == 0 {
		var end context.CancelFunc
		// Some have ended before they begin: a back end may take up whatever comes at once, and then waits for its outcome.
		ctx, end = context.WithTimeout(ctx, time.Duration(chance.IntN(2000)-200)*time.Microsecond)
		defer end()
	}
	err = do(ctx)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, store.ErrUnavailable) {
		b.mu.Lock()
		b.cut++
		b.mu.Unlock()
		return err, false
	}
	return err, true
}

// trade posts one random operation.
func (b *bazaar) trade(ctx context.Context, s store.Store, chance *rand.Rand, reference string) {
	one := b.users[chance.IntN(len(b.users))]
	other := b.users[chance.IntN(len(b.users))]
	n := 1 + chance.Int64N(4)
	var entries []store.Entry
	switch chance.IntN(6) {
	case 0: // earn
		entries = []store.Entry{entry(one, store.Gold, 20*n)}
	case 1: // buy
		entries = []store.Entry{entry(one, store.Gold, -7*n), {Account: one, Item: "hat", Amount: n, Limit: mostHats}}
	case 2: // use up
		entries = []store.Entry{entry(one, "hat", -n)}
	case 3: // give
		if one == other {
			return
		}
		entries = []store.Entry{entry(one, "hat", -n), {Account: other, Item: "hat", Amount: n, Limit: mostHats}}
	case 4: // sell
		if one == other {
			return
		}
		entries = []store.Entry{
			entry(one, "hat", -n), {Account: other, Item: "hat", Amount: n, Limit: mostHats},
			entry(one, store.Gold, 5*n), entry(other, store.Gold, -5*n),
		}
	case 5: // craft
		entries = []store.Entry{entry(one, "hat", -2), entry(one, "crown", 1), entry(one, store.Gold, -1)}
	}
	p := posting(reference, entries...)
	for try := 0; ; try++ {
		var posted store.Posted
		err, done := b.call(ctx, chance, try, func(ctx context.Context) (err error) {
			posted, err = s.Post(ctx, p)
			return err
		})
		switch {
		case !done && ctx.Err() == nil:
			continue
		case errors.Is(err, store.ErrShort), errors.Is(err, store.ErrFull):
			return
		case err != nil:
			b.Errorf("%s: %v", reference, err)
			return
		}
		if len(posted.Lines) != len(p.Entries) || posted.Repeated && try == 0 {
			b.Errorf("%s, try %d: got %+v", reference, try, posted)
		}
		b.note(p.Entries)
		return
	}
}

// round is one commit of a room, as often as its worker must try to know that it has happened.
func (b *bazaar) round(ctx context.Context, s store.Store, chance *rand.Rand, r *store.Record) {
	one, other := b.users[chance.IntN(len(b.users))], b.users[chance.IntN(len(b.users))]
	c := commit(*r)
	c.N = r.N + 1
	c.Awards = []store.Award{{User: one, Gold: 3, Win: 1}, {User: other, Gold: 1}}
	c.Grants = []store.Grant{
		{User: other, Item: "shard", Count: 2}, {User: one, Item: "dust", Count: 3, Limit: 10}, {User: other, Item: "dust", Count: -2},
	}
	for try := 0; ; try++ {
		err, done := b.call(ctx, chance, try, func(ctx context.Context) error {
			_, err := s.Commit(ctx, c)
			return err
		})
		if !done && ctx.Err() == nil {
			now, err := s.TakeUp(ctx, r.Room.ID)
			if err != nil {
				b.Errorf("take up: %v", err)
				return
			}
			c.Term = now.Term
			if now.N != c.N {
				continue
			}
		} else if err != nil {
			b.Errorf("commit: %v", err)
			return
		}
		r.Term, r.N = c.Term, c.N
		b.note([]store.Entry{entry(one, store.Gold, 3), entry(other, store.Gold, 1), entry(other, "shard", 2)})
		return
	}
}

// outside is what all players have by the house's entries: the negative of its side.
func (b *bazaar) outside(s store.Store) map[string]int64 {
	sums := map[string]int64{}
	for cursor := ""; ; {
		lines, next, err := s.Ledger(b.ctx(), store.House, cursor, 100)
		b.fatal("list the house's ledger", err)
		for _, l := range lines {
			sums[l.Item] -= l.Amount
		}
		if cursor = next; next == "" {
			return sums
		}
	}
}

var ledgerRandomCases = []testCase{
	{"NothingAppearsOrVanishes", func(t *suite) {
		b := &bazaar{suite: t, stores: []store.Store{t.open(), t.open()}, want: map[[2]string]int64{}}
		s, ctx := b.stores[0], t.ctx()
		for range randomUsers {
			b.users = append(b.users, t.user(s))
		}
		seed := rand.Uint64()
		records := make([]store.Record, randomActors)
		for i := range records {
			records[i] = t.held(s, 2)
		}
		together(randomActors+1, func(i int) {
			if i == randomActors { // an operator looks meanwhile
				for range 5 {
					t.sound(s)
				}
				return
			}
			chance := rand.New(rand.NewPCG(seed, uint64(i)))
			for n := range randomRounds {
				if chance.IntN(4) == 0 {
					b.round(ctx, b.stores[i%2], chance, &records[i])
				} else {
					b.trade(ctx, b.stores[i%2], chance, fmt.Sprintf("actor-%d/%d", i, n))
				}
			}
		})
		t.sound(s)
		all := map[string]int64{}
		for _, u := range b.users {
			have, err := s.Inventory(t.ctx(), u)
			t.fatal("read inventory", err)
			got := map[string]int64{store.Gold: have.Gold}
			for _, h := range have.Items {
				got[h.Item] = h.Count
			}
			for item, n := range got {
				all[item] += n
			}
			for _, item := range []string{store.Gold, "hat", "crown", "shard"} {
				equal(t, item+" of "+u, got[item], b.want[[2]string{u, item}])
			}
			if got["hat"] > mostHats || got["dust"] > 10 {
				t.Errorf("%s has %v, over the limit", u, got)
			}
		}
		outside := b.outside(s)
		for _, item := range []string{store.Gold, "hat", "crown", "shard", "dust"} {
			equal(t, item+" of all", all[item], outside[item])
		}
		if b.cut == 0 || all[store.Gold] == 0 || b.hats == 0 {
			t.Errorf("%d calls were cut, hats changed %d times, there are %v: the test has tested nothing", b.cut, b.hats, all)
		}
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	}},
}
