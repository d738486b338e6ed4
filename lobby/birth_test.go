package lobby

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

// gone returns the rooms whose queues were deleted.
func (b *logBroker) gone() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.deleted)
}

// bornDead has every queue born dead until so many were deleted.
func (b *logBroker) bornDead(times int) {
	b.onOpen = func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for room := range b.open {
			if len(b.deleted) < times {
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
		f.broker.bornDead(1)
		var p placeJSON
		f.do("POST", "/v1/rooms", a.Token, `{"game":"pair"}`).into(t, 201, &p)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		sent, _ := f.broker.take()
		if len(sent) == 0 || sent[0].Kind != broker.Join || sent[0].User != a.User.ID {
			t.Errorf("the room was told %+v, want the seat of its maker", sent)
		}
		if len(f.broker.gone()) == 0 || len(f.broker.specs()) != 1 {
			t.Errorf("deleted %v, open %v; want one queue in place of the dead one", f.broker.gone(), f.broker.specs())
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := len(f.broker.gone()); n != 1 {
			t.Errorf("deleted %d times, want 1", n)
		}
	})
}

func TestQueueThatIsBornDeadTwiceIsMadeAnewTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		a := f.guest()
		go func() { _ = f.lobby.Run(t.Context()) }()
		f.broker.bornDead(2)
		f.do("POST", "/v1/rooms", a.Token, `{"game":"pair"}`).into(t, 201, &placeJSON{})
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if sent, _ := f.broker.take(); len(sent) == 0 || len(f.broker.gone()) != 2 {
			t.Errorf("told %+v after %d deletions, want the seat after 2", sent, len(f.broker.gone()))
		}
	})
}

func TestQueueThatMayHoldWhatWasPlayedIsNotMadeAnew(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(f *fixture, room string){
		"a worker has had the room": func(f *fixture, room string) { _, _ = f.store.TakeUp(t.Context(), room) },
		"the room is closed":        func(f *fixture, room string) { f.store.set(room, store.Closed) },
		"the broker is down":        func(f *fixture, _ string) { f.broker.setDown(true) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				a, b := f.guest(), f.guest()
				f.broker.bornDead(1)
				var p placeJSON
				f.do("POST", "/v1/rooms", a.Token, `{"game":"pair"}`).into(t, 201, &p)
				f.do("POST", "/v1/rooms/"+p.Room.ID+"/join", b.Token, "").into(t, 200, &placeJSON{})
				spoil(f, p.Room.ID)
				go func() { _ = f.lobby.Run(t.Context()) }()
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				if len(f.broker.gone()) != 0 {
					t.Errorf("deleted %v, want none", f.broker.gone())
				}
			})
		})
	}
}
