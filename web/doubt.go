package web

import (
	"context"
	"sync"
	"time"

	"github.com/madang-games/madang/broker"
)

// While nodes of a broker die and come back, what it has confirmed may get lost all the same: a message that lies in a
// room's queue and is given to nobody, outputs that pass a topic by which this gateway has bound (docs/decisions/0002).
// What the room says next shows it. A room that has fallen silent just then would show it to nobody, so after any sign of
// trouble the gateway asks those rooms, by attaching one subscription again.

// askAfter is when rooms are asked, counted from a sign of trouble: a node needs up to half a minute to be back. What signs
// come meanwhile have their asking after that.
var askAfter = [...]time.Duration{3 * time.Second, 10 * time.Second, 30 * time.Second}

const (
	// silentFor: a room that has been heard within this is not asked. It shows its holes by itself.
	silentFor = 2 * time.Second
	// lastWord: a room in which nothing was said or heard for that long before the trouble had nothing on its way.
	lastWord = time.Minute
	// tellDoubt is the least time between two notices of trouble to the other gateways.
	tellDoubt = 5 * time.Second
)

// doubts is what a gateway knows of trouble in the broker.
type doubts struct {
	mu    sync.Mutex
	last  time.Time // the sign of it from which the asking counts; zero: none
	asked int       // so many of askAfter are done since
	more  bool      // there were more signs meanwhile: it begins again when it is over
	come  chan struct{}
	tell  chan struct{} // the other gateways are to be told
}

// inDoubt is the broker's sign of trouble, seen by this process: the others may have seen none.
func (g *Gateway) inDoubt() {
	g.note(g.now())
	select {
	case g.doubts.tell <- struct{}{}:
	default:
	}
}

// tellDoubts tells the other gateways of trouble as soon as the broker takes it, until ctx ends.
func (g *Gateway) tellDoubts(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.doubts.tell:
		}
		err := g.insist(ctx, "doubt", func() error {
			ctx, cancel := context.WithTimeout(ctx, noticeTime)
			defer cancel()
			return g.broker.Post(ctx, broker.Notice{Kind: broker.NoticeDoubt, From: g.process, Time: g.now()})
		})
		if err != nil || sleep(ctx, tellDoubt) != nil {
			return
		}
	}
}

// note remembers a sign of trouble.
func (g *Gateway) note(now time.Time) {
	g.doubts.mu.Lock()
	defer g.doubts.mu.Unlock()
	if d := &g.doubts; d.last.IsZero() || d.asked == len(askAfter) {
		d.last, d.asked = now, 0
	} else {
		d.more = true
	}
	select {
	case g.doubts.come <- struct{}{}:
	default:
	}
}

// next says how long to wait until rooms are to be asked, false when they have been often enough.
func (d *doubts) next(now time.Time) (wait time.Duration, last time.Time, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.asked == len(askAfter) && d.more {
		d.last, d.asked, d.more = now, 0, false
	}
	if d.last.IsZero() || d.asked == len(askAfter) {
		return 0, d.last, false
	}
	if wait = askAfter[d.asked] - now.Sub(d.last); wait <= 0 {
		d.asked++
	}
	return wait, d.last, true
}

// settleDoubts asks rooms after each trouble, until ctx ends.
func (g *Gateway) settleDoubts(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.doubts.come:
		case <-timer.C:
		}
		wait, last, ok := g.doubts.next(g.now())
		for ; ok && wait <= 0; wait, last, ok = g.doubts.next(g.now()) {
			g.hub.ask(g.now(), last)
			g.reread()
		}
		timer.Stop()
		if ok {
			timer.Reset(wait)
		}
	}
}

// ask asks the rooms that may have lost something in the trouble.
func (h *hub) ask(now, trouble time.Time) {
	n := 0
	for _, r := range h.all() {
		if r.ask(now, trouble) {
			n++
		}
	}
	if n > 0 {
		h.g.metrics.asked.Add(float64(n))
		h.g.log.Debug("asked rooms after trouble in the broker", "rooms", n, "since", now.Sub(trouble).Round(time.Millisecond))
	}
}

// ask attaches one of the room's live subscriptions again if the room was spoken to or heard shortly before the trouble
// or since, and not just now. The answer says where the room stands: what was missed shows as a hole.
func (r *room) ask(now, trouble time.Time) bool {
	word := time.Unix(0, r.word.Load())
	if word.After(now.Add(-silentFor)) || word.Before(trouble.Add(-lastWord)) {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed != nil {
		return false
	}
	for _, sub := range r.all {
		if sub.live {
			sub.resume = r.at
			r.attachLocked(sub)
			return true
		}
	}
	return false
}
