package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/madang-games/madang/lobby"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/token"
)

// keyTime is how long a key of our own making signs. Each process makes the next one a whole such time before it is
// needed, so that all know it by then.
const keyTime = 30 * 24 * time.Hour

// openTokens makes the ring of the keys that sign sessions: those that the configuration gives, or those of the store. What the
// configuration gives is in no error, as it may be the keys, however malformed.
func (s *Server) openTokens(ctx context.Context, keys store.TokenKeys) (*token.Ring, error) {
	given := s.config.TokenKeys
	switch {
	case given == "":
		return s.awaitKeys(ctx, func(ctx context.Context) ([]token.Key, error) { return storedKeys(ctx, keys, time.Now()) })
	case strings.ContainsAny(given, "=\n"):
		fixed, err := token.Parse(given)
		if err != nil {
			return nil, fmt.Errorf("--token-keys: %w", err)
		}
		return token.Fixed(fixed...)
	}
	return token.NewRing(ctx, func(context.Context) ([]token.Key, error) {
		text, err := os.ReadFile(given)
		if named := (*fs.PathError)(nil); errors.As(err, &named) {
			err = fmt.Errorf("the file that it names can't be read: %w", named.Err)
		}
		var fixed []token.Key
		if err == nil {
			fixed, err = token.Parse(string(text))
		}
		if err != nil {
			return nil, fmt.Errorf("--token-keys: %w", err)
		}
		return fixed, nil
	})
}

// awaitKeys makes a ring of what load gives, waiting while the store is unavailable.
func (s *Server) awaitKeys(ctx context.Context, load func(ctx context.Context) ([]token.Key, error)) (*token.Ring, error) {
	for wait, told := 100*time.Millisecond, false; ; wait = min(2*wait, 2*time.Second) {
		r, err := token.NewRing(ctx, load)
		if err == nil || !errors.Is(err, store.ErrUnavailable) || ctx.Err() != nil {
			return r, err
		}
		if !told {
			told = true
			s.log.Warn("waiting for the store, for the keys that sign sessions", "error", err)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// storedKeys are the keys that the store keeps for all processes. Keys are named after the time in which they sign, so
// that of all processes that make one the first one's counts.
func storedKeys(ctx context.Context, keys store.TokenKeys, now time.Time) ([]token.Key, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var fresh []store.TokenKey
	turn := now.Unix() / int64(keyTime/time.Second)
	for n := turn; n <= turn+1; n++ {
		from := time.Unix(n*int64(keyTime/time.Second), 0).UTC()
		k, err := token.Generate(strconv.FormatInt(n, 10), from)
		if err != nil {
			return nil, err
		}
		fresh = append(fresh, store.TokenKey{ID: k.ID, Seed: k.Seed(), From: from})
	}
	// What was signed at a key's last moment lives on for a session's life.
	kept, err := keys.TokenKeys(ctx, fresh, now.Add(-keyTime-lobby.SessionLife-24*time.Hour))
	if err != nil {
		return nil, err
	}
	ring := make([]token.Key, 0, len(kept))
	for _, k := range kept {
		key, err := token.NewKey(k.ID, k.Seed, k.From)
		if err != nil {
			return nil, err
		}
		ring = append(ring, key)
	}
	return ring, nil
}
