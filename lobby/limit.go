package lobby

import (
	"hash/maphash"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// buckets let each key do something at a rate, with bursts: the generic cell rate algorithm (ITU-T I.371), which is a token
// bucket kept as one time. Safe for concurrent use.
type buckets[K comparable] struct {
	each  time.Duration // between two in the long run
	slack time.Duration // how far ahead of that a key may be
	seed  maphash.Seed

	mu      sync.Mutex
	due     map[K]time.Time // when a key would be back at rest
	cleared time.Time
	shared  [sharedBuckets]time.Time // as due, of keys that have no room in it
}

// maxBuckets bounds the memory. When so many keys are active at once, the others share a few, chosen by hash.
const (
	maxBuckets    = 1 << 16
	sharedBuckets = 1 << 10
)

// charge is what take has counted: for a key, or for those who share a bucket.
type charge[K comparable] struct {
	key    K
	shared int // which of the shared ones; -1: the key's own
}

func newBuckets[K comparable](perSecond float64, burst int) *buckets[K] {
	each := max(time.Duration(float64(time.Second)/perSecond), 1)
	return &buckets[K]{each: each, slack: time.Duration(burst-1) * each, seed: maphash.MakeSeed(), due: map[K]time.Time{}}
}

// take counts one for the key, or says how long to wait.
func (l *buckets[K]) take(key K, now time.Time) (counted charge[K], wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	counted = charge[K]{key, -1}
	due, known := l.due[key]
	if !known && len(l.due) >= maxBuckets {
		l.clearLocked(now)
		if len(l.due) >= maxBuckets {
			counted.shared = int(maphash.Comparable(l.seed, key) % sharedBuckets)
			due = l.shared[counted.shared]
		}
	}
	if due.Before(now) {
		due = now
	}
	if ahead := due.Sub(now) - l.slack; ahead > 0 {
		return counted, ahead, false
	}
	l.setLocked(counted, due.Add(l.each))
	return counted, 0, true
}

func (l *buckets[K]) setLocked(c charge[K], due time.Time) {
	if c.shared >= 0 {
		l.shared[c.shared] = due
	} else {
		l.due[c.key] = due
	}
}

// giveBack takes back what take has counted.
func (l *buckets[K]) giveBack(c charge[K]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	due, known := l.due[c.key]
	if c.shared >= 0 {
		due, known = l.shared[c.shared], true
	}
	if known {
		l.setLocked(c, due.Add(-l.each))
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
	_, wait, ok = l.buckets.take(key, now)
	return wait, ok
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
