package lobby

import (
	"crypto/sha256"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/madang-games/madang/store"
)

// buckets let each key do something at a rate, with bursts: the generic cell rate algorithm (ITU-T I.371), which is a token
// bucket kept as one time. Safe for concurrent use.
type buckets[K comparable] struct {
	each  time.Duration // between two in the long run
	slack time.Duration // how far ahead of that a key may be

	mu      sync.Mutex
	due     map[K]time.Time // when a key would be back at rest
	cleared time.Time
}

// maxBuckets bounds the memory. When so many keys are active at once, the others share one bucket.
const maxBuckets = 1 << 16

func newBuckets[K comparable](perSecond float64, burst int) *buckets[K] {
	each := max(time.Duration(float64(time.Second)/perSecond), 1)
	return &buckets[K]{each: each, slack: time.Duration(burst-1) * each, due: map[K]time.Time{}}
}

// take counts one for the key, or says how long to wait.
func (l *buckets[K]) take(key K, now time.Time) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	due, known := l.due[key]
	if !known && len(l.due) >= maxBuckets {
		l.clearLocked(now)
		if len(l.due) >= maxBuckets {
			var all K
			key, due = all, l.due[all]
		}
	}
	if due.Before(now) {
		due = now
	}
	if ahead := due.Sub(now) - l.slack; ahead > 0 {
		return ahead, false
	}
	l.due[key] = due.Add(l.each)
	return 0, true
}

// giveBack takes back what take has counted for the key.
func (l *buckets[K]) giveBack(key K) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if due, known := l.due[key]; known {
		l.due[key] = due.Add(-l.each)
	}
}

// clearLocked forgets keys at rest, at most once a second.
func (l *buckets[K]) clearLocked(now time.Time) {
	if now.Sub(l.cleared) < time.Second {
		return
	}
	l.cleared = now
	for key, due := range l.due {
		if !due.After(now) {
			delete(l.due, key)
		}
	}
}

// limiter limits addresses. Those of this machine are not limited; texts that are no address share one bucket.
type limiter struct{ *buckets[netip.Prefix] }

func newLimiter(perSecond float64, burst int) *limiter {
	return &limiter{newBuckets[netip.Prefix](perSecond, burst)}
}

// take counts one for the address, or says how long to wait.
func (l *limiter) take(address string, now time.Time) (wait time.Duration, ok bool) {
	key, limited := limitKey(address)
	if !limited {
		return 0, true
	}
	return l.buckets.take(key, now)
}

// guesses limits how often a secret of an account may be guessed wrong, from wherever, at this process: a person who has
// forgotten a password gets on, a program does not.
type guesses struct{ *buckets[[32]byte] }

const (
	guessesPerSecond = 0.1
	guessesAtOnce    = 10
)

func newGuesses() guesses { return guesses{newBuckets[[32]byte](guessesPerSecond, guessesAtOnce)} }

// accountKey is under which an account's guesses are counted, whether there is such an account or not.
func accountKey(id store.Identity) [32]byte {
	return sha256.Sum256([]byte(id.Platform + ":" + id.Subject))
}

// try counts a guess before it is known whether it is right; giveBack takes a right one back.
func (g guesses) try(key [32]byte, now time.Time) error {
	if wait, ok := g.take(key, now); !ok {
		return rateLimited.after(wait).because("Too many wrong tokens for this account.")
	}
	return nil
}

// limitKey is what is limited of an address: IPv4 as it is, of IPv6 the network of a household.
func limitKey(address string) (key netip.Prefix, limited bool) {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return key, true
	}
	ip = ip.Unmap().WithZone("")
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	key, _ = ip.Prefix(bits) // the bits fit
	return key, !ip.IsLoopback()
}

// addressOf is the address that a request came from. Behind a trusted proxy that is the last one of X-Forwarded-For:
// the one that the proxy itself has seen.
func (s *Service) addressOf(r *http.Request) string {
	if s.config.TrustProxy {
		all := r.Header.Values("X-Forwarded-For")
		if len(all) > 0 {
			last := all[len(all)-1]
			return strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
		}
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
