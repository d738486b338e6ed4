package rabbitmq

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// Rooms that are given messages of one channel in any order, and ack theirs in any portions: the broker, which counts what it is owed and
// takes no tag that it is not owed, must have been acked exactly what was.
func TestAcksAreForOneRoomAlone(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 8))
	for range 300 {
		var a acks
		rooms := make([][]uint64, 1+rng.IntN(4))
		owed := map[uint64]bool{}
		for tag := uint64(1); tag <= 60; {
			if rng.IntN(3) > 0 {
				i := rng.IntN(len(rooms))
				rooms[i] = append(rooms[i], tag)
				owed[tag] = true
				tag++
				continue
			}
			i := rng.IntN(len(rooms))
			n := rng.IntN(len(rooms[i]) + 1)
			mine := rooms[i][:n]
			rooms[i] = rooms[i][n:]
			upTo, rest := a.take(mine)
			if upTo > 0 {
				if !owed[upTo] {
					t.Fatalf("acks up to %d, which the broker is not owed", upTo)
				}
				for old := range owed {
					if old <= upTo {
						delete(owed, old)
					}
				}
			}
			for _, tag := range rest {
				if !owed[tag] {
					t.Fatalf("acks %d, which the broker is not owed", tag)
				}
				delete(owed, tag)
			}
			var want []uint64
			for _, tags := range rooms {
				want = append(want, tags...)
			}
			if len(want) != len(owed) || slices.ContainsFunc(want, func(tag uint64) bool { return !owed[tag] }) {
				t.Fatalf("the broker is owed %v, want %v", owed, want)
			}
		}
		if len(a.beyond) > 60 {
			t.Errorf("%d tags are remembered", len(a.beyond))
		}
	}
	var a acks
	if upTo, rest := a.take([]uint64{1, 2, 3}); upTo != 3 || len(rest) != 0 {
		t.Errorf("one room: got up to %d and %v, want all by one frame", upTo, rest)
	}
	if upTo, rest := a.take([]uint64{5, 6}); upTo != 0 || len(rest) != 2 {
		t.Errorf("behind another room's: got up to %d and %v, want each by itself", upTo, rest)
	}
	if upTo, rest := a.take([]uint64{4, 9}); upTo != 4 || !slices.Equal(rest, []uint64{9}) || a.all != 6 || len(a.beyond) != 1 {
		t.Errorf("the gap: got up to %d and %v, all to %d, want 4, [9] and 6", upTo, rest, a.all)
	}
}
