// Package storetest proves that a store keeps its promises; every back end passes the one suite.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/madang-games/madang/store"
)

// Opener opens a Store on one database. It may be called several times: all of the Stores are open on that database at
// the same time. The suite closes them.
type Opener func(ctx context.Context) (store.Store, error)

// Test runs the suite. fresh makes an empty database for each test.
func Test(t *testing.T, fresh func(t testing.TB) Opener) {
	for _, group := range []struct {
		name  string
		cases []testCase
	}{
		{"Accounts", accountCases},
		{"Sessions", sessionCases},
		{"Rooms", roomCases},
		{"Seats", seatCases},
		{"Records", slices.Concat(recordCases, fenceCases, commitCases)},
		{"Farewells", farewellCases},
		{"Dead", deadCases},
		{"Transact", transactCases},
		{"Answers", answerCases},
		{"Life", lifeCases},
		{"TokenKeys", tokenKeyCases},
		{"Maintenance", maintenanceCases},
		{"Ranks", rankCases},
		{"Ledger", slices.Concat(ledgerCases, ledgerRandomCases)},
		{"Identities", identityCases},
		{"Profiles", profileCases},
		{"Deletions", deletionCases},
		{"Notes", noteCases},
		{"Friends", friendCases},
		{"Contacts", contactCases},
		{"Presences", presenceCases},
		{"Messages", messageCases},
		{"Parties", partyCases},
		{"Matching", matchCases},
		{"RoomLists", roomListCases},
		{"Doors", doorCases},
		{"Moves", moveCases},
		{"Backfills", backfillCases},
		{"Jobs", jobCases},
		{"AccountBans", banCases},
		{"AuditTrail", trailCases},
		{"Operators", operatorCases},
	} {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			for _, c := range group.cases {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					c.run(&suite{T: t, opener: fresh(t)})
				})
			}
		})
	}
}

type testCase struct {
	name string
	run  func(*suite)
}

// suite is one test on one database.
type suite struct {
	*testing.T
	opener Opener
	made   atomic.Int64
}

// open opens a Store that is closed with the test.
func (t *suite) open() store.Store {
	t.Helper()
	s, err := t.opener(t.ctx())
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// ctx ends with the test, and before a test that hangs takes the whole run with it.
func (t *suite) ctx() context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// begin is when everything in these tests begins.
var begin = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

func after(d time.Duration) time.Time { return begin.Add(d) }

func (t *suite) fatal(doing string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", doing, err)
	}
}

func (t *suite) want(doing string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got error %v, want %v", doing, err, want)
	}
}

func equal[T comparable](t *suite, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// user makes an account and returns its id.
func (t *suite) user(s store.Store) string {
	t.Helper()
	n := t.made.Add(1)
	id := fmt.Sprintf("user-%04d", n)
	_, _, err := s.CreateAccount(t.ctx(), store.Account{ID: id, Name: fmt.Sprintf("Player %d", n), CreatedAt: begin}, store.Identity{})
	t.fatal("create account", err)
	return id
}

// room makes an open room and returns its id; each is a second younger than the one before.
func (t *suite) room(s store.Store, capacity int, user string) string {
	t.Helper()
	n := t.made.Add(1)
	id := fmt.Sprintf("room-%04d", n)
	err := s.CreateRoom(t.ctx(), store.Room{
		ID: id, Game: "othello", Version: "1", Capacity: capacity, CreatedAt: after(time.Duration(n) * time.Second),
	}, []byte("begin"), user)
	t.fatal("create room", err)
	return id
}

// held makes a room and takes it up.
func (t *suite) held(s store.Store, capacity int) store.Record {
	t.Helper()
	r, err := s.TakeUp(t.ctx(), t.room(s, capacity, ""))
	t.fatal("take up", err)
	return r
}

// commit is the next commit of the holder of r.
func commit(r store.Record) *store.Commit {
	return &store.Commit{Room: r.Room.ID, Term: r.Term, Epoch: r.Epoch, N: r.N, Published: r.Published}
}

func (t *suite) commit(s store.Store, c *store.Commit) (closed bool) {
	t.Helper()
	closed, err := s.Commit(t.ctx(), c)
	t.fatal("commit", err)
	return closed
}

// seat is how a user's seat stands: "" if it has none.
func (t *suite) seat(s store.Store, room, user string) store.SeatState {
	t.Helper()
	seat, err := s.Seat(t.ctx(), room, user)
	if errors.Is(err, store.ErrNotFound) {
		return ""
	}
	t.fatal("find seat", err)
	return seat.State
}

// together runs f n times at once.
func together(n int, f func(i int)) {
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	all.Wait()
}

// words is values with a space between each two.
func words(values ...any) string { return strings.TrimSuffix(fmt.Sprintln(values...), "\n") }
