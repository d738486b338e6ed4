package lobby

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/argon2"
)

// hasher turns passwords into what is kept, by Argon2id (RFC 9106). Each hashing takes 19 MiB and some 20 ms of one core, so
// that few run at a time and the others wait; those for whom the wait would be too long are refused at once. Safe for
// concurrent use.
type hasher struct {
	slots   chan struct{}
	waiting atomic.Int64
	most    int64
	unknown string // what is kept of a password that nobody has
}

// What new hashes are made with: OWASP's second choice for Argon2id. They are kept with each hash, so old ones stay good.
const (
	hashMemory  = 19 << 10 // KiB
	hashTime    = 2
	hashThreads = 1
	hashSize    = 32
	saltSize    = 16
	// waitsPerSlot times the time of one hashing is the longest wait: about 2 s.
	waitsPerSlot = 64
)

func newHasher() *hasher {
	slots := max(1, runtime.GOMAXPROCS(0)/2)
	h := &hasher{slots: make(chan struct{}, slots), most: int64(slots * waitsPerSlot)}
	var salt [saltSize]byte
	_, _ = rand.Read(salt[:]) // never fails
	h.unknown = coded(hashTime, hashMemory, hashThreads, salt[:], make([]byte, hashSize))
	return h
}

// enter waits for one of the slots; leave must follow.
func (h *hasher) enter(ctx context.Context) error {
	defer h.waiting.Add(-1)
	if h.waiting.Add(1) > h.most {
		return unavailable.because("Too many players sign in by password at this moment.")
	}
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *hasher) leave() { <-h.slots }

// hash is what to keep of a password.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.leave()
	var salt [saltSize]byte
	_, _ = rand.Read(salt[:]) // never fails
	key := argon2.IDKey([]byte(password), salt[:], hashTime, hashMemory, hashThreads, hashSize)
	return coded(hashTime, hashMemory, hashThreads, salt[:], key), nil
}

// matches reports whether kept was made of password; weak that it was made with less than new ones are.
func (h *hasher) matches(ctx context.Context, password, kept string) (ok, weak bool, err error) {
	var time, memory uint32
	var threads uint8
	parts := strings.Split(kept, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != "v=19" {
		return false, false, fmt.Errorf("a kept password is not of the form %q", "$argon2id$v=19$...")
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &time, &threads); err != nil || time == 0 || threads == 0 || memory > 1<<20 {
		return false, false, fmt.Errorf("a kept password has malformed parameters %q", parts[3])
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, false, fmt.Errorf("a kept password has a malformed salt")
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(want) < 16 {
		return false, false, fmt.Errorf("a kept password has a malformed hash")
	}
	if err := h.enter(ctx); err != nil {
		return false, false, err
	}
	defer h.leave()
	got := argon2.IDKey([]byte(password), salt, time, memory, threads, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1, time < hashTime || memory < hashMemory, nil
}

// coded is the form in which hashes are kept (the PHC string format).
func coded(time, memory uint32, threads uint8, salt, key []byte) string {
	b := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", memory, time, threads, b.EncodeToString(salt), b.EncodeToString(key))
}

// digest is what is kept of a secret that a program has made up: too long to be guessed, so it needs no slow hash.
func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return "sha256$" + base64.RawStdEncoding.EncodeToString(sum[:])
}
