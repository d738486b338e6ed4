package web

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/web/stomp"
)

// What players are told outside of rooms lies in the store, numbered for each of them. The board carries a copy to the gateways:
// the next number is passed on as it comes, and where one is missing the store is read.

// lobbyQueue is the destination for it.
const lobbyQueue = "/user/queue/lobby"

const (
	readers   = 8                      // gateways read so many users' notes at a time
	notesPage = 50                     // notes of one reading
	readAgain = 200 * time.Millisecond // after the store could not be read; twice as long each time
	readMost  = 30 * time.Second
)

// inbox is a session's one subscription to lobbyQueue.
type inbox struct {
	s    *session
	id   string
	head []byte // begins each of its MESSAGE frames

	mu      sync.Mutex
	last    uint64 // number of the last note that was passed on
	heard   uint64 // the highest number that was heard of
	reading bool   // the store is being read, or about to be: what comes by the board waits for that
	over    bool
}

// subscribeInbox begins with what followed resume, or with nothing. The receipt says that it is live, and
// from which number on.
func (s *session) subscribeInbox(f *stomp.Frame, b *inbox, resume string) error {
	b.reading = true
	s.mu.Lock()
	switch {
	case s.left:
		s.mu.Unlock()
		return errOver
	case s.inbox != nil:
		s.mu.Unlock()
		return refuse(codeBadFrame, "a subscription to "+lobbyQueue+" is there already")
	}
	s.inbox = b
	s.mu.Unlock()
	s.g.metrics.subscriptions.Inc()
	if err := b.begin(resume); err != nil {
		if s.ctx.Err() == nil {
			s.g.log.Warn("cannot read notes", "conn", s.id, "user", s.user.User, "err", err)
		}
		return refuseUnavailable
	}
	if receipt, ok := f.Get("receipt"); ok {
		frame := receiptFrame(receipt)
		b.mu.Lock()
		frame.Fields = append(frame.Fields, stomp.Field{Name: "message-id", Value: broker.NoteID(b.last)})
		b.mu.Unlock()
		s.say(frame)
	}
	s.announce()
	return nil
}

// begin finds out where the user's notes stand, and passes on what followed resume. A resume that is none means all.
func (b *inbox) begin(resume string) error {
	g := b.s.g
	after, _ := broker.ParseNoteID(resume)
	limit := notesPage
	if resume == "" {
		limit = 0
	}
	notes, last, err := g.notes(b.s.ctx, b.s.user.User, after, limit)
	if err != nil {
		return err
	}
	b.mu.Lock()
	b.last = min(after, last)
	if resume == "" {
		b.last = last
	}
	want := b.last
	b.mu.Unlock()
	for !b.take(notes, limit, last, want) {
		if notes, last, want, err = b.ask(); err != nil {
			return err
		}
		limit = notesPage
	}
	return nil
}

// notes reads the store, when it is this one's turn.
func (g *Gateway) notes(ctx context.Context, user string, after uint64, limit int) ([]store.Note, uint64, error) {
	select {
	case g.readers <- struct{}{}:
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	defer func() { <-g.readers }()
	return g.store.Notes(ctx, user, after, g.now(), limit)
}

// ask reads what follows the last note that was passed on. want is the highest number that had been heard of before.
func (b *inbox) ask() (notes []store.Note, last, want uint64, err error) {
	b.mu.Lock()
	after, want := b.last, b.heard
	b.mu.Unlock()
	notes, last, err = b.s.g.notes(b.s.ctx, b.s.user.User, after, notesPage)
	return notes, last, want, err
}

// take passes on what was read; true: that was all, and the reading is over.
func (b *inbox) take(notes []store.Note, limit int, last, want uint64) (done bool) {
	b.mu.Lock()
	slow := false
	for _, n := range notes {
		if n.N > b.last && !b.over && !slow {
			slow = !b.passLocked(&broker.Told{N: n.N, Type: n.Type, Body: n.Body, At: n.At.UnixMilli()}, "store")
			b.last = n.N
		}
	}
	if len(notes) < max(limit, 1) { // numbers up to last that did not come are not kept any more
		b.last = max(b.last, last)
		done = b.heard <= max(b.last, want)
	}
	if done = done || b.over || slow; done {
		b.reading = false
	}
	b.mu.Unlock()
	if slow {
		b.s.end(refuseSlowReader, "")
	}
	return done
}

// hear takes what the board says of the user.
func (b *inbox) hear(t *broker.Told) {
	b.mu.Lock()
	slow := false
	switch {
	case b.over:
	case t.N == 0:
		slow = !b.passLocked(t, "passing")
	case t.N <= b.last:
	case !b.reading && t.N == b.last+1:
		b.last, b.heard = t.N, t.N
		slow = !b.passLocked(t, "board")
	default:
		b.missLocked(t.N)
	}
	b.mu.Unlock()
	if slow {
		b.s.end(refuseSlowReader, "")
	}
}

// miss has the store read when there is a note of number n which has not been passed on.
func (b *inbox) miss(n uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.over && n > b.last {
		b.missLocked(n)
	}
}

func (b *inbox) missLocked(n uint64) {
	b.heard = max(b.heard, n)
	if !b.reading {
		b.reading = true
		b.s.g.keepers.Add(1)
		go b.read()
	}
}

// read reads until nothing is missing, or the session is over.
func (b *inbox) read() {
	g := b.s.g
	defer g.keepers.Done()
	for wait := readAgain; ; {
		notes, last, want, err := b.ask()
		if err == nil {
			if wait = readAgain; b.take(notes, notesPage, last, want) {
				return
			}
			continue
		}
		if b.s.ctx.Err() == nil {
			g.log.Debug("cannot read notes; trying on", "conn", b.s.id, "user", b.s.user.User, "err", err)
		}
		if sleep(b.s.ctx, wait) != nil {
			return
		}
		wait = min(2*wait, readMost)
	}
}

// passLocked queues a note for the client; false: it reads too slowly.
func (b *inbox) passLocked(t *broker.Told, way string) bool {
	b.s.g.metrics.notes.WithLabelValues(way).Inc()
	var space [6]stomp.Field
	fields := append(space[:0],
		stomp.Field{Name: "destination", Value: lobbyQueue},
		stomp.Field{Name: "type", Value: clean(t.Type)},
		stomp.Field{Name: "timestamp", Value: formatTime(time.UnixMilli(t.At))})
	if t.N > 0 {
		fields = append(fields, stomp.Field{Name: "message-id", Value: broker.NoteID(t.N)})
	}
	return b.s.out.offer(packet{head: b.head, body: appendMessage(nil, fields, "application/json", t.Body)})
}

// close ends it: nothing more is passed on.
func (b *inbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
}

// openInbox is the session's inbox; nil: none.
func (s *session) openInbox() *inbox {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inbox
}

// seeNotes gives what players are told to those who are here.
func (g *Gateway) seeNotes(n broker.Notice) {
	var said broker.Notes
	if err := json.Unmarshal(n.Body, &said); err != nil {
		g.log.Warn("a notice cannot be read", "kind", n.Kind, "from", n.From, "err", err)
		return
	}
	for i := range said.Notes {
		t := &said.Notes[i]
		g.mu.Lock()
		here := slices.Clone(g.users[t.User])
		g.mu.Unlock()
		for _, s := range here {
			if b := s.openInbox(); b != nil {
				b.hear(t)
			}
		}
	}
}
