package token

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Key is a key pair under its name. The zero Key is none.
type Key struct {
	ID   string
	From time.Time // it signs from then on, until the From of a later key; tokens that it has signed stay valid

	private ed25519.PrivateKey
}

var goodID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,` + strconv.Itoa(maxKeyID) + `}$`)

// NewKey makes a key of a seed of 32 bytes, which is the whole secret.
func NewKey(id string, seed []byte, from time.Time) (Key, error) {
	if !goodID.MatchString(id) {
		return Key{}, fmt.Errorf("key id %q is not 1 to %d letters, digits, - and _", id, maxKeyID)
	}
	if len(seed) != ed25519.SeedSize {
		return Key{}, fmt.Errorf("the seed of key %q has %d bytes, not %d", id, len(seed), ed25519.SeedSize)
	}
	return Key{ID: id, From: from, private: ed25519.NewKeyFromSeed(seed)}, nil
}

// Seed is what NewKey was given, to be kept where nobody reads it.
func (k Key) Seed() []byte { return k.private.Seed() }

// Generate makes a key of the system's randomness.
func Generate(id string, from time.Time) (Key, error) {
	seed := make([]byte, ed25519.SeedSize)
	_, _ = rand.Read(seed) // never fails
	return NewKey(id, seed, from)
}

// Parse reads keys "id=seed", the seed in base64 with or without padding, between commas or white space; a # begins a
// comment up to the end of its line. The first one signs, the others are known. It is an error if there is none, or
// if two have the same id.
func Parse(text string) ([]Key, error) {
	var keys []Key
	seen := map[string]bool{}
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		for _, word := range strings.FieldsFunc(line, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\r' || r == '\n' }) {
			id, coded, ok := strings.Cut(word, "=")
			seed, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(coded, "="))
			if !ok || err != nil {
				return nil, fmt.Errorf("token key %d is not of the form id=<32 bytes in base64>", len(keys)+1)
			}
			if !goodID.MatchString(id) { // it may be a key in the wrong place, so it is not shown
				return nil, fmt.Errorf("the id of token key %d is not 1 to %d letters, digits, - and _", len(keys)+1, maxKeyID)
			}
			if seen[id] {
				return nil, fmt.Errorf("token key %q is there twice", id)
			}
			seen[id] = true
			// Later ones in the list are older: the first one signs.
			key, err := NewKey(id, seed, time.Unix(int64(-len(keys)), 0))
			if err != nil {
				return nil, err
			}
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("there is no token key")
	}
	return keys, nil
}

// same reports whether two keys are one.
func (k Key) same(other Key) bool {
	return k.ID == other.ID && k.From.Equal(other.From) && k.private.Equal(other.private)
}
