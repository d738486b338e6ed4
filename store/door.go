package store

import (
	"context"
	"errors"
	"time"
)

// Errors of [Doors].
var (
	ErrBanned    = errors.New("user is banned from the room")
	ErrNotOwner  = errors.New("user does not own the room")
	ErrNotSeated = errors.New("user has no seat there")
	ErrPlays     = errors.New("user is a player there")
)

// Invitation lets a user into a room for a while, also if it is private.
type Invitation struct {
	Room, User string
	By         string // who invites
	Until      time.Time
}

// Ban keeps a user out of a room.
type Ban struct {
	User string
	Name string // the account's
	At   time.Time
}

// Reasons of a leaving seat that its user has not given up.
const (
	ReasonKicked = "kicked"
	ReasonBanned = "banned"
)

// Bounds of one room.
const (
	MaxInvitations = 100 // that are alive
	MaxBans        = 200
)

// Doors says who may come into a room, and does what its owner asks for. With a room that is closed all give
// ErrRoomClosed, and with one that is not there ErrNotFound. Codes, invitations and bans end with their room.
type Doors interface {
	// TakeSeatByCode is TakeSeat in the room with this code. ErrNotFound: no room has it now.
	TakeSeatByCode(ctx context.Context, code, user string, now time.Time) (Seat, error)
	// TakeSpectatorSeat is TakeSeat for a spectator, of whom the room takes MaxSpectators. ErrPlays: user sits there as a player.
	// A spectator becomes a player by TakeSeat.
	TakeSpectatorSeat(ctx context.Context, room, user string, now time.Time) (Seat, error)
	// MoveSeat is TakeSeat in the room to and GiveUpSeat in the room from, together or not at all; left is the seat that was given
	// up. Of a user who has no seat in from it gives the seat in to, if it plays there, and left is the zero one; else ErrNotSeated.
	MoveSeat(ctx context.Context, from, to, user string, now time.Time) (taken, left Seat, err error)
	// Invite keeps an invitation, in place of one of the same user's to the same room. ErrNotSeated: the one who invites is no player there.
	// ErrNotFound: there is no such user. ErrBanned: that user is. ErrFull: MaxInvitations are alive.
	Invite(ctx context.Context, i Invitation, now time.Time) error
	// Invited reports whether an invitation of the user's to the room is alive.
	Invited(ctx context.Context, room, user string, now time.Time) (bool, error)
	// Kick gives up the seat of another, for ReasonKicked, or with ban for ReasonBanned, and takes the invitation away; with ban
	// the user can't come in again, and need not sit there: the seat given is then the zero one. Once more it does no harm. ErrNotOwner;
	// ErrNotSeated; with ban ErrNotFound: there is no such user, and ErrFull: MaxBans are banned.
	Kick(ctx context.Context, room, owner, user string, ban bool, now time.Time) (Seat, error)
	// Unban lets the user in again; one who is not banned changes nothing. ErrNotOwner.
	Unban(ctx context.Context, room, owner, user string) error
	// Bans lists who is banned, the first one first. ErrNotOwner.
	Bans(ctx context.Context, room, owner string) ([]Ban, error)
	// PassRoom makes another player of the room its owner. ErrNotOwner; ErrNotSeated: that one is no player there.
	PassRoom(ctx context.Context, room, owner, user string) error
	// RenewCode gives a private room another code. ErrNotOwner, ErrCodeTaken; ErrNotFound also where the room is not private.
	RenewCode(ctx context.Context, room, owner, code string) error
}
