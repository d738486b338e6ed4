package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/web"
)

// notebook is a store of notes.
type notebook struct {
	mu     sync.Mutex
	notes  map[string][]store.Note
	reads  int
	asked  int
	fail   error
	before func() // called first by Notes, without the lock
}

func (b *notebook) Notes(_ context.Context, user string, after uint64, _ time.Time, limit int) (notes []store.Note, last uint64, err error) {
	b.mu.Lock()
	before := b.before
	b.mu.Unlock()
	if before != nil {
		before()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reads++
	for _, n := range b.notes[user] {
		last = n.N
		if n.N > after && len(notes) < limit {
			notes = append(notes, n)
		}
	}
	return notes, last, b.fail
}

func (b *notebook) LastNotes(_ context.Context, users []string) (map[string]uint64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	last := map[string]uint64{}
	for _, user := range users {
		if all := b.notes[user]; len(all) > 0 {
			last[user] = all[len(all)-1].N
		}
	}
	return last, b.fail
}

func (b *notebook) set(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
}

// taken returns how often notes were read, and counts asked for, since the last call.
func (b *notebook) taken() (reads, asked int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	reads, asked = b.reads, b.asked
	b.reads, b.asked = 0, 0
	return reads, asked
}

// keep keeps n notes for the user, and posts those whose numbers are said.
func (b *bench) keep(user string, n int, post ...uint64) {
	b.Helper()
	var said broker.Notes
	b.desk.notebook.set(func() {
		if b.desk.notes == nil {
			b.desk.notes = map[string][]store.Note{}
		}
		all := b.desk.notes[user]
		for range n {
			number := uint64(1)
			if len(all) > 0 {
				number = all[len(all)-1].N + 1
			}
			all = append(all, store.Note{User: user, N: number, Type: "$x", Body: json.RawMessage(fmt.Sprint(number)), At: time.UnixMilli(1234)})
		}
		b.desk.notes[user] = all
		for _, number := range post {
			for _, n := range all {
				if n.N == number {
					said.Notes = append(said.Notes, broker.Told{User: user, N: n.N, Type: n.Type, Body: n.Body, At: 1234})
				}
			}
		}
	})
	if len(post) > 0 {
		b.pin(broker.NoticeNotes, said)
	}
}

func (b *bench) pin(kind string, body any) {
	b.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		b.Fatal(err)
	}
	if err := b.pipes.Post(context.Background(), broker.Notice{Kind: kind, From: "lobby", Body: text}); err != nil {
		b.Fatal(err)
	}
	synctest.Wait()
}

// listening is signIn and a subscription "in" to the lobby's queue.
func (b *bench) listening(user, resume string) *client {
	b.Helper()
	c := b.signIn(user)
	c.listen(resume)
	return c
}

func (c *client) listen(resume string) {
	c.b.Helper()
	if resume != "" {
		resume = "resume:" + resume + "\n"
	}
	c.send("SUBSCRIBE\nid:in\ndestination:/user/queue/lobby\nreceipt:77\n" + resume + "\n\x00")
}

func (c *client) live() {
	c.b.Helper()
	c.expect("RECEIPT", "receipt-id", "77")
}

// notes expects the notes from to to, in order.
func (c *client) notes(from, to int) {
	c.b.Helper()
	for n := from; n <= to; n++ {
		c.message("$x", fmt.Sprint(n), "message-id", fmt.Sprint("lobby-", n), "subscription", "in", "destination", "/user/queue/lobby",
			"timestamp", "1234", "content-type", "application/json")
	}
}

func TestInboxPassesOnWhatComes(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		b.keep("ann", 3)
		ann, bob := b.listening("ann", ""), b.listening("bob", "")
		ann.live()
		bob.live()
		b.desk.taken()
		b.keep("ann", 2, 4, 5)
		ann.notes(4, 5)
		b.keep("ann", 0, 4, 5) // posted twice
		b.keep("bob", 1, 1)
		bob.notes(1, 1)
		ann.silent()
		if reads, _ := b.desk.taken(); reads != 0 {
			t.Errorf("the store was read %d times, want never", reads)
		}
		ann.send("UNSUBSCRIBE\nid:in\nreceipt:8\n\n\x00")
		ann.expect("RECEIPT", "receipt-id", "8")
		b.keep("ann", 1, 6)
		ann.silent()
		ann.listen("lobby-5")
		ann.notes(6, 6)
		ann.live()
	})
}

