package worker

import (
	"bytes"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

func entryOf(size int) entry {
	return entry{Output: &broker.Output{Room: "r", Type: "t", Time: time.UnixMilli(1), Body: bytes.Repeat([]byte("x"), size)}}
}

func (l *line) remembered() []entry { return l.ring.last("r", l.at, l.ring.len(), 0) }

func TestRingIsBoundedInNumberAndBytes(t *testing.T) {
	t.Parallel()
	l := line{retain: 10}
	for range 25 {
		l.add(entryOf(1))
	}
	kept := l.remembered()
	if len(kept) != 10 || kept[9].At.N != 25 || l.at.N != 25 {
		t.Errorf("ring has %d, want the last 10 of 25", len(kept))
	}
	l = line{retain: 10_000}
	for range 100 {
		l.add(entryOf(64 << 10))
	}
	if l.ring.size() > retainBytes || l.ring.len() != 15 {
		t.Errorf("ring has %d outputs of %d bytes, want 15 of at most %d", l.ring.len(), l.ring.size(), retainBytes)
	}
	l = line{}
	l.add(entryOf(1))
	if l.ring.len() != 0 || l.ring.size() != 0 || l.at.N != 1 {
		t.Errorf("ring has %d outputs of %d bytes though none are to be kept", l.ring.len(), l.ring.size())
	}
}

func TestForgetLeavesWhatIsRetainedOrUnpublished(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		retain    int
		size      int
		published uint64
		want      uint64
	}{
		{"few: nothing", 256, 1, 100, 0},
		{"many: whole runs", 50, 1, 100, 50},
		{"retain none", 0, 1, 100, 100},
		{"unpublished stay", 0, 1, 73, 70},
		{"bytes bound", 10_000, 64 << 10, 100, 90},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := line{retain: c.retain}
			for range 10 {
				var run []entry
				for range 10 {
					e := entryOf(c.size)
					l.add(e)
					run = append(run, e)
				}
				l.log(run)
			}
			if got := l.forget(c.published); got != c.want {
				t.Errorf("forgets up to %d, want %d", got, c.want)
			}
			if got := l.forget(c.published); got != 0 {
				t.Errorf("forgets up to %d a second time, want nothing more", got)
			}
		})
	}
}

func TestLogComesBackAsItWas(t *testing.T) {
	t.Parallel()
	entries := []entry{
		{Output: &broker.Output{Type: "plain", Time: time.UnixMilli(-5)}},
		{Output: &broker.Output{
			Type: "all", From: "ann", To: []string{"bob", ""}, Request: 1 << 63, Code: "no", Unseat: "eve",
			Time: time.UnixMilli(1_700_000_000_123), ContentType: "application/json", Body: []byte(`{"a":"ä\u0000"}`),
		}, AskedBy: "c1", AskedSeq: 99},
	}
	l := line{at: broker.Position{Epoch: 3, N: 7}, retain: 10}
	for i := range entries {
		entries[i].Room = "r"
		l.add(entries[i])
	}
	kept := l.log(entries)
	var back line
	back.retain = 10
	rec := store.Record{Room: store.Room{ID: "r"}, Epoch: 3, N: 9, Published: 8, Log: []store.Logged{*kept}}
	unpublished, ok := back.load(&rec)
	if !ok || len(unpublished) != 1 || unpublished[0].At.N != 9 {
		t.Fatalf("load: %d unpublished, %t; want number 9", len(unpublished), ok)
	}
	if got := back.remembered(); !reflect.DeepEqual(got, entries) {
		t.Errorf("got %+v, want %+v", *got[1].Output, *entries[1].Output)
	}
}

