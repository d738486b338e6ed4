package worker

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/madang-games/madang/broker"
)

func TestRingGivesBackWhatItKeepsHoweverOftenItsSpaceIsUsedAgain(t *testing.T) {
	t.Parallel()
	for _, retain := range []int{1, 2, 3, 7, 100} {
		l := line{at: broker.Position{Epoch: 5}, retain: retain}
		for n := uint64(1); n <= 500; n++ {
			l.add(entry{
				Output:  &broker.Output{Room: "r", Type: fmt.Sprint("t", n), To: []string{"u"}, Request: n%9 + 1, Time: time.UnixMilli(int64(n))},
				AskedBy: "c", AskedSeq: n,
			})
			kept := l.remembered()
			if len(kept) != min(int(n), retain) {
				t.Fatalf("of %d with %d to be retained %d are kept", n, retain, len(kept))
			}
			var answer []uint64
			for i, e := range kept {
				want := n - uint64(len(kept)-1-i)
				if e.At != (broker.Position{Epoch: 5, N: want}) || e.Type != fmt.Sprint("t", want) || e.AskedSeq != want {
					t.Fatalf("output %d of %d is %v, a %s asked for with %d, want number %d", i, len(kept), e.At, e.Type, e.AskedSeq, want)
				}
				if e.Request == 4 {
					answer = append(answer, want)
				}
			}
			var found []uint64
			for _, e := range l.answers(&broker.Message{Room: "r", User: "u", Seq: 4, Conn: "c", ConnSeq: 1000}) {
				found = append(found, e.At.N)
			}
			if !slices.Equal(found, answer) {
				t.Fatalf("answers to a request are %d, want %d", found, answer)
			}
		}
		if most := 2*retain + 4; cap(l.ring.places) > 4*most {
			t.Errorf("%d places for %d outputs", cap(l.ring.places), retain)
		}
	}
}

func TestRingGivesBackSpaceThatLargeOutputsTook(t *testing.T) {
	t.Parallel()
	l := line{retain: 10}
	for range 10 {
		l.add(entryOf(50_000))
	}
	for range 20 {
		l.add(entryOf(10))
	}
	if size, has := l.ring.size(), cap(l.ring.data); has > 8*size+2048 {
		t.Errorf("%d bytes are held for outputs of %d", has, size)
	}
}
