package token

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"
)

// Ring holds the keys that are valid now. Safe for concurrent use.
type Ring struct {
	load func(ctx context.Context) ([]Key, error)
	keys atomic.Pointer[held]
	seen seen
}

// held is a set of keys, never changed.
type held struct {
	byID map[string]Key
	line []Key // the one that signs latest first
}

// NewRing loads the keys for the first time. load is called again by [Ring.Run]; what it returns takes the place of what
// was there, so a key that it does not return any more is not valid any more.
func NewRing(ctx context.Context, load func(ctx context.Context) ([]Key, error)) (*Ring, error) {
	r := &Ring{load: load}
	if err := r.Reload(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// Fixed is a ring of these keys.
func Fixed(keys ...Key) (*Ring, error) {
	return NewRing(context.Background(), func(context.Context) ([]Key, error) { return keys, nil })
}

// Reload loads the keys anew; on an error the old ones stay.
func (r *Ring) Reload(ctx context.Context) error {
	keys, err := r.load(ctx)
	if err == nil && len(keys) == 0 {
		err = errors.New("there are none")
	}
	if err != nil {
		return fmt.Errorf("load token keys: %w", err)
	}
	h := &held{byID: map[string]Key{}, line: slices.Clone(keys)}
	slices.SortStableFunc(h.line, func(a, b Key) int { return cmp.Or(b.From.Compare(a.From), cmp.Compare(b.ID, a.ID)) })
	for _, k := range keys {
		h.byID[k.ID] = k
	}
	if old := r.keys.Load(); old == nil || !slices.EqualFunc(old.line, h.line, Key.same) {
		r.keys.Store(h)
	}
	return nil
}

// reloadEvery is how soon all processes know a change of the keys.
const reloadEvery = 30 * time.Second

// Run reloads the keys each 30 s until ctx ends; then it returns nil. While they can't be loaded the old ones stay.
func (r *Ring) Run(ctx context.Context, log *slog.Logger) error {
	tick := time.NewTicker(reloadEvery)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := r.Reload(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			log.Warn("the keys of session tokens can't be loaded; those that are known stay", "error", err)
		}
		failing = err != nil
	}
}

// Sign makes a token with the newest key that signs at now. Of c.ExpiresAt whole seconds count.
func (r *Ring) Sign(c Claims, now time.Time) string {
	line := r.keys.Load().line
	for _, k := range line {
		if !k.From.After(now) {
			return k.sign(c)
		}
	}
	return line[len(line)-1].sign(c) // by this clock none has begun: the first one
}

// Open returns what a token says. [ErrRefused]: it is none of ours, or it was changed, or it is over at now.
func (r *Ring) Open(text string, now time.Time) (Claims, error) {
	keys := r.keys.Load()
	at, c, known := r.seen.get(keys, text)
	if known {
		if !now.Before(c.ExpiresAt) {
			return Claims{}, ErrRefused
		}
		return c, nil
	}
	id, signed, signature, c, err := parse(text)
	if err != nil {
		return Claims{}, err
	}
	key, known := keys.byID[id]
	if !known || !now.Before(c.ExpiresAt) || !ed25519.Verify(key.private.Public().(ed25519.PublicKey), signed, signature) {
		return Claims{}, ErrRefused
	}
	r.seen.put(keys, at, c)
	return c, nil
}

// Hash is Open for those who only look the session up.
func (r *Ring) Hash(text string, now time.Time) ([32]byte, error) {
	c, err := r.Open(text, now)
	if err != nil {
		return [32]byte{}, err
	}
	return c.Secret.Hash(), nil
}
