package lobby

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

// maxToldBytes bounds the bodies in one notice, well below what the board takes.
const maxToldBytes = 32 << 10

// notify keeps notes for players, as a part of the transaction that ctx belongs to, if it does, and has gateways pass them on
// as soon as that has committed. Who does not exist is left out. At is set where it is zero. Until the transaction ends nobody
// else can notify the same players, so it is called late, and once for all of them.
func (s *Service) notify(ctx context.Context, notes ...store.Note) error {
	now := s.config.Now()
	for i := range notes {
		if notes[i].At.IsZero() {
			notes[i].At = now
		}
	}
	kept, err := s.config.Store.Notify(ctx, notes...)
	if err != nil || len(kept) == 0 {
		return err
	}
	told := make([]broker.Told, len(kept))
	for i, n := range kept {
		told[i] = broker.Told{User: n.User, N: n.N, Type: n.Type, Body: n.Body, At: n.At.UnixMilli()}
	}
	afterwards(ctx, func(ctx context.Context) {
		if err := s.say(ctx, told); err != nil {
			s.untold.Store(true)
			s.config.Log.Warn("gateways were not told of notes; they will be", "notes", len(told), "error", err)
		}
	})
	return nil
}

// say passes on what players are told, to the gateways that have them.
func (s *Service) say(ctx context.Context, told []broker.Told) error {
	ctx, cancel := context.WithTimeout(ctx, tellTimeout)
	defer cancel()
	for len(told) > 0 {
		n, bytes := 0, 0
		for n < len(told) && (n == 0 || bytes+len(told[n].Body) <= maxToldBytes && n < 200) {
			bytes += len(told[n].Body)
			n++
		}
		if err := s.post(ctx, broker.NoticeNotes, broker.Notes{Notes: told[:n]}); err != nil {
			return err
		}
		told = told[n:]
	}
	return nil
}

// tellMissed has gateways read what they were not told of.
func (s *Service) tellMissed(ctx context.Context) {
	if !s.untold.Swap(false) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, tellTimeout)
	defer cancel()
	if err := s.config.Broker.Post(ctx, broker.Notice{Kind: broker.NoticeMissed, From: s.config.Process, Time: s.config.Now()}); err != nil {
		s.untold.Store(true)
	}
}

// Notify tells a player something: it is kept for a week, among the newest 200, reaches the player's subscription to
// /user/queue/lobby at once or when it comes back, and is read at GET /v1/user/notes. typ is 1 to 64 letters, digits and
// ". _ -", body becomes JSON of at most 8 KiB. In a route that may change things it belongs to the request's transaction. A
// player who does not exist is told nothing, which is no error.
func (c *Context) Notify(user, typ string, body any) error {
	if !goodID.MatchString(strings.ReplaceAll(typ, ".", "_")) {
		return fmt.Errorf("notify: type %.80q is not 1 to 64 letters, digits and . _ -", typ)
	}
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("notify: encode %s: %w", typ, err)
	}
	return c.notify(c.ctx, store.Note{User: user, Type: typ, Body: text})
}

// noteJSON is a note on the wire.
type noteJSON struct {
	ID   string          `json:"id"`
	Type string          `json:"type"`
	Body json.RawMessage `json:"body"`
	At   time.Time       `json:"at"`
}

// userNotes is GET /user/notes.
func (s *Service) userNotes(c *Context) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	var after uint64
	if text := c.Query("after"); text != "" {
		var ok bool
		if after, ok = broker.ParseNoteID(text); !ok {
			return badRequest.because("After is the id of a note, as lobby-7.")
		}
	}
	notes, last, err := s.config.Store.Notes(c.ctx, c.session.User, after, s.config.Now(), limit)
	if err != nil {
		return err
	}
	out := make([]noteJSON, len(notes))
	for i, n := range notes {
		out[i] = noteJSON{broker.NoteID(n.N), n.Type, n.Body, n.At}
	}
	return c.JSON(http.StatusOK, struct {
		Notes []noteJSON `json:"notes"`
		Last  string     `json:"last"`
	}{out, broker.NoteID(last)})
}

const (
	// notesForgotten are dropped in one transaction, and in one round at most noteBatches times as many.
	notesForgotten = 500
	noteBatches    = 10
)

// forgetNotes drops notes that are over.
func (s *Service) forgetNotes(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, roundTimeout)
	defer cancel()
	for range noteBatches {
		gone, err := s.config.Store.ForgetNotes(ctx, s.config.Now(), notesForgotten)
		if err != nil {
			s.config.Log.Debug("old notes can't be forgotten now", "error", err)
		}
		if gone < notesForgotten {
			return
		}
	}
}
