package web

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/web/stomp"
)

const (
	topicPrefix = "/topic/room."
	queuePrefix = "/queue/room."

	maxRoom         = 64  // bytes of a room's id
	maxSubscription = 256 // bytes of a subscription's id
	maxReceipt      = 256 // bytes of a receipt's id
)

// handle does what a frame asks. A *refusal ends the session with an ERROR.
func (s *session) handle(f *stomp.Frame) error {
	receipt, _ := f.Get("receipt")
	if len(receipt) > maxReceipt || !utf8.ValidString(receipt) {
		return refuse(codeBadFrame, "receipt is not UTF-8 or longer than 256 bytes")
	}
	do := commandOf(f.Command)
	if do == nil {
		s.g.metrics.framesIn.of("unknown").Inc()
		return refuse(codeBadFrame, "no such command")
	}
	s.g.metrics.framesIn.of(f.Command).Inc()
	if signsIn := f.Command == "CONNECT" || f.Command == "STOMP"; !s.connected && !signsIn {
		return refuseNotSignedIn
	} else if s.connected && signsIn {
		return refuse(codeBadFrame, "this connection is signed in already")
	}
	return do(s, f)
}

// commandOf returns what does a frame's command, nil for none of STOMP's.
func commandOf(name string) func(*session, *stomp.Frame) error {
	switch name {
	case "CONNECT", "STOMP":
		return (*session).connect
	case "SUBSCRIBE":
		return (*session).subscribe
	case "UNSUBSCRIBE":
		return (*session).unsubscribe
	case "SEND":
		return (*session).send
	case "DISCONNECT":
		return (*session).disconnect
	case "ACK", "NACK", "BEGIN", "COMMIT", "ABORT":
		return (*session).notSupported
	}
	return nil
}

// notSupported refuses what would promise something that is not so: messages are not kept until they are
// acknowledged (a client resumes from a position instead), and messages of a transaction are not handled as one.
func (s *session) notSupported(f *stomp.Frame) error {
	if f.Command == "ACK" || f.Command == "NACK" {
		return refuse(codeNotSupported, "messages are not acknowledged here; subscribe with ack auto, and resume")
	}
	return refuse(codeNotSupported, "there are no transactions here; send without")
}

func (s *session) subscribe(f *stomp.Frame) error {
	destination, _ := f.Get("destination")
	room, ok := roomOf(destination, topicPrefix)
	if !ok && destination != lobbyQueue {
		return refuse(codeBadDestination, "SUBSCRIBE takes a destination of the form /topic/room.<id>, or "+lobbyQueue)
	}
	id, ok := f.Get("id")
	if !ok && stomp.Version(s.version.Load()) == stomp.V10 {
		id = destination
	}
	if id == "" || len(id) > maxSubscription || !utf8.ValidString(id) {
		return refuse(codeBadFrame, "SUBSCRIBE needs an id, in UTF-8 and of at most 256 bytes")
	}
	if ack, ok := f.Get("ack"); ok && ack != "auto" {
		return refuse(codeNotSupported, "messages are not acknowledged here; subscribe with ack auto, and resume")
	}
	if why := s.admit(id); why != nil {
		return why
	}
	resume, _ := f.Get("resume")
	head := stomp.AppendMessagePrefix(nil, stomp.Version(s.version.Load()), id)
	if destination == lobbyQueue {
		return s.subscribeInbox(f, &inbox{s: s, id: id, head: head}, resume)
	}
	sub := &subscription{s: s, id: id, resume: parsePosition(resume), head: head}
	watches, why := s.seated(room)
	if why == refuseRoomClosed {
		return s.attend(f, room, sub)
	}
	if why != nil {
		return why
	}
	sub.watches.Store(watches)
	if err := s.enter(sub, func() { s.g.hub.add(room, sub) }); err != nil {
		return err
	}
	if err := sub.await(); err != nil {
		return err
	}
	s.acknowledge(f)
	s.announce()
	return nil
}

