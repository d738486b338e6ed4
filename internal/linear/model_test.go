package linear

import (
	"testing"

	"github.com/anishathalye/porcupine"

	"github.com/madang-games/madang/store"
)

// one makes a history of calls, each after the one before.
func one(pairs ...any) (calls []porcupine.Operation) {
	for i := 0; i < len(pairs); i += 2 {
		at := int64(10 * i)
		calls = append(calls, porcupine.Operation{Input: pairs[i], Output: pairs[i+1], Call: at, Return: at + 1})
	}
	return calls
}

// together makes the last two calls of a history concurrent.
func together(calls []porcupine.Operation) []porcupine.Operation {
	last := &calls[len(calls)-1]
	last.Call = calls[len(calls)-2].Call
	return calls
}

// A checker that never says no would prove nothing.
func TestTheModelsRefuseWhatMayNotBe(t *testing.T) {
	t.Parallel()
	take := func(user int) roomCall { return roomCall{verb: "take", user: user} }
	took := roomAnswer{how: done, state: store.Joining}
	up, upped := roomCall{verb: "take up"}, func(term, n uint64) roomAnswer { return roomAnswer{how: done, term: term, n: n} }
	award := func(term uint64, gold int64) balanceCall {
		return balanceCall{verb: "award", term: term, awards: [balanceUsers]purse{{gold: gold}, {gold: 2 * gold}}}
	}
	read := func(user int) balanceCall { return balanceCall{verb: "read", user: user} }
	has := func(gold int64) balanceAnswer { return balanceAnswer{how: done, purse: purse{gold: gold}} }
	held, hired := balanceCall{verb: "take up"}, balanceAnswer{how: done, term: 1}
	yes := balanceAnswer{how: done}
	for name, c := range map[string]struct {
		model porcupine.Model
		calls []porcupine.Operation
		want  porcupine.CheckResult
	}{
		"three of three": {seatModel, one(take(0), took, take(1), took, take(2), took, take(0), took), porcupine.Ok},
		"four of three":  {seatModel, one(take(0), took, take(1), took, take(2), took, take(3), took), porcupine.Illegal},
		"two for the last seat": {seatModel, together(one(
			take(0), took, take(1), took, take(2), took, take(3), took)), porcupine.Illegal},
		"full though there is a seat": {seatModel, one(take(0), took, take(1), roomAnswer{how: full}), porcupine.Illegal},
		"full, or before the last":    {seatModel, together(one(take(0), took, take(1), took, take(3), took, take(2), roomAnswer{how: full})), porcupine.Ok},
		"a seat that was given up":    {seatModel, one(take(0), took, roomCall{verb: "give up"}, roomAnswer{how: done}, roomCall{verb: "look"}, took), porcupine.Illegal},
		"a count of the past":         {seatModel, one(take(0), took, roomCall{verb: "count"}, roomAnswer{how: done}), porcupine.Illegal},
		"the same term twice":         {seatModel, one(up, upped(1, 0), up, upped(1, 0)), porcupine.Illegal},
		"a stale commit": {seatModel, one(up, upped(1, 0), up, upped(2, 0),
			roomCall{verb: "seat", term: 1, set: 5}, roomAnswer{how: done}), porcupine.Illegal},
		"a commit that the next does not see": {seatModel, one(up, upped(1, 0),
			roomCall{verb: "seat", term: 1, set: 5}, roomAnswer{how: done}, up, upped(2, 0)), porcupine.Illegal},
		"cut short, and seen or not": {seatModel, one(up, upped(1, 0),
			roomCall{verb: "seat", term: 1, set: 5}, roomAnswer{how: unknown}, up, upped(2, 5)), porcupine.Ok},
		"closed on somebody": {seatModel, one(up, upped(1, 0), take(0), took,
			roomCall{verb: "close if empty", term: 1}, roomAnswer{how: closed}), porcupine.Illegal},
		"an award":          {balanceModel, one(held, hired, award(1, 5), yes, read(0), has(5), read(1), has(10)), porcupine.Ok},
		"gold ends at zero": {balanceModel, one(held, hired, award(1, 5), yes, award(1, -7), yes, read(0), has(0), read(1), has(0)), porcupine.Ok},
		"a lost award":      {balanceModel, one(held, hired, award(1, 5), yes, read(0), has(0)), porcupine.Illegal},
		"a doubled award":   {balanceModel, one(held, hired, award(1, 5), yes, read(0), has(10)), porcupine.Illegal},
		"half an award":     {balanceModel, one(held, hired, award(1, 5), yes, read(0), has(5), read(1), has(0)), porcupine.Illegal},
		"an old balance":    {balanceModel, together(one(held, hired, read(0), has(5), award(1, 5), yes)), porcupine.Ok},
		"back to the old":   {balanceModel, one(held, hired, award(1, 5), yes, read(0), has(5), read(0), has(0)), porcupine.Illegal},
		"a stale award":     {balanceModel, one(held, hired, award(0, 5), yes), porcupine.Illegal},
		"refused but paid":  {balanceModel, one(held, hired, award(0, 5), balanceAnswer{how: stale}, read(0), has(5)), porcupine.Illegal},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, _ := porcupine.CheckOperationsVerbose(c.model, c.calls, checkTime); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
