package linear

import (
	"context"
	"fmt"
	"testing"

	"github.com/anishathalye/porcupine"

	"github.com/madang-games/madang/store"
)

const (
	balanceRooms = 3
	balanceUsers = 4
)

// purse is what one user has.
type purse struct{ gold, win int64 }

// balances is all of them, and the rooms that fill them, as if there were no concurrency.
type balances struct {
	terms  [balanceRooms]uint64
	purses [balanceUsers]purse
}

type balanceCall struct {
	verb   string // take up, award, read
	room   int
	term   uint64
	awards [balanceUsers]purse
	user   int // read
}

type balanceAnswer struct {
	how   outcome
	term  uint64
	purse purse
}

// alone does one call and returns what it gives when nobody else calls.
func (b *balances) alone(c balanceCall) balanceAnswer {
	switch {
	case c.verb == "take up":
		b.terms[c.room]++
		return balanceAnswer{how: done, term: b.terms[c.room]}
	case c.verb == "read":
		return balanceAnswer{how: done, purse: b.purses[c.user]}
	case b.terms[c.room] != c.term:
		return balanceAnswer{how: stale}
	}
	for i, a := range c.awards {
		b.purses[i].gold = max(b.purses[i].gold+a.gold, 0) // nobody owes
		b.purses[i].win += a.win
	}
	return balanceAnswer{how: done}
}

// balanceModel is alone, for Porcupine. It is not cut into users: an award to several comes to all of them at once.
var balanceModel = porcupine.Model{
	Init: func() any { return balances{} },
	Step: func(state, input, output any) (bool, any) {
		next, got := state.(balances), output.(balanceAnswer)
		want := next.alone(input.(balanceCall))
		return got.how == unknown || got == want, next
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v -> %+v", input, output) },
	DescribeState:     func(state any) string { return fmt.Sprintf("%+v", state) },
}

// balance calls the store.
func (c *client) balance(call balanceCall) balanceAnswer {
	output := c.call(call, call.verb == "award", func(ctx context.Context) (any, error) {
		switch call.verb {
		case "take up":
			r, err := c.store.TakeUp(ctx, roomID(call.room))
			return balanceAnswer{term: r.Term}, err
		case "read":
			a, err := c.store.Account(ctx, userID(call.user))
			return balanceAnswer{purse: purse{a.Gold, a.Win}}, err
		}
		commit := &store.Commit{Room: roomID(call.room), Term: call.term, Epoch: 1}
		for i, a := range call.awards {
			if a != (purse{}) {
				commit.Awards = append(commit.Awards, store.Award{User: userID(i), Gold: a.gold, Win: a.win})
			}
		}
		_, err := c.store.Commit(ctx, commit)
		return balanceAnswer{}, err
	}, func(output any, how outcome) any {
		a := output.(balanceAnswer)
		a.how = how
		return a
	})
	return output.(balanceAnswer)
}

func TestBalancesAreLinearizable(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, stores []store.Store) {
		makeUsers(t, stores[0], balanceUsers)
		makeRooms(t, stores[0], balanceRooms, 2)
		var terms [clients][balanceRooms]uint64 // as each client has last been given them
		check(t, balanceModel, record(t, stores, []outcome{done, stale}, func(c *client, n int) {
			call := balanceCall{verb: "read", user: c.rand.IntN(balanceUsers)}
			if c.id%2 == 0 { // a worker; the others read
				call.verb, call.user, call.room = "award", 0, c.rand.IntN(balanceRooms)
				term := &terms[c.id][call.room]
				if *term == 0 || c.rand.IntN(6) == 0 {
					call.verb = "take up"
					if a := c.balance(call); a.how == done {
						*term = a.term
					}
					return
				}
				winner := c.rand.IntN(balanceUsers)
				stake := 1 + c.rand.Int64N(1_000_000) // no two sums of awards are the same
				call.term = *term
				call.awards[winner] = purse{stake, 1}
				call.awards[(winner+1)%balanceUsers] = purse{-stake / 4, 0}
			}
			c.balance(call)
		}))
	})
}
