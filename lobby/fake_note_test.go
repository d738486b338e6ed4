package lobby

import (
	"context"
	"time"

	"github.com/madang-games/madang/store"
)

// noNotes is that of players who are told nothing: tests of notes have a database.
type noNotes struct{}

func (noNotes) Notify(context.Context, ...store.Note) ([]store.Note, error) { return nil, nil }

func (noNotes) Notes(context.Context, string, uint64, time.Time, int) ([]store.Note, uint64, error) {
	return nil, 0, nil
}

func (noNotes) LastNotes(context.Context, []string) (map[string]uint64, error) { return nil, nil }

func (noNotes) ForgetNotes(context.Context, time.Time, int) (int, error) { return 0, nil }
