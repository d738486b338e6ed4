package web

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/web/stomp"
)

const typeNotice = "$notice"

// announced is what is announced to everybody, as far as this gateway knows.
type announced struct {
	source Announcements // nil: the board alone

	mu   sync.Mutex
	body string // one text for all sessions that have been given it; "": nothing
}

func (a *announced) get() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.body
}

func (a *announced) set(body string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.body = body
}

// seeAnnounced tells everybody, and then asks whether that still stands for who comes.
func (g *Gateway) seeAnnounced(n broker.Notice) {
	if !json.Valid(n.Body) {
		g.log.Warn("a notice cannot be read", "kind", n.Kind, "from", n.From)
		return
	}
	g.notice.set(string(n.Body))
	g.announceToAll()
	if g.notice.source != nil {
		g.errand(g.refresh)
	}
}

// refresh asks what is announced, and tells those who have not heard it.
func (g *Gateway) refresh(ctx context.Context) {
	if err := g.askAnnounced(ctx); err != nil && ctx.Err() == nil {
		g.log.Warn("cannot ask what is announced", "err", err)
	}
}

func (g *Gateway) askAnnounced(ctx context.Context) error {
	if g.notice.source == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	body, err := g.notice.source.Announcement(ctx)
	if err != nil {
		return err
	}
	if string(body) != g.notice.get() {
		g.notice.set(string(body))
		g.announceToAll()
	}
	return nil
}

func (g *Gateway) announceToAll() {
	for _, s := range g.everybody() {
		s.announce()
	}
}

// everybody is all connections, signed in or not.
func (g *Gateway) everybody() []*session {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Collect(maps.Keys(g.sessions))
}

// announce gives the session what is announced, if anything is, and if it has not been given it before: to its inbox, or to one
// of its rooms. Where it has neither, its first subscription asks again.
func (s *session) announce() {
	body := s.g.notice.get()
	if body == "" {
		return
	}
	s.mu.Lock()
	var head []byte
	var destination string
	if s.inbox != nil {
		head, destination = s.inbox.head, lobbyQueue
	}
	for _, sub := range s.subs {
		if head == nil && !sub.over.Load() {
			head, destination = sub.head, sub.room.topic
		}
	}
	if head == nil || s.given == body {
		s.mu.Unlock()
		return
	}
	s.given = body
	s.mu.Unlock()
	rest := appendMessage(nil, []stomp.Field{
		{Name: "destination", Value: destination},
		{Name: "type", Value: typeNotice},
		{Name: "timestamp", Value: formatTime(s.g.now())},
	}, "application/json", []byte(body))
	if !s.out.offer(packet{head: head, body: rest}) {
		s.end(refuseSlowReader, "")
	}
}
