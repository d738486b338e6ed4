package platform

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"sync"
	"time"
)

const (
	certificateLife = 24 * time.Hour // until it is fetched anew
	maxCertificates = 16             // addresses that are remembered
	// certificatePause is the least time between two fetches of one address.
	certificatePause = time.Second
	// fetchesAtOnce: addresses come from players, and one that answers slowly must not keep the others waiting.
	fetchesAtOnce = 4
)

// appleKeys are the keys that Apple signs with, by the addresses of their certificates. Addresses come from players before any
// signature is checked: one that is not of the one form that Apple's have is refused, and those that lead nowhere neither hold up
// others nor push out those that are known. Safe for concurrent use.
type appleKeys struct {
	now   func() time.Time
	fetch func(ctx context.Context, address string) (*rsa.PublicKey, error)
	slots chan struct{} // holds one for each fetch

	mu    sync.Mutex
	known map[string]*appleKey // by address
}

// appleKey is what is known of one address.
type appleKey struct {
	turn chan struct{} // holds one while somebody fetches it

	// guarded by appleKeys.mu
	key   *rsa.PublicKey // nil: none yet
	until time.Time
	tried time.Time // when the last fetch began; for one that never began, when it was first asked for
	began bool
}

func newAppleKeys(now func() time.Time, fetch func(context.Context, string) (*rsa.PublicKey, error)) *appleKeys {
	return &appleKeys{now: now, fetch: fetch, slots: make(chan struct{}, fetchesAtOnce), known: map[string]*appleKey{}}
}

// get is the key at an address. ErrRefused: it is no address of Apple's keys. Those who ask for the same one wait for one fetch.
func (a *appleKeys) get(ctx context.Context, address string) (*rsa.PublicKey, error) {
	if !keyForm.MatchString(address) {
		return nil, fmt.Errorf("%w: its key is at %.200q", ErrRefused, address)
	}
	k := a.of(address)
	if key := a.fresh(k); key != nil {
		return key, nil
	}
	if err := enter(ctx, k.turn); err != nil {
		return nil, err
	}
	defer func() { <-k.turn }()
	if key := a.fresh(k); key != nil { // somebody has fetched it while we waited
		return key, nil
	}
	if err := enter(ctx, a.slots); err != nil {
		return nil, err
	}
	defer func() { <-a.slots }()
	if !a.begin(k) {
		return nil, errors.New("game center's certificate was asked for a moment ago")
	}
	key, err := a.fetch(ctx, address)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	k.key, k.until = key, a.now().Add(certificateLife)
	if a.known[address] != k { // pushed out meanwhile
		a.putLocked(address, k)
	}
	return key, nil
}

// enter waits for a place in a channel that holds one for each who is in.
func enter(ctx context.Context, places chan struct{}) error {
	select {
	case places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// of is what is known of an address; nothing yet, where it is new.
func (a *appleKeys) of(address string) *appleKey {
	a.mu.Lock()
	defer a.mu.Unlock()
	k := a.known[address]
	if k == nil {
		k = &appleKey{turn: make(chan struct{}, 1), tried: a.now()}
		a.putLocked(address, k)
	}
	return k
}

// fresh is the key, if it is known and not to be fetched anew.
func (a *appleKeys) fresh(k *appleKey) *rsa.PublicKey {
	a.mu.Lock()
	defer a.mu.Unlock()
	if k.key == nil || !a.now().Before(k.until) {
		return nil
	}
	return k.key
}

// begin says whether k may be fetched now, and that it is.
func (a *appleKeys) begin(k *appleKey) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	if k.began && now.Sub(k.tried) < certificatePause {
		return false
	}
	k.began, k.tried = true, now
	return true
}

// putLocked remembers k in the place of the oldest, if there are too many: of those without a key, if there are any.
func (a *appleKeys) putLocked(address string, k *appleKey) {
	if a.known[address] == nil && len(a.known) >= maxCertificates {
		oldest := ""
		for at, other := range a.known {
			o := a.known[oldest]
			if o == nil || (other.key == nil) == (o.key == nil) && other.tried.Before(o.tried) || other.key == nil && o.key != nil {
				oldest = at
			}
		}
		delete(a.known, oldest)
	}
	a.known[address] = k
}

// keyForm is how the addresses of Apple's keys look: https://static.gc.apple.com/public-key/gc-prod-10.cer.
var keyForm = regexp.MustCompile(`^https://static\.gc\.apple\.com/public-key/[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}\.cer$`)

// keyAt says that an address is one of Apple's keys.
func keyAt(u *url.URL) error {
	if !keyForm.MatchString(u.String()) {
		return fmt.Errorf("%.200q is no address of a key of Apple's", u.Redacted())
	}
	return nil
}
