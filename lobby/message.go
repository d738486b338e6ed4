package lobby

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/madang-games/madang/store"
)

const (
	noteMessage = "$message"
	maxMessage  = 1000 // characters
)

var messageNotFound = entry(404, "message_not_found", "There is no such message", "There is no message of this number, or the player has thrown it away.")

// messageJSON is a direct message on the wire.
type messageJSON struct {
	N    uint64    `json:"n"`
	From string    `json:"from"`
	Text string    `json:"text"`
	At   time.Time `json:"at"`
}

func messageOf(m store.Message) messageJSON { return messageJSON{m.N, m.From, m.Text, m.At} }

// sendMessage is POST /user/messages/:user.
func (s *Service) sendMessage(c *Context) error {
	var in struct {
		Text string `json:"text"`
	}
	if err := c.bindObject(&in); err != nil {
		return err
	}
	to, err := c.otherOf()
	if err != nil {
		return err
	}
	text, err := cleanText(in.Text, maxMessage, true, badRequest)
	if err != nil {
		return err
	}
	if text == "" {
		return badRequest.because("The message needs a text.")
	}
	var sent messageJSON
	err = s.reach(c, func(ctx context.Context) error {
		m, err := s.config.Store.SendMessage(ctx, c.session.User, to, text, s.config.Now())
		if err != nil {
			return relationProblem(err)
		}
		sent = messageOf(m)
		body, err := json.Marshal(struct {
			messageJSON
			Name string `json:"name"` // the sender's
		}{sent, c.session.Name})
		if err != nil {
			return err
		}
		return s.notify(ctx, store.Note{User: to, Type: noteMessage, Body: body})
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, struct {
		Message messageJSON `json:"message"`
	}{sent})
}

// number is a number from 1 that the query or the path holds; 0 for none.
func number(text string) (uint64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil || n == 0 {
		return 0, badRequest.because("A message has a number from 1.")
	}
	return n, nil
}

// listMessages is GET /user/messages/:user.
func (s *Service) listMessages(c *Context) error {
	other, err := c.otherOf()
	if err != nil {
		return err
	}
	limit, err := c.limit()
	if err != nil {
		return err
	}
	before, err := number(c.Query("before"))
	if err != nil {
		return err
	}
	after, err := number(c.Query("after"))
	switch {
	case err != nil:
		return err
	case before > 0 && after > 0:
		return badRequest.because("Give one of before and after.")
	}
	found, read, err := s.config.Store.Messages(c.ctx, c.session.User, other, before, after, limit)
	if err != nil {
		return err
	}
	out := make([]messageJSON, len(found))
	for i, m := range found {
		out[i] = messageOf(m)
	}
	return c.JSON(http.StatusOK, struct {
		Messages []messageJSON `json:"messages"`
		Read     uint64        `json:"read"`
	}{out, read})
}

// talkJSON is what a player and another one have written, as that player sees it.
type talkJSON struct {
	User   string       `json:"user"`
	Name   string       `json:"name"`
	Last   *messageJSON `json:"last,omitempty"` // none: the player has thrown it away
	Read   uint64       `json:"read"`
	Unread int          `json:"unread"`
	At     time.Time    `json:"at"`
}

// listTalks is GET /user/messages.
func (s *Service) listTalks(c *Context) error {
	cursor, limit, err := c.page()
	if err != nil {
		return err
	}
	found, next, err := s.config.Store.Talks(c.ctx, c.session.User, cursor, limit)
	if errors.Is(err, store.ErrNotFound) {
		return badCursor
	}
	if err != nil {
		return err
	}
	out := make([]talkJSON, len(found))
	for i, t := range found {
		out[i] = talkJSON{User: t.User, Name: t.Name, Read: t.Read, Unread: t.Unread, At: t.At}
		if t.Last.N > 0 {
			m := messageOf(t.Last)
			out[i].Last = &m
		}
	}
	return c.JSON(http.StatusOK, struct {
		Talks []talkJSON `json:"talks"`
		Next  string     `json:"next"` // the cursor of the next page; "" after the last
	}{out, next})
}

// readMessages is PUT /user/messages/:user/read.
func (s *Service) readMessages(c *Context) error {
	var in struct {
		N uint64 `json:"n"`
	}
	if err := c.bindObject(&in); err != nil {
		return err
	}
	other, err := c.otherOf()
	if err != nil {
		return err
	}
	if in.N == 0 {
		return badRequest.because("A message has a number from 1.")
	}
	read, err := s.config.Store.MarkRead(c.ctx, c.session.User, other, in.N)
	if errors.Is(err, store.ErrNotFound) {
		return messageNotFound
	}
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct {
		Read uint64 `json:"read"`
	}{read})
}

// dropMessage is DELETE /user/messages/:user/:n: the player's own copy.
func (s *Service) dropMessage(c *Context) error {
	n, err := number(c.Param("n"))
	if err != nil {
		return messageNotFound
	}
	return s.settle(c, func(ctx context.Context, other string) error {
		err := s.config.Store.DropMessage(ctx, c.session.User, other, n)
		if errors.Is(err, store.ErrNotFound) {
			return messageNotFound
		}
		return err
	})
}

// dropTalk is DELETE /user/messages/:user: the player's own copies of all.
func (s *Service) dropTalk(c *Context) error {
	return s.settle(c, func(ctx context.Context, other string) error {
		return s.config.Store.DropTalk(ctx, c.session.User, other)
	})
}
