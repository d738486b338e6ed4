package lobby

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/madang-games/madang/broker"
)

// closedDoor is a maintenance that testers pass.
type closedDoor struct {
	on      bool
	testers []string
	end     time.Time // rooms before then end
}

func (d *closedDoor) Paused(user string) (time.Time, bool) {
	return time.Now().Add(5 * time.Minute), d.on && !slices.Contains(d.testers, user)
}
func (d *closedDoor) Exempts() bool { return len(d.testers) > 0 }
func (d *closedDoor) EndRooms() (uint64, time.Time, bool) {
	return 1, d.end, !d.end.IsZero()
}

func TestNobodyIsLetInDuringMaintenance(t *testing.T) {
	t.Parallel()
	door := &closedDoor{}
	f := newFixture(t, func(_ *App, c *Config) { c.Pause = door })
	ann := f.guest()
	room := f.room(ann.Token, "talk")
	const tester = `{"platform":"custom","token":"tester:0123456789abcdef"}`
	var registered signedIn
	f.do("POST", "/v1/register", "", tester).into(t, 201, &registered)
	door.on = true
	refused := func(path, token, body string) {
		t.Helper()
		r := f.do("POST", path, token, body)
		if r.refused(t, 503, "maintenance"); r.header.Get("Retry-After") != "300" && r.header.Get("Retry-After") != "301" {
			t.Errorf("POST %s: Retry-After is %q, want 5 minutes", path, r.header.Get("Retry-After"))
		}
	}
	for _, testers := range [][]string{nil, {registered.User.ID}} { // with the latter it is asked who it is
		door.testers = testers
		refused("/v1/login", "", `{"platform":"guest"}`)
		refused("/v1/login", "", `{"platform":"guest","token":"never-seen-before-0001"}`)
		refused("/v1/register", "", `{"platform":"custom","token":"another:0123456789abcdef"}`)
		refused("/v1/rooms", ann.Token, `{"game":"talk"}`)
	}
	var in signedIn
	f.do("POST", "/v1/login", "", tester).into(t, 200, &in)
	f.do("POST", "/v1/login", "", strings.Replace(tester, "abcdef", "abcdee", 1)).refused(t, 401, "wrong_token")
	// Who is there plays on.
	if r := f.do("GET", "/v1/user", ann.Token, ""); r.status != 200 {
		t.Errorf("got %d %s", r.status, r.body)
	}
	f.do("POST", "/v1/rooms/"+room.Room.ID+"/leave", ann.Token, "").empty(t)
	door.on = false
	f.guest()
}

func TestRoomsEndOnceInAMaintenance(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		door := &closedDoor{}
		f := newFixture(t, func(_ *App, c *Config) { c.Pause = door })
		ann, bob := f.guest(), f.guest()
		old := f.room(ann.Token, "talk")
		time.Sleep(time.Minute)
		door.end = time.Now()
		young := f.room(bob.Token, "talk")
		ctx := t.Context()
		done := make(chan struct{})
		go func() { defer close(done); f.lobby.endRooms(ctx) }()
		time.Sleep(10 * endEvery)
		var told []string
		sent, _ := f.broker.take()
		for _, m := range sent {
			if m.Kind == broker.End {
				told = append(told, m.Room+" "+m.Reason)
			}
		}
		if want := []string{old.Room.ID + " maintenance"}; !slices.Equal(told, want) {
			t.Errorf("told to end: %q, want %q and not %s", told, want, young.Room.ID)
		}
	})
}

func TestARoomThatCannotBeToldKeepsNoOtherFromItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		door := &closedDoor{}
		f := newFixture(t, func(_ *App, c *Config) { c.Pause = door })
		fine := []string{f.room(f.guest().Token, "talk").Room.ID}
		stuck := f.room(f.guest().Token, "talk").Room.ID
		foreign := f.room(f.guest().Token, "talk").Room.ID
		fine = append(fine, f.room(f.guest().Token, "talk").Room.ID)
		f.store.mu.Lock()
		r := f.store.rooms[foreign]
		r.Version = "of another lobby"
		f.store.rooms[foreign] = r
		f.store.mu.Unlock()
		f.broker.mu.Lock()
		f.broker.dead[stuck] = true
		policy := f.broker.open[foreign]
		delete(f.broker.open, foreign)
		f.broker.mu.Unlock()
		time.Sleep(time.Minute)
		door.end = time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); f.lobby.endRooms(ctx) }()
		told := map[string]int{}
		hear := func() {
			time.Sleep(endMost + 10*time.Second)
			sent, _ := f.broker.take()
			for _, m := range sent {
				if m.Kind == broker.End {
					told[m.Room]++
				}
			}
		}
		if hear(); len(told) != 2 || told[fine[0]] != 1 || told[fine[1]] != 1 {
			t.Errorf("told to end: %v, want each of %q once", told, fine)
		}
		f.broker.mu.Lock() // a worker of its version has opened the one, and the other's queue takes messages again
		f.broker.open[foreign] = policy
		delete(f.broker.dead, stuck)
		f.broker.mu.Unlock()
		hear()
		for _, id := range append(fine, stuck, foreign) {
			if told[id] != 1 {
				t.Errorf("room %s was told %d times, want 1", id, told[id])
			}
		}
		cancel()
		<-done
	})
}

// The answer to the first call is kept; the lobby that gets the second does not play the room's version.
func TestAnOwnerHearsThatARoomCannotBeClosedHere(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		w := playground(t, dsn)
		owner := w.guest()
		room := w.make(owner, `{"game":"race"}`).Room.ID
		done(t, w.post(owner, room, "/close", "", keyed("close")))
		if err := w.broker.Delete(t.Context(), room); err != nil {
			t.Fatal(err)
		}
		clear(w.lobby.games.all)
		w.post(owner, room, "/close", "", keyed("close")).refused(t, 503, "unavailable")
	})
}
