package store

import (
	"context"
	"time"
)

// Presence is a player's connection to a gateway. It means something only while that process is there.
type Presence struct {
	User    string
	Gateway string // the process
	Room    string // where it listens; "": nowhere
	Game    string // of that room
	Since   time.Time
}

// Presences keeps who is connected where. Gateways write it, each its own.
type Presences interface {
	// KeepPresences notes connections to a gateway, and takes away those of the users gone. It returns which of the users in here
	// have one to another gateway, with the room of the newest one, and which of those gone have none left.
	KeepPresences(ctx context.Context, gateway string, here []Presence, gone []string) (elsewhere map[string]string, left []string, err error)
	// Presences lists the connections of these users, of those alone who do not hide.
	Presences(ctx context.Context, users []string) ([]Presence, error)
	// Watchers lists of each of these users at most limit friends that are connected, perhaps to gateways that are gone, by their ids;
	// none of a user who hides.
	Watchers(ctx context.Context, users []string, limit int) (map[string][]string, error)
	// Gateways counts the connections to each gateway.
	Gateways(ctx context.Context) (map[string]int, error)
	// DropPresences takes away at most limit connections to a gateway, and returns whose: each is returned once, however many
	// processes do so. left are those of them who have none left.
	DropPresences(ctx context.Context, gateway string, limit int) (users, left []string, err error)
}
