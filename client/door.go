package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// CreatePrivateRoom is CreateRoom for a room that is not listed: others come in by the Code of the Place, or by [Client.Invite].
func (c *Client) CreatePrivateRoom(ctx context.Context, game string, options any) (Place, error) {
	return c.seat(ctx, "make a private room", "/rooms", struct {
		Game    string `json:"game"`
		Options any    `json:"options,omitempty"`
		Private bool   `json:"private"`
	}{game, options, true})
}

// JoinByCode takes a seat in the private room that has the code. Codes: code_not_found, banned, room_full, rate_limited.
func (c *Client) JoinByCode(ctx context.Context, code string) (Place, error) {
	return c.seat(ctx, "join a room by its code", "/rooms/join", map[string]string{"code": code})
}

// WatchRoom lets the player watch a room: it sees what all see, and may not send. JoinRoom makes a player of it. Codes: room_full,
// room_closed, room_not_found, banned, plays_there.
func (c *Client) WatchRoom(ctx context.Context, room string) (Place, error) {
	return c.seat(ctx, "watch a room", roomPath(room, "watch"), struct{}{})
}

// MoveRoom gives up the seat in the room from for one in the room to, both or neither. from may be "" where the player sits in
// one other room only. Codes: those of JoinRoom, and not_seated.
func (c *Client) MoveRoom(ctx context.Context, from, to string) (Place, error) {
	return c.seat(ctx, "move to a room", roomPath(to, "move"), struct {
		From string `json:"from,omitempty"`
	}{from})
}

// Invite lets another player into the room for an hour, also if it is private, and tells it. Codes: not_seated, user_not_found,
// banned, too_many_invitations, rate_limited.
func (c *Client) Invite(ctx context.Context, room, user string) error {
	return c.ofRoom(ctx, "invite to a room", http.MethodPost, roomPath(room, "invite"), named{user}, nil)
}

// Kick puts a player or spectator out of a room that this player owns. Codes of this and what follows: not_owner, room_closed,
// room_not_found; here not_seated.
func (c *Client) Kick(ctx context.Context, room, user string) error {
	return c.ofRoom(ctx, "kick", http.MethodPost, roomPath(room, "kick"), named{user}, nil)
}

// Ban is Kick for good; the player need not be there. Codes: user_not_found, too_many_bans.
func (c *Client) Ban(ctx context.Context, room, user string) error {
	return c.ofRoom(ctx, "ban", http.MethodPost, roomPath(room, "bans"), named{user}, nil)
}

// Unban lets the player in again; one who is not banned is no error.
func (c *Client) Unban(ctx context.Context, room, user string) error {
	return c.ofRoom(ctx, "unban", http.MethodDelete, roomPath(room, "bans")+"/"+url.PathEscape(user), struct{}{}, nil)
}

// Banned is a player who may not come into a room.
type Banned struct {
	User     string    `json:"user"`
	Name     string    `json:"name"`
	BannedAt time.Time `json:"banned_at"`
}

// Bans lists who is banned, the first one first.
func (c *Client) Bans(ctx context.Context, room string) ([]Banned, error) {
	var answer struct {
		Bans []Banned `json:"bans"`
	}
	err := c.ofRoom(ctx, "list bans", http.MethodGet, roomPath(room, "bans"), nil, &answer)
	return answer.Bans, err
}

// PassRoom makes another player of the room its owner. Code: not_seated.
func (c *Client) PassRoom(ctx context.Context, room, user string) error {
	return c.ofRoom(ctx, "pass a room on", http.MethodPost, roomPath(room, "owner"), named{user}, nil)
}

// RenewCode gives a private room another code. Code: not_private.
func (c *Client) RenewCode(ctx context.Context, room string) (code string, err error) {
	var answer struct {
		Code string `json:"code"`
	}
	err = c.ofRoom(ctx, "renew a room's code", http.MethodPost, roomPath(room, "code"), struct{}{}, &answer)
	return answer.Code, err
}

// CloseRoom ends a room, where the game allows it: its $closed says when it has. Code: may_not_close.
func (c *Client) CloseRoom(ctx context.Context, room string) error {
	return c.ofRoom(ctx, "close a room", http.MethodPost, roomPath(room, "close"), struct{}{}, nil)
}

type named struct {
	User string `json:"user"`
}

func roomPath(room, call string) string { return "/rooms/" + url.PathEscape(room) + "/" + call }

func (c *Client) ofRoom(ctx context.Context, what, method, path string, in, out any) error {
	if err := c.call(ctx, method, path, in, out); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
