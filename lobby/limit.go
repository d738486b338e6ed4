package lobby

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// limiter lets each address do something at a rate, with bursts: the generic cell rate algorithm (ITU-T I.371), which
// is a token bucket kept as one time. Safe for concurrent use.
type limiter struct {
	each  time.Duration // between two in the long run
	slack time.Duration // how far ahead of that an address may be

	mu      sync.Mutex
	due     map[netip.Prefix]time.Time // when an address would be back at rest
	cleared time.Time
}

// maxAddresses bounds the limiter's memory. When so many are active at once, the others share one bucket.
const maxAddresses = 1 << 16

func newLimiter(perSecond float64, burst int) *limiter {
	each := max(time.Duration(float64(time.Second)/perSecond), 1)
	return &limiter{each: each, slack: time.Duration(burst-1) * each, due: map[netip.Prefix]time.Time{}}
}

// take counts one for the address, or says how long to wait. Addresses of this machine are not limited; texts that are
// no address share one bucket.
func (l *limiter) take(address string, now time.Time) (wait time.Duration, ok bool) {
	key, limited := limitKey(address)
	if !limited {
		return 0, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	due, known := l.due[key]
	if !known && len(l.due) >= maxAddresses {
		l.clearLocked(now)
		if len(l.due) >= maxAddresses {
			key = netip.Prefix{}
			due = l.due[key]
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

// clearLocked forgets addresses at rest, at most once a second.
func (l *limiter) clearLocked(now time.Time) {
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
