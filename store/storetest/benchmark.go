package storetest

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/madang-games/madang/store"
)

// Benchmark measures what must be fast. A commit has 1 KiB of memory and a run of 300 bytes, and forgets the run that is
// 64 commits old, as a worker's do.
func Benchmark(b *testing.B, fresh func(t testing.TB) Opener) {
	b.Run("CommitOneRoom", func(b *testing.B) { benchmarkCommit(b, open(b, fresh), 1) })
	b.Run("CommitHundredRooms", func(b *testing.B) { benchmarkCommit(b, open(b, fresh), 100) })
	b.Run("CommitThousandRooms", func(b *testing.B) { benchmarkCommit(b, open(b, fresh), 1000) })
	b.Run("CommitSeatHundredRooms", func(b *testing.B) { benchmarkCommitSeat(b, open(b, fresh), 100) })
	b.Run("TakeUp", func(b *testing.B) { benchmarkTakeUp(b, open(b, fresh)) })
	b.Run("TakeSeat", func(b *testing.B) { benchmarkTakeSeat(b, open(b, fresh), 1) })
	b.Run("TakeSeatHundredAtOnce", func(b *testing.B) { benchmarkTakeSeat(b, open(b, fresh), 100) })
	b.Run("TakeAnySeatOfThousandRooms", func(b *testing.B) { benchmarkTakeAnySeat(b, open(b, fresh), 1000) })
	b.Run("Purchase", func(b *testing.B) { benchmarkPurchase(b, open(b, fresh), 1) })
	b.Run("PurchaseHundredAtOnce", func(b *testing.B) { benchmarkPurchase(b, open(b, fresh), 100) })
	b.Run("Seat", func(b *testing.B) { benchmarkSeat(b, open(b, fresh)) })
	b.Run("NotifyTwo", func(b *testing.B) { benchmarkNotify(b, open(b, fresh), 1) })
	b.Run("NotifyTwoHundredAtOnce", func(b *testing.B) { benchmarkNotify(b, open(b, fresh), 100) })
	b.Run("SendMessageHundredAtOnce", func(b *testing.B) { benchmarkSendMessage(b, open(b, fresh)) })
	b.Run("Watchers", func(b *testing.B) { benchmarkWatchers(b, open(b, fresh)) })
	b.Run("KeepPresencesOf200", func(b *testing.B) { benchmarkKeepPresences(b, open(b, fresh)) })
}

