package lobby

import (
	"context"
	"time"

	"github.com/madang-games/madang/store"
)

// noFriends is that of players who know nobody: tests of friends have a database.
type noFriends struct{}

func (noFriends) Befriend(context.Context, string, string, bool, time.Time) (store.Related, bool, error) {
	return store.Related{}, false, store.ErrNotFound
}

func (noFriends) Unfriend(context.Context, string, string) (store.Relation, error) {
	return "", store.ErrNotFound
}

func (noFriends) Block(context.Context, string, string, time.Time) (store.Relation, error) {
	return "", store.ErrNotFound
}

func (noFriends) Unblock(context.Context, string, string) error { return store.ErrNotFound }

func (noFriends) Relations(context.Context, string, store.Relation, string, int) ([]store.Related, string, error) {
	return nil, "", nil
}

func (noFriends) Blocked(context.Context, string, string) (bool, error) { return false, nil }

func (noFriends) UserNamed(context.Context, string) (string, error) { return "", store.ErrNotFound }

func (noFriends) Contact(context.Context, string) (store.Contact, error) {
	return store.Contact{}, nil
}

func (noFriends) SetContact(context.Context, string, *bool, *bool) (was, is store.Contact, err error) {
	return was, is, nil
}

func (noFriends) TakeTurn(context.Context, string, time.Time, time.Duration, int) (time.Duration, error) {
	return 0, nil
}

func (noFriends) Presences(context.Context, []string) ([]store.Presence, error) { return nil, nil }

func (noFriends) Watchers(context.Context, []string, int) (map[string][]string, error) {
	return nil, nil
}

func (noFriends) SendMessage(context.Context, string, string, string, time.Time) (store.Message, error) {
	return store.Message{}, store.ErrNotFound
}

func (noFriends) Messages(context.Context, string, string, uint64, uint64, int) ([]store.Message, uint64, error) {
	return nil, 0, nil
}

func (noFriends) Talks(context.Context, string, string, int) ([]store.Talk, string, error) {
	return nil, "", nil
}

func (noFriends) MarkRead(context.Context, string, string, uint64) (uint64, error) {
	return 0, store.ErrNotFound
}

func (noFriends) DropMessage(context.Context, string, string, uint64) error {
	return store.ErrNotFound
}

func (noFriends) DropTalk(context.Context, string, string) error { return nil }