func TestInboxResumes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		resume string
		from   int
	}{{"lobby-3", 4}, {"lobby-0", 1}, {"5-12", 1}, {"lobby-120", 121}, {"lobby-500", 121}, {"", 121}} {
		t.Run(c.resume, func(t *testing.T) {
			play(t, web.Config{}, func(b *bench) {
				b.keep("ann", 120)
				ann := b.listening("ann", c.resume)
				ann.notes(c.from, 120)
				ann.expect("RECEIPT", "receipt-id", "77", "message-id", "lobby-120")
				b.keep("ann", 1, 121)
				ann.notes(121, 121)
				ann.silent()
			})
		})
	}
}

func TestInboxReadsWhatIsMissing(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		ann := b.listening("ann", "")
		ann.live()
		b.desk.taken()
		b.keep("ann", 110, 110)
		ann.notes(1, 110)
		if reads, _ := b.desk.taken(); reads != 3 {
			t.Errorf("the store was read %d times, want 3", reads)
		}
		b.keep("ann", 3, 113, 111, 112) // late
		ann.notes(111, 113)
		b.desk.notebook.set(func() { b.desk.notes["ann"] = b.desk.notes["ann"][100:] }) // the oldest are not kept
		b.keep("ann", 5, 118)
		ann.notes(114, 118)
		b.desk.notebook.set(func() { b.desk.notes["ann"] = nil }) // the account is gone
		b.pin(broker.NoticeNotes, broker.Notes{Notes: []broker.Told{{User: "ann", N: 200, Type: "$x", Body: []byte("1")}}})
		ann.silent()
	})
}

func TestInboxLosesNothingWhileItReads(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		var once sync.Once
		b.desk.notebook.set(func() {
			b.desk.before = func() {
				once.Do(func() { b.keep("ann", 1); b.keep("ann", 1, 2) }) // between the subscription and its reading
			}
		})
		ann := b.listening("ann", "")
		ann.live()
		b.keep("ann", 1, 3)
		ann.notes(3, 3)
		started, hold := make(chan struct{}), make(chan struct{})
		b.desk.notebook.set(func() {
			b.desk.before = func() { started <- struct{}{}; <-hold }
		})
		b.keep("ann", 2, 5)
		<-started
		b.keep("ann", 1, 6)
		hold <- struct{}{}
		ann.notes(4, 6)
		ann.silent()
	})
}

func TestInboxTriesAgainWhenTheStoreIsAway(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		ann := b.listening("ann", "")
		ann.live()
		b.desk.notebook.set(func() { b.desk.fail = errors.New("away") })
		b.keep("ann", 2, 2)
		time.Sleep(time.Minute)
		if reads, _ := b.desk.taken(); reads < 4 || reads > 12 {
			t.Errorf("the store was read %d times in a minute", reads)
		}
		bob := b.listening("bob", "")
		bob.refused("unavailable", 1013)
		b.desk.notebook.set(func() { b.desk.fail = nil })
		ann.notes(1, 2)
	})
}

func TestInboxIsComparedAfterWhatMayHaveBeenMissed(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]func(b *bench){
		"missed": func(b *bench) { b.pin(broker.NoticeMissed, nil) },
		"doubt":  func(b *bench) { b.pipes.receiver.Doubt(); time.Sleep(5 * time.Second) },
		"a lobby dies": func(b *bench) {
			lobby := broker.Process{ID: "l1", Roles: []string{"lobby"}}
			b.pin(broker.NoticeProcess, lobby)
			for range 5 {
				b.pin(broker.NoticeProcess, broker.Process{ID: "gateway", Roles: []string{"web"}})
				time.Sleep(time.Second)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, web.Config{Process: "gateway"}, func(b *bench) {
				ann, bob := b.listening("ann", ""), b.listening("bob", "")
				ann.live()
				bob.live()
				b.desk.taken()
				b.keep("ann", 2)
				trouble(b)
				ann.notes(1, 2)
				bob.silent()
				if reads, asked := b.desk.taken(); reads != 1 || asked != 1 {
					t.Errorf("got %d readings and %d comparisons, want 1 and 1", reads, asked)
				}
			})
		})
	}
}

func TestInboxIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ frames, code string }{
		"another queue":    {"SUBSCRIBE\nid:x\ndestination:/user/queue/other\n\n\x00", "bad_destination"},
		"none":             {"SUBSCRIBE\nid:x\ndestination:/user/queue/\n\n\x00", "bad_destination"},
		"a second one":     {"SUBSCRIBE\nid:x\ndestination:/user/queue/lobby\n\n\x00", "bad_frame"},
		"its id is taken":  {"SUBSCRIBE\nid:in\ndestination:/topic/room.r1\n\n\x00", "bad_frame"},
		"nobody speaks to": {"SEND\ndestination:/user/queue/lobby\ntype:x\n\n\x00", "bad_destination"},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, web.Config{}, func(b *bench) {
				ann := b.listening("ann", "")
				ann.live()
				ann.send(c.frames)
				if code := c.code; code == "bad_frame" {
					ann.refused(code, 1002)
				} else {
					ann.refused(code, 1008)
				}
			})
		})
	}
}