func open(b *testing.B, fresh func(t testing.TB) Opener) store.Store {
	b.Helper()
	s, err := fresh(b)(b.Context())
	check(b, err)
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

func check(b *testing.B, err error) {
	if err != nil {
		b.Helper()
		b.Fatal(err)
	}
}

func benchRooms(b *testing.B, s store.Store, n, capacity int) []store.Record {
	b.Helper()
	records := make([]store.Record, n)
	errs := make([]error, n)
	together(n, func(i int) {
		id := fmt.Sprintf("%016x-room-%06d", uint64(i)*0x9e3779b97f4a7c15, i)
		errs[i] = s.CreateRoom(context.Background(), store.Room{
			ID: id, Game: "othello", Version: "1", Capacity: capacity, CreatedAt: begin,
		}, make([]byte, 1024), "")
		if errs[i] == nil {
			records[i], errs[i] = s.TakeUp(context.Background(), id)
		}
	})
	for _, err := range errs {
		check(b, err)
	}
	return records
}

func benchUsers(b *testing.B, s store.Store, n int) []string {
	b.Helper()
	users := make([]string, n)
	errs := make([]error, n)
	together(n, func(i int) {
		users[i] = fmt.Sprintf("%016x-user", uint64(i)*0x9e3779b97f4a7c15)
		_, _, errs[i] = s.CreateAccount(context.Background(), store.Account{ID: users[i], Name: fmt.Sprintf("Player %d", i), CreatedAt: begin}, store.Identity{})
	})
	for _, err := range errs {
		check(b, err)
	}
	return users
}

// spread runs f b.N times over n goroutines, each counting from 0 by itself, and reports how many a second.
func spread(b *testing.B, n int, f func(who, i int) error) {
	var left atomic.Int64
	left.Store(int64(b.N))
	var failed sync.Map
	b.ResetTimer()
	begun := time.Now()
	together(n, func(who int) {
		for i := 0; left.Add(-1) >= 0; i++ {
			if err := f(who, i); err != nil {
				failed.Store(who, err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/time.Since(begun).Seconds(), "op/s")
	b.StopTimer()
	failed.Range(func(_, err any) bool { b.Error(err); return false })
}

func benchmarkCommit(b *testing.B, s store.Store, rooms int) {
	records := benchRooms(b, s, rooms, 2)
	memory, data := bytes.Repeat([]byte("m"), 1024), bytes.Repeat([]byte("o"), 300)
	spread(b, rooms, func(who, i int) error {
		c := commit(records[who])
		n := uint64(i + 1)
		c.N, c.Published, c.Memory = n, n-1, memory
		c.Log = &store.Logged{First: n, Last: n, Data: data}
		if n > 64 {
			c.Forget = n - 64
		}
		_, err := s.Commit(context.Background(), c)
		return err
	})
}

func benchmarkCommitSeat(b *testing.B, s store.Store, rooms int) {
	records, users := benchRooms(b, s, rooms, 2), benchUsers(b, s, rooms)
	spread(b, rooms, func(who, i int) error {
		c := commit(records[who])
		c.N, c.Memory, c.Seated = uint64(i+1), make([]byte, 1024), users[who:who+1]
		c.Awards = []store.Award{{User: users[who], Gold: 1}}
		_, err := s.Commit(context.Background(), c)
		return err
	})
}

func benchmarkTakeUp(b *testing.B, s store.Store) {
	records := benchRooms(b, s, 500, 2)
	spread(b, 100, func(who, i int) error {
		_, err := s.TakeUp(context.Background(), records[(who*5+i)%len(records)].Room.ID)
		return err
	})
}

func benchmarkTakeSeat(b *testing.B, s store.Store, n int) {
	records, users := benchRooms(b, s, n, 1_000_000), benchUsers(b, s, 1000)
	spread(b, n, func(who, i int) error {
		user := users[i%len(users)]
		if i >= len(users) { // again, as after leaving
			if err := s.GiveUpSeat(context.Background(), records[who].Room.ID, user, begin); err != nil {
				return err
			}
		}
		_, err := s.TakeSeat(context.Background(), records[who].Room.ID, user, begin)
		return err
	})
}

func benchmarkTakeAnySeat(b *testing.B, s store.Store, n int) {
	benchRooms(b, s, n, 1_000_000)
	users := benchUsers(b, s, 1000)
	spread(b, 10, func(who, i int) error {
		_, err := s.TakeAnySeat(context.Background(), "othello", "1", users[(who*100+i)%len(users)], begin)
		return err
	})
}

func benchmarkSeat(b *testing.B, s store.Store) {
	records, users := benchRooms(b, s, 1, 2), benchUsers(b, s, 1)
	_, err := s.TakeSeat(context.Background(), records[0].Room.ID, users[0], begin)
	check(b, err)
	spread(b, 10, func(int, int) error {
		_, err := s.Seat(context.Background(), records[0].Room.ID, users[0])
		return err
	})
}

// benchmarkPurchase lets players buy an item that no limit keeps them from.
func benchmarkPurchase(b *testing.B, s store.Store, buyers int) {
	users := benchUsers(b, s, 1000)
	for i, u := range users {
		_, err := s.Post(context.Background(), posting(fmt.Sprint("begin/", i), entry(u, store.Gold, store.MaxBalance)))
		check(b, err)
	}
	spread(b, buyers, func(who, i int) error {
		user := users[(who*len(users)/buyers+i)%len(users)]
		_, err := s.Post(context.Background(), posting(fmt.Sprintf("purchase/%016x/%d", uint64(who)*0x9e3779b97f4a7c15, i),
			entry(user, store.Gold, -30), store.Entry{Account: user, Item: "potion", Amount: 1, Limit: 1_000_000_000}))
		return err
	})
}