// enter makes sub one of the session's subscriptions, and does with that what join does.
func (s *session) enter(sub *subscription, join func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left {
		return errOver
	}
	if s.subs == nil {
		s.subs = map[string]*subscription{}
	}
	s.orders++
	sub.order = s.orders
	join()
	s.subs[sub.id] = sub
	s.g.presences.move(s.user.User)
	s.g.metrics.subscriptions.Inc()
	return nil
}

// admit checks that a subscription of this id may begin. Those that a room has ended, and the client has not
// unsubscribed, make way.
func (s *session) admit(id string) *refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.subs[id]; old != nil && !old.over.Load() || s.inbox != nil && s.inbox.id == id {
		return refuse(codeBadFrame, "a subscription of this id is there already")
	}
	for old, sub := range s.subs {
		if old == id || len(s.subs) >= s.g.limits.Subscriptions && sub.over.Load() {
			delete(s.subs, old)
			s.g.metrics.subscriptions.Dec()
		}
	}
	if len(s.subs) >= s.g.limits.Subscriptions {
		return refuse(codeTooManySubs, "too many subscriptions of one connection")
	}
	return nil
}

func (s *session) unsubscribe(f *stomp.Frame) error {
	id, ok := f.Get("id")
	if !ok && stomp.Version(s.version.Load()) == stomp.V10 {
		id, _ = f.Get("destination")
	}
	s.mu.Lock()
	sub, inbox := s.subs[id], s.inbox
	delete(s.subs, id)
	if inbox != nil && inbox.id == id {
		s.inbox = nil
	} else {
		inbox = nil
	}
	s.mu.Unlock()
	if sub == nil && inbox == nil {
		return refuse(codeBadFrame, "there is no subscription of this id")
	}
	s.g.metrics.subscriptions.Dec()
	if inbox != nil {
		inbox.close()
	} else {
		s.spoken = nil
		sub.room.remove(sub, broker.ReasonUnsubscribed)
	}
	s.acknowledge(f)
	return nil
}

func (s *session) disconnect(f *stomp.Frame) error {
	var last packet
	if receipt, ok := f.Get("receipt"); ok {
		last = s.encode(receiptFrame(receipt))
	}
	s.finish(endDisconnect, last, false)
	return errOver
}

// seated asks the store for the user's seat, and whether it only watches; nil: it has one.
func (s *session) seated(room string) (watches bool, why *refusal) {
	seat, err := s.g.store.Seat(s.ctx, room, s.user.User)
	if err == nil {
		return seat.Spectator, nil
	}
	if errors.Is(err, store.ErrNotFound) {
		var r store.Room
		r, err = s.g.store.Room(s.ctx, room)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return false, refuseRoomNotFound
		case err == nil && r.State == store.Closed:
			return false, refuseRoomClosed
		case err == nil:
			return false, refuseNotSeated
		}
	}
	if s.ctx.Err() == nil {
		s.g.log.Warn("cannot look a seat up", "conn", s.id, "user", s.user.User, "room", room, "err", err)
	}
	return false, refuseUnavailable
}

// roomOf takes the room's id out of a destination. Ids are letters, digits, '-' and '_', so that none means anything
// to a broker or a header.
func roomOf(destination, prefix string) (room string, ok bool) {
	room, ok = strings.CutPrefix(destination, prefix)
	if !ok || room == "" || len(room) > maxRoom {
		return "", false
	}
	for _, c := range []byte(room) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return "", false
		}
	}
	return room, true
}

// parsePosition reads a message-id; what is none is no position, and gets a snapshot.
func parsePosition(id string) (p broker.Position) {
	epoch, n, ok := strings.Cut(id, "-")
	e, errE := strconv.ParseUint(epoch, 10, 64)
	number, errN := strconv.ParseUint(n, 10, 64)
	if !ok || errE != nil || errN != nil || e == 0 {
		return broker.Position{}
	}
	return broker.Position{Epoch: e, N: number}
}
