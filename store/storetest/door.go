package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/madang-games/madang/store"
)

var doorCases = []testCase{
	{"ACodeOpensAPrivateRoom", func(t *suite) {
		s := t.open()
		owner, friend, stranger := t.user(s), t.user(s), t.user(s)
		room := t.make(s, store.Room{Private: true, Code: "AAAA2222", Owner: owner, Capacity: 5}, owner)
		_, err := s.TakeSeat(t.ctx(), room, stranger, begin)
		t.want("take without the code", err, store.ErrNotFound)
		_, err = s.TakeSeatByCode(t.ctx(), "AAAA2223", friend, begin)
		t.want("take with another code", err, store.ErrNotFound)
		seat, err := s.TakeSeatByCode(t.ctx(), "AAAA2222", friend, begin)
		t.fatal("take", err)
		equal(t, "seat", seat, store.Seat{Room: room, User: friend, Name: "Player 2", State: store.Joining, Since: begin})
		again, err := s.TakeSeat(t.ctx(), room, friend, after(time.Second))
		t.fatal("take without the code what one has", err)
		equal(t, "the same", again, seat)

		t.want("renew by another", s.RenewCode(t.ctx(), room, friend, "BBBB2222"), store.ErrNotOwner)
		t.fatal("renew", s.RenewCode(t.ctx(), room, owner, "BBBB2222"))
		_, err = s.TakeSeatByCode(t.ctx(), "AAAA2222", stranger, begin)
		t.want("take by the old code", err, store.ErrNotFound)
		other := t.make(s, store.Room{Private: true, Code: "AAAA2222", Owner: owner}, owner)
		t.want("renew by a code in use", s.RenewCode(t.ctx(), room, owner, "AAAA2222"), store.ErrCodeTaken)
		err = s.CreateRoom(t.ctx(), store.Room{ID: "third", Game: "g", Version: "1", Capacity: 2, CreatedAt: begin, Private: true, Code: "AAAA2222"}, nil, "")
		t.want("create with a code in use", err, store.ErrCodeTaken)
		public := t.make(s, store.Room{Owner: owner}, owner)
		t.want("renew where none is needed", s.RenewCode(t.ctx(), public, owner, "CCCC2222"), store.ErrNotFound)
		t.close(s, other)
		_, err = s.TakeSeatByCode(t.ctx(), "AAAA2222", stranger, begin)
		t.want("take by the code of a closed room", err, store.ErrNotFound)
		t.fatal("renew by a code that is free again", s.RenewCode(t.ctx(), room, owner, "AAAA2222"))
		t.want("renew that of a closed room", s.RenewCode(t.ctx(), other, owner, "DDDD2222"), store.ErrRoomClosed)
		t.want("renew that of no room", s.RenewCode(t.ctx(), "nowhere", owner, "DDDD2222"), store.ErrNotFound)
	}},
	{"AnInvitationOpensAPrivateRoomForAWhile", func(t *suite) {
		s := t.open()
		owner, friend, member, stranger := t.user(s), t.user(s), t.user(s), t.user(s)
		room := t.make(s, store.Room{Private: true, Code: "AAAA2222", Owner: owner, Capacity: 5, MaxSpectators: 1}, owner)
		_, err := s.TakeSeatByCode(t.ctx(), "AAAA2222", member, begin)
		t.fatal("take", err)
		invite := func(by, user string) error {
			return s.Invite(t.ctx(), store.Invitation{Room: room, User: user, By: by, Until: after(time.Hour)}, begin)
		}
		t.want("invite by one who is not there", invite(stranger, friend), store.ErrNotSeated)
		t.want("invite nobody", invite(owner, "nobody"), store.ErrNotFound)
		t.fatal("invite", invite(member, friend))
		t.fatal("invite again", invite(owner, friend))
		for at, want := range map[time.Duration]bool{59 * time.Minute: true, time.Hour: false} {
			got, err := s.Invited(t.ctx(), room, friend, after(at))
			t.fatal("look", err)
			equal(t, fmt.Sprintf("invited after %v", at), got, want)
		}
		_, err = s.TakeSeat(t.ctx(), room, friend, after(time.Hour))
		t.want("take too late", err, store.ErrNotFound)
		_, err = s.TakeSpectatorSeat(t.ctx(), room, stranger, begin)
		t.want("watch uninvited", err, store.ErrNotFound)
		_, err = s.TakeSeat(t.ctx(), room, friend, after(time.Minute))
		t.fatal("take", err)
		t.fatal("give up", s.GiveUpSeat(t.ctx(), room, friend, after(time.Minute)))
		_, err = s.Kick(t.ctx(), room, owner, friend, false, after(time.Minute))
		t.fatal("kick", err)
		_, err = s.TakeSeat(t.ctx(), room, friend, after(2*time.Minute))
		t.want("take after a kick", err, store.ErrNotFound)
		_, err = s.Kick(t.ctx(), room, owner, friend, true, after(time.Minute))
		t.fatal("ban", err)
		t.want("invite who is banned", invite(owner, friend), store.ErrBanned)
		t.close(s, room)
		t.want("invite to a closed room", invite(owner, stranger), store.ErrRoomClosed)
		t.want("invite to no room", s.Invite(t.ctx(), store.Invitation{Room: "nowhere", User: stranger, By: owner}, begin), store.ErrNotFound)
	}},
	{"InvitationsAndBansAreBounded", func(t *suite) {
		s := t.open()
		owner := t.user(s)
		room := t.make(s, store.Room{Private: true, Code: "AAAA2222", Owner: owner}, owner)
		var users []string
		for range store.MaxBans + 1 {
			users = append(users, t.user(s))
		}
		invite := func(user string, now time.Duration) error {
			return s.Invite(t.ctx(), store.Invitation{Room: room, User: user, By: owner, Until: after(now + time.Hour)}, after(now))
		}
		for i, user := range users[:store.MaxInvitations+1] {
			want := error(nil)
			if i == store.MaxInvitations {
				want = store.ErrFull
			}
			t.want("invite", invite(user, 0), want)
		}
		t.fatal("invite one of them again", invite(users[0], 0))
		t.fatal("invite when others are over", invite(users[store.MaxInvitations], time.Hour))
		for i, user := range users {
			want := error(nil)
			if i == store.MaxBans {
				want = store.ErrFull
			}
			_, err := s.Kick(t.ctx(), room, owner, user, true, begin)
			t.want("ban", err, want)
		}
		_, err := s.Kick(t.ctx(), room, owner, users[0], true, begin)
		t.fatal("ban one of them again", err)
		bans, err := s.Bans(t.ctx(), room, owner)
		t.fatal("list", err)
		equal(t, "bans", len(bans), store.MaxBans)
	}},
	{"TheOwnerKicksAndBans", func(t *suite) {
		s := t.open()
		owner, guest, stranger := t.user(s), t.user(s), t.user(s)
		room := t.make(s, store.Room{Owner: owner, Capacity: 5, MaxSpectators: 5}, owner)
		_, err := s.TakeSeat(t.ctx(), room, guest, begin)
		t.fatal("take", err)
		_, err = s.Kick(t.ctx(), room, guest, owner, false, begin)
		t.want("kick by another", err, store.ErrNotOwner)
		_, err = s.Kick(t.ctx(), room, owner, stranger, false, begin)
		t.want("kick one who is not there", err, store.ErrNotSeated)
		want := store.Seat{Room: room, User: guest, Name: "Player 2", State: store.Leaving, Since: after(time.Minute), Reason: store.ReasonKicked}
		for range 2 {
			got, err := s.Kick(t.ctx(), room, owner, guest, false, after(time.Minute))
			t.fatal("kick", err)
			equal(t, "seat", got, want)
		}
		pending, err := s.PendingSeats(t.ctx(), after(time.Hour), 10)
		t.fatal("list pending", err)
		if len(pending) != 2 || pending[1] != want {
			t.Errorf("pending: got %v, want %v last", pending, want)
		}
		_, err = s.TakeSeat(t.ctx(), room, guest, begin)
		t.fatal("come back", err)
		got, err := s.Kick(t.ctx(), room, owner, guest, true, begin)
		t.fatal("ban", err)
		equal(t, "reason", got.Reason, store.ReasonBanned)
		for _, take := range []func() error{
			func() error { _, err := s.TakeSeat(t.ctx(), room, guest, begin); return err },
			func() error { _, err := s.TakeSpectatorSeat(t.ctx(), room, guest, begin); return err },
		} {
			t.want("take when banned", take(), store.ErrBanned)
		}
		_, err = s.TakeAnySeat(t.ctx(), "othello", "1", guest, begin)
		t.want("take any when banned", err, store.ErrNotFound)
		got, err = s.Kick(t.ctx(), room, owner, stranger, true, after(time.Second))
		t.fatal("ban one who is not there", err)
		equal(t, "seat", got, store.Seat{})
		_, err = s.Kick(t.ctx(), room, owner, "nobody", true, begin)
		t.want("ban nobody", err, store.ErrNotFound)
		bans, err := s.Bans(t.ctx(), room, owner)
		t.fatal("list", err)
		equal(t, "bans", fmt.Sprint(bans), fmt.Sprint([]store.Ban{{User: guest, Name: "Player 2", At: begin}, {User: stranger, Name: "Player 3", At: after(time.Second)}}))
		_, err = s.Bans(t.ctx(), room, guest)
		t.want("list by another", err, store.ErrNotOwner)
		t.want("unban by another", s.Unban(t.ctx(), room, guest, guest), store.ErrNotOwner)
		for range 2 {
			t.fatal("unban", s.Unban(t.ctx(), room, owner, guest))
		}
		_, err = s.TakeSeat(t.ctx(), room, guest, begin)
		t.fatal("take when unbanned", err)
		t.close(s, room)
		_, err = s.Kick(t.ctx(), room, owner, guest, false, begin)
		t.want("kick in a closed room", err, store.ErrRoomClosed)
	}},
	{"ARoomPassesToThePlayerWhoSatLongest", func(t *suite) {
		s := t.open()
		var users []string
		for range 4 {
			users = append(users, t.user(s))
		}
		room := t.make(s, store.Room{Owner: users[0], Capacity: 5, MaxSpectators: 1}, users[0])
		_, err := s.TakeSpectatorSeat(t.ctx(), room, users[3], after(time.Hour))
		t.fatal("watch", err)
		for i, user := range users[1:3] {
			_, err := s.TakeSeat(t.ctx(), room, user, after(time.Duration(i+2)*time.Hour))
			t.fatal("take", err)
		}
		owner := func(want string) {
			t.Helper()
			r, err := s.Room(t.ctx(), room)
			t.fatal("find", err)
			equal(t, "owner", r.Owner, want)
		}
		owner(users[0])
		t.want("pass by another", s.PassRoom(t.ctx(), room, users[1], users[1]), store.ErrNotOwner)
		t.want("pass to a spectator", s.PassRoom(t.ctx(), room, users[0], users[3]), store.ErrNotSeated)
		t.want("pass to one who is not there", s.PassRoom(t.ctx(), room, users[0], "nobody"), store.ErrNotSeated)
		t.fatal("pass", s.PassRoom(t.ctx(), room, users[0], users[2]))
		owner(users[2])
		t.fatal("leave", s.GiveUpSeat(t.ctx(), room, users[2], after(5*time.Hour)))
		owner(users[0])
		t.fatal("leave", s.GiveUpSeat(t.ctx(), room, users[0], after(5*time.Hour)))
		owner(users[1])
		_, err = s.TakeSeat(t.ctx(), room, users[0], after(6*time.Hour))
		t.fatal("come back", err)
		owner(users[1])
		t.fatal("leave", s.GiveUpSeat(t.ctx(), room, users[1], after(7*time.Hour)))
		owner(users[0])
		t.fatal("leave", s.GiveUpSeat(t.ctx(), room, users[0], after(7*time.Hour)))
		owner("")

		nobodys := t.room(s, 2, users[1])
		r, err := s.Room(t.ctx(), nobodys)
		t.fatal("find", err)
		equal(t, "owner of a room without", r.Owner, "")
		_, err = s.Kick(t.ctx(), nobodys, users[1], users[1], false, begin)
		t.want("kick where nobody owns", err, store.ErrNotOwner)
		_, err = s.Bans(t.ctx(), nobodys, "")
		t.want("list bans as nobody", err, store.ErrNotOwner)
		err = s.CreateRoom(t.ctx(), store.Room{ID: "x", Game: "g", Version: "1", Capacity: 2, Owner: users[1], CreatedAt: begin}, nil, users[2])
		if err == nil {
			t.Errorf("create with an owner who does not sit there: got no error")
		}
	}},
	{"SpectatorsDoNotCountAsPlayers", func(t *suite) {
		s := t.open()
		one, two, three := t.user(s), t.user(s), t.user(s)
		room := t.make(s, store.Room{Owner: one, Capacity: 1, MaxSpectators: 1}, one)
		seat, err := s.TakeSpectatorSeat(t.ctx(), room, two, begin)
		t.fatal("watch", err)
		equal(t, "seat", seat, store.Seat{Room: room, User: two, Name: "Player 2", State: store.Joining, Since: begin, Spectator: true})
		again, err := s.TakeSpectatorSeat(t.ctx(), room, two, after(time.Second))
		t.fatal("watch again", err)
		equal(t, "again", again, seat)
		found, err := s.Seat(t.ctx(), room, two)
		t.fatal("find", err)
		equal(t, "found", found, seat)
		_, err = s.TakeSpectatorSeat(t.ctx(), room, three, begin)
		t.want("watch where no place is left", err, store.ErrRoomFull)
		_, err = s.TakeSpectatorSeat(t.ctx(), room, one, begin)
		t.want("watch as a player", err, store.ErrPlays)
		_, err = s.TakeSeat(t.ctx(), room, two, begin)
		t.want("play where no seat is left", err, store.ErrRoomFull)
		r, err := s.Room(t.ctx(), room)
		t.fatal("find", err)
		equal(t, "players, spectators", words(r.Players, r.Spectators, r.MaxSpectators), "1 1 1")
		t.fatal("give up", s.GiveUpSeat(t.ctx(), room, one, begin))
		seat, err = s.TakeSeat(t.ctx(), room, two, after(time.Minute))
		t.fatal("play", err)
		equal(t, "seat", seat, store.Seat{Room: room, User: two, Name: "Player 2", State: store.Joining, Since: after(time.Minute)})
		r, err = s.Room(t.ctx(), room)
		t.fatal("find", err)
		equal(t, "players, spectators, owner", words(r.Players, r.Spectators, r.Owner), "1 0 "+two)
		none := t.room(s, 2, "")
		_, err = s.TakeSpectatorSeat(t.ctx(), none, three, begin)
		t.want("watch where nobody may", err, store.ErrRoomFull)
	}},
	{"ARoomWithSpectatorsAloneIsEmpty", func(t *suite) {
		s := t.open()
		player, watcher := t.user(s), t.user(s)
		room := t.make(s, store.Room{MaxSpectators: 1}, player)
		_, err := s.TakeSpectatorSeat(t.ctx(), room, watcher, begin)
		t.fatal("watch", err)
		r, err := s.TakeUp(t.ctx(), room)
		t.fatal("take up", err)
		c := commit(r)
		c.Seated, c.Watching = []string{player, watcher}, []string{watcher}
		t.commit(s, c)
		seat, err := s.Seat(t.ctx(), room, watcher)
		t.fatal("find", err)
		equal(t, "spectator", words(seat.State, seat.Spectator), "seated true")
		c.Seated, c.Unseated, c.State, c.IfEmpty = nil, []string{player}, store.Closed, true
		equal(t, "closed", t.commit(s, c), true)
	}},
	{"AThousandSpectatorsAtOnceTakeTen", func(t *suite) {
		stores := []store.Store{t.open(), t.open()}
		const many = 1000
		users := make([]string, many)
		for i := range users {
			users[i] = t.user(stores[0])
		}
		room, ctx := t.make(stores[0], store.Room{Capacity: 10, MaxSpectators: 10}, ""), t.ctx()
		var watching, full atomic.Int64
		together(many, func(i int) {
			take := stores[i%2].TakeSpectatorSeat
			if i%4 == 0 {
				take = stores[i%2].TakeSeat
			}
			_, err := take(ctx, room, users[i], begin)
			switch {
			case err == nil:
				watching.Add(1)
			case errors.Is(err, store.ErrRoomFull):
				full.Add(1)
			default:
				t.Errorf("take: %v", err)
			}
		})
		equal(t, "seats taken", words(watching.Load(), full.Load()), words(20, many-20))
		r, err := stores[1].Room(ctx, room)
		t.fatal("find", err)
		equal(t, "players, spectators", words(r.Players, r.Spectators), "10 10")
	}},
	{"LabelsEndWithTheirRoom", func(t *suite) {
		s := t.open()
		room := t.make(s, store.Room{Labels: store.Labels{"track": "desert"}}, "")
		t.close(s, room)
		r, err := s.Room(t.ctx(), room)
		t.fatal("find", err)
		equal(t, "labels still shown", fmt.Sprint(r.Labels), "map[track:desert]")
		for _, labels := range []store.Labels{{"x": 1.5}, {"x": ""}, {"x": nil}} {
			err := s.CreateRoom(t.ctx(), store.Room{ID: "r", Game: "g", Version: "1", Capacity: 1, CreatedAt: begin, Labels: labels}, nil, "")
			if err == nil || !strings.Contains(err.Error(), `"x"`) {
				t.Errorf("create with %v: got %v, want an error that names it", labels, err)
			}
		}
	}},
}
