package lobby

import (
	"context"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

// letterJSON is a dead letter in a list.
type letterJSON struct {
	ID       string    `json:"id"`
	GivenUp  time.Time `json:"given_up"`
	Game     string    `json:"game"`
	Version  string    `json:"version"`
	Room     string    `json:"room"`
	Kind     string    `json:"kind" doc:"say for a player's own words; join, timer, job..."`
	Type     string    `json:"type"`
	User     string    `json:"user"`
	Attempts int       `json:"attempts"`
	Error    string    `json:"error"`
}

// wholeLetterJSON is a dead letter with all that was kept of it.
type wholeLetterJSON struct {
	letterJSON
	Name        string    `json:"name"`
	Seq         uint64    `json:"seq"`
	Reason      string    `json:"reason"`
	SentAt      time.Time `json:"sent_at"`
	Stack       string    `json:"stack"`
	ContentType string    `json:"content_type"`
	Body        string    `json:"body,omitempty" doc:"Where it is text."`
	BodyBase64  []byte    `json:"body_base64,omitempty" doc:"Where it is not."`
}

type lettersQueryJSON struct {
	Game string `json:"game" check:"max=64"`
	Room string `json:"room" check:"max=64"`
	pageJSON
}

type letterPageJSON struct {
	Letters []letterJSON `json:"letters"`
	Next    string       `json:"next" doc:"The cursor of the next page; empty after the last."`
}

var letterNotFound = adminEntry(404, "letter_not_found", "There is no such letter", "There is no such dead letter.")

// notRetried are the problems of a RetryError, by its code.
var notRetried = map[string]*problem{
	"not_retriable":  adminEntry(409, "not_retriable", "The letter can't be retried", ""),
	"room_not_found": roomNotFound, "room_closed": roomClosed, "not_seated": notSeated,
	"no_queue":   adminEntry(409, "no_queue", "The room has no queue", ""),
	"queue_full": adminEntry(409, "queue_full", "The room's queue is full", ""),
}

func (a *Admin) addDeadLetters() {
	adminGet(a, "/dead", "Messages that rooms have given up, newest first", a.letters)
	adminGet(a, "/dead/:id", "A dead letter, body and stack too", a.letter)
	adminDo(a, "POST", "/dead/:id/retry", "dead.retry", "Send a letter's message to its room again, and drop the letter", a.retryLetter, nil)
	adminDo(a, "DELETE", "/dead/:id", "dead.drop", "Forget a letter", a.dropLetter, nil)
}

func letterOf(l *store.DeadLetter) letterJSON {
	kind := l.Kind
	if broker.Kind(kind) == broker.Say {
		kind = "say"
	}
	return letterJSON{l.ID, l.GivenUp.UTC(), l.Game, l.Version, l.Room, kind, l.Type, l.User, l.Attempts, l.Error}
}

func (a *Admin) letters(c *Context, in lettersQueryJSON) (out letterPageJSON, err error) {
	cursor, limit, err := in.page()
	if err != nil {
		return out, err
	}
	found, next, err := a.store.DeadLetters(c.ctx, store.DeadFilter{Game: in.Game, Room: in.Room}, cursor, limit)
	if err != nil {
		return out, orNotFound(err, badCursor)
	}
	out = letterPageJSON{Letters: make([]letterJSON, len(found)), Next: next}
	for i := range found {
		out.Letters[i] = letterOf(&found[i])
	}
	return out, nil
}

func (a *Admin) findLetter(c *Context) (store.DeadLetter, error) {
	id, err := pathID(c, letterNotFound)
	if err != nil {
		return store.DeadLetter{}, err
	}
	l, err := a.store.DeadLetter(c.ctx, id)
	return l, orNotFound(err, letterNotFound)
}

func (a *Admin) letter(c *Context, _ struct{}) (out wholeLetterJSON, err error) {
	l, err := a.findLetter(c)
	if err != nil {
		return out, err
	}
	out = wholeLetterJSON{
		letterJSON: letterOf(&l), Name: l.Name, Seq: l.Seq, Reason: l.Reason, SentAt: l.SentAt.UTC(), Stack: l.Stack, ContentType: l.ContentType,
	}
	if utf8.Valid(l.Body) {
		out.Body = string(l.Body)
	} else {
		out.BodyBase64 = l.Body
	}
	return out, nil
}

// retryTime is how long the broker may take within the transaction: the room knows a message that comes twice.
const retryTime = time.Second

func (a *Admin) retryLetter(c *Context, _ because) (_ struct{}, _ deed, err error) {
	l, err := a.findLetter(c)
	if err != nil {
		return struct{}{}, deed{}, err
	}
	ctx, cancel := context.WithTimeout(c.ctx, retryTime)
	defer cancel()
	err = RetryDeadLetter(ctx, a.store, a.service.config.Broker, a.service.askForQueue, &l)
	if refused := (*RetryError)(nil); errors.As(err, &refused) {
		err = notRetried[refused.Code].because("It can't be retried: %s.", refused.Text)
	}
	c.After(a.service.jobsSoon)
	return struct{}{}, deed{user: l.User, target: l.ID}, err
}

func (a *Admin) dropLetter(c *Context, _ because) (_ struct{}, _ deed, err error) {
	l, err := a.findLetter(c)
	if err != nil {
		return struct{}{}, deed{}, err
	}
	return struct{}{}, deed{user: l.User, target: l.ID}, orNotFound(a.store.DropDeadLetter(c.ctx, l.ID), letterNotFound)
}
