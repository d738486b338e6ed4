package broker_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/madang-games/madang/broker"
)

func workers(n int) []broker.Process {
	all := make([]broker.Process, n)
	for i := range all {
		all[i] = broker.Process{ID: fmt.Sprintf("worker-%d", i), Games: map[string][]string{"othello": {"1"}}}
	}
	return all
}

func TestRankMovesOnlyTheRoomsOfAWorkerThatGoes(t *testing.T) {
	t.Parallel()
	const rooms = 1000
	all := workers(5)
	count := map[string]int{}
	for i := range rooms {
		room := fmt.Sprintf("room-%d", i)
		before := broker.Rank(room, "othello", "1", all)
		count[before[0]]++
		after := broker.Rank(room, "othello", "1", all[:4]) // worker-4 has gone
		want := slices.DeleteFunc(before, func(id string) bool { return id == "worker-4" })
		if !slices.Equal(after, want) {
			t.Fatalf("%s: got %v, want %v: the others keep their places", room, after, want)
		}
	}
	for id, n := range count {
		if n < rooms/5/2 || n > rooms/5*2 {
			t.Errorf("%s is first for %d of %d rooms, want about %d", id, n, rooms, rooms/5)
		}
	}
}

func TestRoomsOfABucketHaveTheSameWorkers(t *testing.T) {
	t.Parallel()
	const rooms = 20_000
	all := workers(5)
	ranks, count := map[int][]string{}, map[int]int{}
	for i := range rooms {
		room := fmt.Sprintf("room-%d", i)
		bucket, rank := broker.Bucket(room), broker.Rank(room, "othello", "1", all)
		if known := ranks[bucket]; known != nil && !slices.Equal(known, rank) {
			t.Fatalf("%s has %v, another room of bucket %d has %v", room, rank, bucket, known)
		}
		ranks[bucket] = rank
		count[bucket]++
	}
	if len(count) != broker.Buckets {
		t.Errorf("%d rooms are in %d buckets, want all %d", rooms, len(count), broker.Buckets)
	}
	for bucket, n := range count {
		if bucket < 0 || bucket >= broker.Buckets || n > 3*rooms/broker.Buckets {
			t.Errorf("bucket %d has %d of %d rooms, want about %d", bucket, n, rooms, rooms/broker.Buckets)
		}
	}
}

func TestRankLeavesOutWhoDrainsOrPlaysSomethingElse(t *testing.T) {
	t.Parallel()
	all := workers(3)
	all[0].Drains = true
	all[1].Games = map[string][]string{"othello": {"2"}}
	if got := broker.Rank("r", "othello", "1", all); !slices.Equal(got, []string{"worker-2"}) {
		t.Errorf("got %v, want worker-2 alone", got)
	}
}

func TestRosterKnowsWhoIsThere(t *testing.T) {
	t.Parallel()
	var r broker.Roster
	now := time.Unix(1_700_000_000, 0)
	notice := func(kind string, p broker.Process) broker.Notice {
		body, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		return broker.Notice{Kind: kind, From: p.ID, Body: body}
	}
	one, two := workers(2)[0], workers(2)[1]
	for _, step := range []struct {
		what    string
		notice  broker.Notice
		at      time.Duration
		changed bool
	}{
		{"comes", notice(broker.NoticeProcess, one), 0, true},
		{"is still there", notice(broker.NoticeProcess, one), time.Second, false},
		{"another comes", notice(broker.NoticeProcess, two), time.Second, true},
		{"goes in order", notice(broker.NoticeGone, two), 2 * time.Second, true},
		{"has gone", notice(broker.NoticeGone, two), 2 * time.Second, false},
		{"of another kind", broker.Notice{Kind: broker.NoticeRoom, Body: []byte(`{"id":"x"}`)}, 2 * time.Second, false},
		{"not JSON", broker.Notice{Kind: broker.NoticeProcess, Body: []byte(`{`)}, 2 * time.Second, false},
	} {
		if got := r.Observe(step.notice, now.Add(step.at)); got != step.changed {
			t.Errorf("%s: changed %v, want %v", step.what, got, step.changed)
		}
	}
	if gone := r.Expire(now.Add(4*time.Second), broker.DefaultMissing); len(gone) != 0 {
		t.Errorf("after exactly the time that is allowed: got %v gone", gone)
	}
	gone := r.Expire(now.Add(4*time.Second+1), broker.DefaultMissing)
	if len(gone) != 1 || gone[0].ID != one.ID || len(r.All()) != 0 {
		t.Errorf("after that: got %v gone, %v left, want %s gone", gone, r.All(), one.ID)
	}
}
