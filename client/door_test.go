package client_test

import (
	"context"
	"testing"
	"time"

	"github.com/madang-games/madang/client"
	"github.com/madang-games/madang/lobby"
)

// signedIn is a player of a name, connected.
func signedIn(t *testing.T, url, name string) (*client.Client, *client.Conn, string) {
	t.Helper()
	c, err := client.New(client.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	user, err := c.SignInGuest(t.Context(), name, "")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := c.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return c, conn, user.ID
}

// until skips messages up to one of the type.
func until(t *testing.T, r *client.Room, typ string) *client.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		m, err := r.Next(ctx)
		if err != nil {
			t.Fatalf("waiting for %s: %v", typ, err)
		}
		if m.Type == typ {
			return m
		}
	}
}

func refused(t *testing.T, err error, code string) {
	t.Helper()
	if got := client.CodeOf(err); got != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

func TestPrivateRoomFromItsMakingToItsEnd(t *testing.T) {
	t.Parallel()
	url, stop := serve(t, "127.0.0.1:0", t.TempDir(), lobby.New())
	defer stop()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	owner, ownerConn, ownerID := signedIn(t, url, "Ann")
	friend, friendConn, friendID := signedIn(t, url, "Bob")
	watcher, watcherConn, watcherID := signedIn(t, url, "Eve")
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	place, err := owner.CreatePrivateRoom(ctx, "relay", nil)
	do(err)
	id := place.Room.ID
	if !place.Room.Private || place.Room.Owner != ownerID || place.Code == "" || place.Room.MaxSpectators == 0 {
		t.Errorf("made %+v", place)
	}
	room := join(t, ownerConn, place)
	if rooms, _, err := friend.Rooms(ctx, client.RoomFilter{Game: "relay", Free: true, Version: place.Room.Version}); err != nil || len(rooms) != 0 {
		t.Errorf("listed %+v, %v", rooms, err)
	}
	_, err = friend.JoinRoom(ctx, id)
	refused(t, err, "room_not_found")
	place, err = friend.JoinByCode(ctx, place.Code)
	do(err)
	friends := join(t, friendConn, place)

	do(owner.Invite(ctx, id, watcherID))
	place, err = watcher.WatchRoom(ctx, id)
	do(err)
	if !place.Seat.Spectator || place.Room.Spectators != 1 || place.Room.Players != 2 || place.Code != "" {
		t.Errorf("watches %+v", place)
	}
	watchers := join(t, watcherConn, place)
	if _, err := friends.Send(ctx, "say", 1); err != nil {
		t.Fatal(err)
	}
	if m := until(t, watchers, "say"); m.From != friendID {
		t.Errorf("heard %+v", m)
	}
	_, err = watchers.Send(ctx, "say", 2)
	if err == nil {
		err = &client.Error{Code: until(t, watchers, "error").Code}
	}
	refused(t, err, "spectator")

	do(owner.Kick(ctx, id, friendID))
	var left struct{ User, Reason string }
	do(until(t, friends, "$left").Decode(&left))
	if left.User != friendID || left.Reason != "kicked" {
		t.Errorf("told %+v", left)
	}
	do(owner.Ban(ctx, id, friendID))
	_, err = friend.JoinByCode(ctx, place.Code)
	refused(t, err, "code_not_found") // spectators are shown no code
	_, err = friend.JoinRoom(ctx, id)
	refused(t, err, "banned")
	bans, err := owner.Bans(ctx, id)
	do(err)
	if len(bans) != 1 || bans[0].User != friendID || bans[0].Name != "Bob" {
		t.Errorf("banned %+v", bans)
	}
	do(owner.Unban(ctx, id, friendID))
	code, err := owner.RenewCode(ctx, id)
	do(err)
	_, err = friend.JoinByCode(ctx, code)
	do(err)
	other, err := friend.CreateRoom(ctx, "relay", nil)
	do(err)
	place, err = friend.MoveRoom(ctx, id, other.Room.ID)
	do(err)
	if place.Room.ID != other.Room.ID {
		t.Errorf("moved to %+v", place)
	}

	_, err = watcher.JoinRoom(ctx, id) // from now on it plays, over the same subscription
	do(err)
	if _, err := watchers.Send(ctx, "say", 3); err != nil {
		t.Fatal(err)
	}
	for m := until(t, watchers, "say"); string(m.Body) != "3"; m = until(t, watchers, "say") {
	}
	do(owner.PassRoom(ctx, id, watcherID))
	refused(t, owner.CloseRoom(ctx, id), "not_owner")
	do(watcher.CloseRoom(ctx, id))
	var closed struct{ Reason string }
	do(until(t, room, "$closed").Decode(&closed))
	if closed.Reason != "closed_by_owner" {
		t.Errorf("closed for the reason %q", closed.Reason)
	}
}
