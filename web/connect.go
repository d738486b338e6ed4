package web

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/web/stomp"
)

const (
	// beatEvery is the heart-beat that the gateway offers and asks for.
	beatEvery = 25 * time.Second
	// leastPatience is how long a client that promised heart-beats may be silent: browsers slow the timers of
	// hidden tabs to one a minute.
	leastPatience = 75 * time.Second
	// noticeTime is how long the board is waited for.
	noticeTime = 2 * time.Second
)

// connect signs the client in.
func (s *session) connect(f *stomp.Frame) error {
	accept, _ := f.Get("accept-version")
	version, ok := stomp.ParseVersions(accept)
	if !ok {
		return refuse(codeBadVersion, "this server speaks STOMP 1.0, 1.1 and 1.2")
	}
	theirs, ours, err := parseHeartBeat(f)
	if err != nil {
		return err
	}
	token := bearer(f)
	if token == "" {
		return refuseNotSignedIn
	}
	hash, err := s.g.tokens.Hash(token, s.g.now())
	if err != nil {
		return refuseNotSignedIn
	}
	began := time.Now()
	user, err := s.g.store.Session(s.ctx, hash, s.g.now())
	if errors.Is(err, store.ErrNotFound) {
		return refuseNotSignedIn
	} else if err != nil {
		if s.ctx.Err() == nil {
			s.g.log.Warn("cannot look a session up", "conn", s.id, "err", err)
		}
		return refuseUnavailable
	}
	if s.g.gate.Shut(user.User) {
		return refuseMaintenance
	}
	s.mu.Lock()
	s.user, s.token = user, hash
	s.mu.Unlock()
	s.connected = true
	s.version.Store(uint32(version))
	s.decoder.SetVersion(version)
	if theirs > 0 {
		s.patience = max(leastPatience, 3*max(theirs, beatEvery))
	}
	if !s.g.signIn(s, user.FoundAt.Add(-time.Since(began))) {
		return refuseReplaced
	}
	s.postMoved()
	s.say(&stomp.Frame{Command: "CONNECTED", Fields: []stomp.Field{
		{Name: "version", Value: version.String()},
		{Name: "session", Value: s.id},
		{Name: "server", Value: "madang"},
		{Name: "heart-beat", Value: "25000,25000"},
		{Name: "user-name", Value: clean(user.User)},
	}})
	if ours > 0 {
		s.beat.Store(int64(max(ours, beatEvery) * 4 / 5)) // early, as the way to the client takes time
	}
	s.acknowledge(f)
	s.g.log.Debug("signed in", "conn", s.id, "user", user.User, "address", s.address, "version", version.String())
	return nil
}

// bearer is the session token of a CONNECT, "" where there is none.
func bearer(f *stomp.Frame) string {
	if token, ok := f.Get("passcode"); ok && token != "" {
		return token
	}
	value, ok := f.Get("authorization")
	if !ok {
		value, _ = f.Get("Authorization")
	}
	scheme, token, _ := strings.Cut(strings.TrimSpace(value), " ")
	if !strings.EqualFold(scheme, "bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// parseHeartBeat returns how often the client will send heart-beats and wants them (STOMP 1.2, "Heart-beating");
// 0: not at all.
func parseHeartBeat(f *stomp.Frame) (sends, wants time.Duration, err error) {
	value, ok := f.Get("heart-beat")
	if !ok {
		return 0, 0, nil
	}
	cx, cy, ok := strings.Cut(value, ",")
	x, errX := strconv.ParseUint(strings.TrimSpace(cx), 10, 31)
	y, errY := strconv.ParseUint(strings.TrimSpace(cy), 10, 31)
	if !ok || errX != nil || errY != nil {
		return 0, 0, refuse(codeBadFrame, "heart-beat is not two numbers of milliseconds")
	}
	return time.Duration(x) * time.Millisecond, time.Duration(y) * time.Millisecond, nil
}

// postMoved tells the other gateways that this is the user's one connection. Where the notice is lost, rooms still
// mind the newest connection only.
func (s *session) postMoved() {
	err := s.g.post(s.ctx, broker.NoticeSession, broker.SessionMoved{User: s.user.User, Session: s.user.ID, Conn: s.id, Since: s.since})
	if err != nil && s.ctx.Err() == nil {
		s.g.log.Warn("cannot post that a user has signed in", "conn", s.id, "user", s.user.User, "err", err)
	}
}

// post puts a notice with this body on the board, which may be away: it waits noticeTime.
func (g *Gateway) post(ctx context.Context, kind string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, noticeTime)
	defer cancel()
	return g.broker.Post(ctx, broker.Notice{Kind: kind, From: g.process, Body: text, Time: g.now()})
}