func TestInboxPassesOnWhatIsOfTheMoment(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		ann := b.listening("ann", "")
		ann.live()
		b.pin(broker.NoticeNotes, broker.Notes{Notes: []broker.Told{{User: "ann", Type: "$presence", Body: []byte(`{}`), At: 5}, {User: "bob", Type: "$presence", Body: []byte(`{}`)}}})
		ann.message("$presence", "{}", "message-id", "", "timestamp", "5")
		ann.silent()
		b.pin(broker.NoticeNotes, "no notes") // harmless
		ann.silent()
	})
}

func TestInboxOfASlowReaderEndsItsConnection(t *testing.T) {
	play(t, web.Config{Limits: web.Limits{OutMessages: 20}}, func(b *bench) {
		c, err := b.connect(nil)
		if err != nil {
			t.Fatal(err)
		}
		c.send("CONNECT\naccept-version:1.2\npasscode:t-s-ann\n\n\x00")
		c.listen("")
		synctest.Wait()
		b.desk.notebook.set(func() { b.desk.notes = map[string][]store.Note{} })
		var said broker.Notes
		for n := range 100 {
			body, _ := json.Marshal(strings.Repeat("x", 100))
			said.Notes = append(said.Notes, broker.Told{User: "ann", N: uint64(n + 1), Type: "$x", Body: body})
		}
		b.pin(broker.NoticeNotes, said)
		c.read()
		time.Sleep(11 * time.Second)
		if got := b.gateway.Conns(); got != 0 {
			t.Errorf("got %d connections, want none", got)
		}
	})
}

// board says what is announced.
type board struct {
	mu   sync.Mutex
	body string
	err  error
}

func (a *board) Announcement(context.Context) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return []byte(a.body), a.err
}

func (a *board) set(body string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.body, a.err = body, err
}

func TestAnnouncementReachesEveryConnection(t *testing.T) {
	a := &board{}
	play(t, web.Config{Announcements: a}, func(b *bench) {
		r := b.open()
		ann, bob, late := b.listening("ann", ""), b.subscribed(r, "bob"), b.signIn("cho")
		ann.live()
		first := json.RawMessage(`{"text":"soon"}`)
		a.set(string(first), nil)
		for range 2 { // posted again it is no news
			b.pin(broker.NoticeAnnounce, first)
		}
		ann.message("$notice", string(first), "destination", "/user/queue/lobby", "subscription", "in", "message-id", "")
		bob.message("$notice", string(first), "destination", "/topic/room.r1", "subscription", "s1", "message-id", "")
		late.silent()
		late.listen("")
		late.live()
		late.message("$notice", string(first))
		r.say("goes on")
		bob.message("said", "goes on")

		a.set("", nil)
		b.pin(broker.NoticeAnnounce, json.RawMessage(`{"over":true}`))
		for _, c := range []*client{ann, bob, late} {
			c.message("$notice", `{"over":true}`)
		}
		late.send("DISCONNECT\n\n\x00")
		late.ends(1000, "disconnect")
		again := b.listening("cho", "")
		again.live()
		again.silent()
	})
}

func TestAnnouncementThatTheBoardHasLostIsFound(t *testing.T) {
	a := &board{body: `{"text":"before"}`, err: errors.New("away")}
	play(t, web.Config{Announcements: a}, func(b *bench) {
		if b.gateway.Ready() == nil {
			t.Error("ready before it knows what is announced")
		}
		a.set(`{"text":"before"}`, nil)
		time.Sleep(10 * time.Second)
		if err := b.gateway.Ready(); err != nil {
			t.Errorf("not ready: %v", err)
		}
		ann := b.listening("ann", "")
		ann.live()
		ann.message("$notice", `{"text":"before"}`)
		a.set(`{"text":"lost"}`, nil)
		time.Sleep(31 * time.Second)
		ann.message("$notice", `{"text":"lost"}`)
		a.set(`{"text":"missed"}`, nil)
		b.pin(broker.NoticeMissed, nil)
		ann.message("$notice", `{"text":"missed"}`)
		a.set("", errors.New("away"))
		time.Sleep(31 * time.Second)
		ann.silent()
	})
}

func TestAnnouncementOfTheBoardAlone(t *testing.T) {
	play(t, web.Config{}, func(b *bench) {
		b.pin(broker.NoticeAnnounce, json.RawMessage(`{"text":"soon"}`))
		ann := b.listening("ann", "")
		ann.live()
		ann.message("$notice", `{"text":"soon"}`)
	})
}