func TestLoadSaysWhatIsLost(t *testing.T) {
	t.Parallel()
	run := func(first, last uint64) store.Logged {
		l := line{at: broker.Position{Epoch: 1, N: first - 1}}
		var entries []entry
		for range last - first + 1 {
			e := entryOf(1)
			l.add(e)
			entries = append(entries, e)
		}
		return *l.log(entries)
	}
	for _, c := range []struct {
		name      string
		log       []store.Logged
		published uint64
		ok        bool
		ring      int
	}{
		{"all", []store.Logged{run(1, 4), run(5, 9)}, 2, true, 9},
		{"hole before what matters", []store.Logged{run(1, 3), run(5, 9)}, 4, true, 5},
		{"hole in the unpublished", []store.Logged{run(1, 3), run(5, 9)}, 2, false, 0},
		{"end is missing", []store.Logged{run(1, 8)}, 8, false, 0},
		{"nothing kept, nothing needed", nil, 9, true, 0},
		{"damaged", []store.Logged{{First: 1, Last: 9, Data: []byte{1, 9, 0}}}, 9, false, 0},
	} {
		l := line{retain: 100}
		_, ok := l.load(&store.Record{Room: store.Room{ID: "r"}, Epoch: 1, N: 9, Published: c.published, Log: c.log})
		if ok != c.ok || ok && l.ring.len() != c.ring {
			t.Errorf("%s: whole %t with %d remembered, want %t with %d", c.name, ok, l.ring.len(), c.ok, c.ring)
		}
	}
}

func TestRecallPutsWhatConnectsBeforeTheLine(t *testing.T) {
	t.Parallel()
	var all []store.Logged
	whole := line{at: broker.Position{Epoch: 1}, retain: 100}
	for range 10 {
		var entries []entry
		for range 3 {
			e := entryOf(int(whole.at.N))
			whole.add(e)
			entries = append(entries, e)
		}
		all = append(all, *whole.log(entries))
	}
	hole := append(slices.Clone(all[:2]), all[3:]...)
	damaged := slices.Clone(all)
	damaged[4].Data = []byte{1}
	for _, c := range []struct {
		name      string
		published uint64
		tail      []store.Logged // read when the room is taken up
		all       []store.Logged
		retain    int
		first     uint64 // the oldest that is remembered afterwards
		runs      int
	}{
		{"all", 27, all[9:], all, 100, 1, 10},
		{"nothing was unpublished", 30, nil, all, 100, 1, 10},
		{"as many as are retained", 27, all[9:], all, 20, 12, 10},
		{"a hole", 27, all[9:], hole, 100, 10, 9},
		{"damaged", 27, all[9:], damaged, 100, 16, 10},
		{"nothing is left", 27, all[9:], all[9:], 100, 28, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := line{retain: c.retain}
			rec := store.Record{Room: store.Room{ID: "r"}, Epoch: 1, N: 30, Published: c.published, Log: c.tail}
			if _, ok := l.load(&rec); !ok || !l.reaches(broker.Position{Epoch: 1, N: 4}) {
				t.Fatalf("loaded %t, something older %t; want both", ok, l.older)
			}
			l.add(entryOf(30)) // before anybody asks
			l.log(l.remembered()[l.ring.len()-1:])
			l.recall("r", c.all)
			kept := l.remembered()
			if kept[0].At.N != c.first || kept[len(kept)-1].At.N != 31 {
				t.Errorf("remembers %d to %d, want %d to 31", kept[0].At.N, kept[len(kept)-1].At.N, c.first)
			}
			for i, e := range kept {
				if e.At.N != c.first+uint64(i) || len(e.Body) != int(e.At.N-1) {
					t.Fatalf("output %d is %v with %d bytes, want %d with %d", i, e.At, len(e.Body), c.first+uint64(i), e.At.N-1)
				}
			}
			if l.reaches(broker.Position{Epoch: 1, N: 4}) {
				t.Error("asks for what was read")
			}
			if len(l.runs) != c.runs+1 {
				t.Errorf("knows %d runs, want %d", len(l.runs), c.runs+1)
			}
			for i := range l.runs[1:] {
				if l.runs[i].last >= l.runs[i+1].first {
					t.Errorf("run %v comes before %v", l.runs[i], l.runs[i+1])
				}
			}
		})
	}
}
