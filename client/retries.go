package client

import (
	"math/rand/v2"
	"time"
)

// Backoff is how long to wait before connecting again: after each failure in a row twice as long, from Min (default
// 100 ms) to Max (default 10 s), but no longer than 750 ms or a tenth of what the outage has lasted, whichever is
// more, so that a short outage costs no second more; a gateway that sends the client away is not an outage. Of that a
// random part of at least a half, so that many clients that were cut off together don't come back together.
type Backoff struct{ Min, Max time.Duration }

const shortOutage = 750 * time.Millisecond

// retries reckons the waits of one connection.
type retries struct {
	backoff  Backoff
	failures int           // in a row
	waited   time.Duration // before the last try
	lost     time.Time     // when the outage began
}

// next is how long to wait now, after a connection that stood for so long; 0: it did not come about. One that stood for
// longer than it was waited for ends the row of failures, and the outage; one that is lost sooner does not, so that a
// network that comes and goes is asked less and less. refused: the gateway has sent the client away.
func (r *retries) next(stood time.Duration, refused bool, now time.Time) time.Duration {
	if stood > r.waited {
		r.failures, r.lost = 0, now
	}
	d := r.backoff.Max
	if r.failures < 30 {
		d = min(d, r.backoff.Min<<r.failures)
	}
	if !refused {
		d = min(d, max(shortOutage, now.Sub(r.lost)/10))
	}
	r.failures++
	r.waited = d/2 + rand.N(d/2+1)
	return r.waited
}
