package lobby

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/argon2"
)

// hasher turns passwords into what is kept, by Argon2id (RFC 9106). Each hashing takes 19 MiB and some 20 ms of one core, so
// that few run at a time and the others wait; those for whom the wait would be too long are refused. Of one address only a few
// wait, so that nobody takes all the places. Safe for concurrent use.
type hasher struct {
	slots   chan struct{}
	most    int    // who may wait
	unknown string // what is kept of a password that nobody has

	mu      sync.Mutex
	waiting int
	from    map[netip.Prefix]int // those who wait, by address
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
	// longestWait is for when hashing takes longer than it should: it leaves time for the rest of a request.
	longestWait = 4 * time.Second
	// waitsPerAddress is how many of one address may wait.
	waitsPerAddress = 4
)

func newHasher() *hasher {
	slots := max(1, runtime.GOMAXPROCS(0)/2)
	h := &hasher{slots: make(chan struct{}, slots), most: slots * waitsPerSlot, from: map[netip.Prefix]int{}}
	var salt [saltSize]byte
	_, _ = rand.Read(salt[:]) // never fails
	h.unknown = coded(hashTime, hashMemory, hashThreads, salt[:], make([]byte, hashSize))
	return h
}

// enter waits for one of the slots, for who comes from an address; leave must follow.
func (h *hasher) enter(ctx context.Context, address string) error {
	select {
	case h.slots <- struct{}{}: // nobody has to wait
		return nil
	default:
	}
	key, limited := limitKey(address)
	if err := h.queue(key, limited); err != nil {
		return err
	}
	defer h.unqueue(key)
	late := time.NewTimer(longestWait)
	defer late.Stop()
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-late.C:
		return busyHashing()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// busyHashing is for those who can't wait as well.
func busyHashing() error {
	return unavailable.because("Too many players sign in by password at this moment.")
}

// queue counts one who waits, or refuses it; unqueue must follow.
func (h *hasher) queue(key netip.Prefix, limited bool) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case limited && h.from[key] >= waitsPerAddress:
		return rateLimited.after(0).because("Too many sign-ins by password from this address at once.")
	case h.waiting >= h.most:
		return busyHashing()
	}
	h.waiting++
	h.from[key]++
	return nil
}

func (h *hasher) unqueue(key netip.Prefix) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waiting--
	if h.from[key]--; h.from[key] == 0 {
		delete(h.from, key)
	}
}

func (h *hasher) leave() { <-h.slots }

// hash is what to keep of a password that somebody at an address gave.
func (h *hasher) hash(ctx context.Context, address, password string) (string, error) {
	if err := h.enter(ctx, address); err != nil {
		return "", err
	}
	defer h.leave()
	var salt [saltSize]byte
	_, _ = rand.Read(salt[:]) // never fails
	key := argon2.IDKey([]byte(password), salt[:], hashTime, hashMemory, hashThreads, hashSize)
	return coded(hashTime, hashMemory, hashThreads, salt[:], key), nil
}

// matches reports whether kept was made of password, given from an address; weak that it was made with less than new ones are.
func (h *hasher) matches(ctx context.Context, address, password, kept string) (ok, weak bool, err error) {
	var passes, memory uint32
	var threads uint8
	parts := strings.Split(kept, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != "v=19" {
		return false, false, fmt.Errorf("a kept password is not of the form %q", "$argon2id$v=19$...")
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &passes, &threads); err != nil || passes == 0 || threads == 0 || memory > 1<<20 {
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
	if err := h.enter(ctx, address); err != nil {
		return false, false, err
	}
	defer h.leave()
	got := argon2.IDKey([]byte(password), salt, passes, memory, threads, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1, passes < hashTime || memory < hashMemory, nil
}

// coded is the form in which hashes are kept (the PHC string format).
func coded(passes, memory uint32, threads uint8, salt, key []byte) string {
	b := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", memory, passes, threads, b.EncodeToString(salt), b.EncodeToString(key))
}

// digest is what is kept of a secret that a program has made up: too long to be guessed, so it needs no slow hash.
func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return "sha256$" + base64.RawStdEncoding.EncodeToString(sum[:])
}
