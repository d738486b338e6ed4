package platform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Signatures by a key pair; "none" and those by a shared secret are no signatures.
var algorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

const (
	// keysFresh is how long keys are used before they are fetched again: so long may a key be used that its issuer has
	// withdrawn.
	keysFresh = time.Hour
	// keysStale is how long they are used when they can't be fetched again.
	keysStale = 24 * time.Hour
	// keysPause is the least time between two fetches, however many tokens name unknown keys.
	keysPause = 10 * time.Second
	maxKeys   = 100
)

// keySet is an issuer's keys (OpenID Connect Discovery 1.0, and RFC 7517). Safe for concurrent use.
type keySet struct {
	issuer string
	client *http.Client
	now    func() time.Time

	fetching chan struct{} // holds one while somebody fetches

	mu      sync.Mutex
	keys    []jose.JSONWebKey
	fetched time.Time
	tried   time.Time
	failure error // of the last try; nil: it went well
}

func newKeySet(issuer string, client *http.Client, now func() time.Time) *keySet {
	return &keySet{issuer: issuer, client: client, now: now, fetching: make(chan struct{}, 1)}
}

// verify checks the signature of a token and returns its payload. ErrRefused: it is by none of the issuer's keys. Another
// error: the keys can't be had now.
func (k *keySet) verify(ctx context.Context, token string) ([]byte, error) {
	allowed := make([]jose.SignatureAlgorithm, len(algorithms))
	for i, a := range algorithms {
		allowed[i] = jose.SignatureAlgorithm(a)
	}
	signed, err := jose.ParseSignedCompact(token, allowed)
	if err != nil || len(signed.Signatures) != 1 {
		return nil, fmt.Errorf("%w: malformed, or signed otherwise than by a key pair", ErrRefused)
	}
	keys, err := k.get(ctx, false)
	if err != nil {
		return nil, err
	}
	if payload, ok := check(signed, keys); ok {
		return payload, nil
	}
	if keys, err = k.get(ctx, true); err != nil {
		return nil, err
	}
	if payload, ok := check(signed, keys); ok {
		return payload, nil
	}
	return nil, fmt.Errorf("%w: by no key of %s", ErrRefused, k.issuer)
}

func check(signed *jose.JSONWebSignature, keys []jose.JSONWebKey) ([]byte, bool) {
	header := signed.Signatures[0].Header
	for i := range keys {
		key := &keys[i]
		if header.KeyID != "" && key.KeyID != header.KeyID || key.Algorithm != "" && key.Algorithm != header.Algorithm {
			continue
		}
		if payload, err := signed.Verify(key); err == nil {
			return payload, true
		}
	}
	return nil, false
}

// get returns the keys, fetched if they are not fresh; with missing also when they are, as one was missing among them. While
// others fetch them, and as long as the issuer is away, those from before are good for a day, and nobody waits.
func (k *keySet) get(ctx context.Context, missing bool) ([]jose.JSONWebKey, error) {
	if keys, done, err := k.known(missing); done {
		return keys, err
	}
	if old, away := k.old(); old != nil && !missing {
		return k.meanwhile(ctx, old, away), nil
	}
	select {
	case k.fetching <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-k.fetching }()
	if keys, done, err := k.known(missing); done { // somebody has fetched them while we waited
		return keys, err
	}
	if err := k.refresh(ctx); err != nil {
		return nil, err
	}
	keys, _ := k.old()
	return keys, nil
}

// meanwhile returns the keys for who has old ones to go on with.
func (k *keySet) meanwhile(ctx context.Context, old []jose.JSONWebKey, away bool) []jose.JSONWebKey {
	select {
	case k.fetching <- struct{}{}:
	default:
		return old
	}
	if away {
		go func() { // for two times fetchTime at most
			defer func() { <-k.fetching }()
			_ = k.refresh(context.WithoutCancel(ctx))
		}()
		return old
	}
	defer func() { <-k.fetching }()
	if k.refresh(ctx) == nil {
		old, _ = k.old()
	}
	return old
}

// refresh fetches the keys; of who is in fetching.
func (k *keySet) refresh(ctx context.Context) error {
	keys, err := k.fetch(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tried, k.failure = k.now(), err
	if err == nil {
		k.keys, k.fetched = keys, k.tried
	}
	return err
}

// old are the keys that are known and less than a day old; nil: there are none. away: the last try to fetch them anew has failed.
func (k *keySet) old() (keys []jose.JSONWebKey, away bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.now().Sub(k.fetched) >= keysStale {
		return nil, k.failure != nil
	}
	return k.keys, k.failure != nil
}

// known says what can be said without fetching.
func (k *keySet) known(missing bool) (keys []jose.JSONWebKey, done bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	switch {
	case !missing && k.failure == nil && now.Sub(k.fetched) < keysFresh && len(k.keys) > 0:
		return k.keys, true, nil
	case now.Sub(k.tried) >= keysPause:
		return nil, false, nil
	case now.Sub(k.fetched) < keysStale && (!missing || k.failure == nil):
		return k.keys, true, nil
	}
	return nil, true, k.failure
}

// fetch asks the issuer where its keys are, and gets them.
func (k *keySet) fetch(ctx context.Context) ([]jose.JSONWebKey, error) {
	body, err := fetch(ctx, k.client, strings.TrimSuffix(k.issuer, "/")+"/.well-known/openid-configuration", secure)
	if err != nil {
		return nil, err
	}
	var about struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(body, &about); err != nil {
		return nil, fmt.Errorf("%s describes itself in what is no JSON: %w", k.issuer, err)
	}
	if about.Issuer != k.issuer {
		return nil, fmt.Errorf("%s calls itself %.200q", k.issuer, about.Issuer)
	}
	if body, err = fetch(ctx, k.client, about.Keys, secure); err != nil {
		return nil, err
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, fmt.Errorf("the keys of %s are no JSON: %w", k.issuer, err)
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys[:min(len(set.Keys), maxKeys)] {
		var key jose.JSONWebKey
		if err := json.Unmarshal(raw, &key); err != nil {
			continue // of a kind that we don't know
		}
		if key.Valid() && key.IsPublic() && (key.Use == "" || key.Use == "sig") {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New(k.issuer + " has no keys for signatures")
	}
	return keys, nil
}
