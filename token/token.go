// Package token signs the tokens of sessions, and tells ours from all others without asking anybody.
//
// A token is "m1.<key>.<payload>.<signature>": the id of the key, the session's secret and the token's end, and the
// Ed25519 signature (RFC 8032) over all that stands before the last dot, the two latter in unpadded base64url. It is 111
// to 126 characters long. That a token is genuine does not mean that its session lives: only the store knows the
// newest one.
package token

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"time"
)

// ErrRefused is what all texts have in common that are no living token of ours.
var ErrRefused = errors.New("no valid session token")

// Secret names a session to the store, which keeps its Hash alone. Refreshed tokens of one session share it.
type Secret [16]byte

// Hash is under which the store finds the session.
func (s Secret) Hash() [32]byte { return sha256.Sum256(s[:]) }

// Claims is what a token says.
type Claims struct {
	Secret    Secret
	ExpiresAt time.Time // whole seconds
}

const (
	version     = "m1"
	payloadSize = len(Secret{}) + 8
	maxKeyID    = 16
	// MaxLength bounds the texts that are looked at.
	MaxLength = 256
)

// No strangers' bits after the last character: each token has one form only.
var coding = base64.RawURLEncoding.Strict()

// Sign makes a token that ends at c.ExpiresAt, of which whole seconds count.
func (k Key) sign(c Claims) string {
	payload := make([]byte, 0, payloadSize)
	payload = append(payload, c.Secret[:]...)
	payload = binary.BigEndian.AppendUint64(payload, uint64(c.ExpiresAt.Unix()))
	text := version + "." + k.ID + "." + coding.EncodeToString(payload)
	return text + "." + coding.EncodeToString(ed25519.Sign(k.private, []byte(text)))
}

// parse takes a token apart without believing it.
func parse(text string) (key string, signed, signature []byte, c Claims, err error) {
	refuse := func() (string, []byte, []byte, Claims, error) { return "", nil, nil, Claims{}, ErrRefused }
	if len(text) > MaxLength {
		return refuse()
	}
	parts := strings.Split(text, ".")
	if len(parts) != 4 || parts[0] != version {
		return refuse()
	}
	payload, err := coding.DecodeString(parts[2])
	if err != nil || len(payload) != payloadSize {
		return refuse()
	}
	signature, err = coding.DecodeString(parts[3])
	if err != nil || len(signature) != ed25519.SignatureSize {
		return refuse()
	}
	end := binary.BigEndian.Uint64(payload[len(c.Secret):])
	if end > 1<<40 {
		return refuse()
	}
	copy(c.Secret[:], payload)
	c.ExpiresAt = time.Unix(int64(end), 0).UTC()
	return parts[1], []byte(text[:strings.LastIndexByte(text, '.')]), signature, c, nil
}
