package lobby

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

// bornDead has every queue born dead until the first is deleted.
func (b *logBroker) bornDead() {
	b.onOpen = func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for room := range b.open {
			if len(b.deleted) == 0 {
				b.dead[room] = true
			}
		}
	}
}

func TestQueueThatWasBornDeadIsMadeAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		a := f.guest()
		go func() { _ = f.lobby.Run(t.Context()) }()
		f.broker.bornDead()
		var p placeJSON
		f.do("POST", "/v1/rooms", a.Token, `{"game":"pair"}`).into(t, 201, &p)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		sent, _ := f.broker.take()
		if len(sent) == 0 || sent[0].Kind != broker.Join || sent[0].User != a.User.ID {
			t.Errorf("the room was told %+v, want the seat of its maker", sent)
		}
		if f.broker.deleted == nil || len(f.broker.specs()) != 1 {
			t.Errorf("deleted %v, open %v; want one queue in place of the dead one", f.broker.deleted, f.broker.specs())
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := len(f.broker.deleted); n != 1 {
			t.Errorf("deleted %d times, want 1", n)
		}
	})
}

func TestQueueThatMayHoldWhatWasPlayedIsNotMadeAnew(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(f *fixture, room, user string){
		"a worker has had the room": func(f *fixture, room, _ string) { f.store.terms[room] = 1 },
		"the maker sits there":      func(f *fixture, room, user string) { f.store.seat(room, user, store.Seated) },
		"the room is closed":        func(f *fixture, room, _ string) { f.store.set(room, store.Closed) },
		"the broker is down":        func(f *fixture, _, _ string) { f.broker.setDown(true) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				a, b := f.guest(), f.guest()
				go func() { _ = f.lobby.Run(t.Context()) }()
				f.broker.bornDead()
				var p placeJSON
				f.do("POST", "/v1/rooms", a.Token, `{"game":"pair"}`).into(t, 201, &p)
				f.do("POST", "/v1/rooms/"+p.Room.ID+"/join", b.Token, "").into(t, 200, &placeJSON{})
				spoil(f, p.Room.ID, a.User.ID)
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				if len(f.broker.deleted) != 0 {
					t.Errorf("deleted %v, want none", f.broker.deleted)
				}
			})
		})
	}
}
