package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/broker/memory"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/store/sql"
)

var quiet = slog.New(slog.DiscardHandler)

// site is the data folder of a deployment that is stopped: rooms "open", with a queue and with ann in it, "queueless", with
// ann in it, and "closed".
type site struct {
	t      *testing.T
	folder string
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t, t.TempDir()}
	s.withStore(func(ctx context.Context, st store.Store) error {
		_, _, err := st.CreateAccount(ctx, store.Account{ID: "ann", Name: "Ann", CreatedAt: time.Now()}, store.Identity{})
		for _, room := range []string{"open", "queueless", "closed"} {
			if err == nil {
				err = st.CreateRoom(ctx, store.Room{ID: room, Game: "othello", Version: "1", Capacity: 2, CreatedAt: time.Now()}, nil, "ann")
			}
		}
		return err
	})
	s.withBroker(func(ctx context.Context, b broker.Broker) error { return b.Open(ctx, broker.Spec{Room: "open"}) })
	return s
}

func (s *site) withStore(f func(ctx context.Context, st store.Store) error) {
	s.t.Helper()
	st, err := sql.Open(s.t.Context(), sql.Config{DSN: "sqlite:" + filepath.Join(s.folder, "madang.db"), Log: quiet})
	if err == nil {
		err = f(s.t.Context(), st)
		st.Close()
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) withBroker(f func(ctx context.Context, b broker.Broker) error) {
	s.t.Helper()
	b, err := memory.Open(memory.Config{Journal: filepath.Join(s.folder, "rooms.journal"), Log: quiet})
	if err == nil {
		err = f(s.t.Context(), b)
		b.Close()
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// bury keeps letters of a room; state is what the room becomes.
func (s *site) bury(room string, state store.RoomState, letters ...store.DeadLetter) {
	s.t.Helper()
	s.withStore(func(ctx context.Context, st store.Store) error {
		r, err := st.TakeUp(ctx, room)
		if err != nil {
			return err
		}
		for i := range letters {
			letters[i].Room, letters[i].Game, letters[i].Version = room, "othello", "1"
		}
		_, err = st.Commit(ctx, &store.Commit{Room: room, Term: r.Term, Epoch: r.Epoch, State: state, Dead: letters})
		return err
	})
}

// run runs madang dead as the command line does.
func (s *site) run(args ...string) (out string, err error) {
	s.t.Helper()
	var c cli
	var b bytes.Buffer
	k, err := kong.New(&c, kong.Name("madang"), kong.BindTo(s.t.Context(), (*context.Context)(nil)))
	if err != nil {
		s.t.Fatal(err)
	}
	parsed, err := k.Parse(append([]string{"dead", "--data", s.folder}, args...))
	if err != nil {
		s.t.Fatal(err)
	}
	c.Dead.out = &b
	err = parsed.Run()
	return b.String(), err
}

func (s *site) must(args ...string) string {
	s.t.Helper()
	out, err := s.run(args...)
	if err != nil {
		s.t.Fatalf("madang dead %s: %v", strings.Join(args, " "), err)
	}
	return out
}

// refused wants an error that says all of words.
func (s *site) refused(args []string, words ...string) {
	s.t.Helper()
	_, err := s.run(args...)
	for _, word := range words {
		if err == nil || !strings.Contains(err.Error(), word) {
			s.t.Errorf("madang dead %s: got error %v, want %q in it", strings.Join(args, " "), err, word)
		}
	}
}

// ids are the letters that are listed.
func (s *site) ids(args ...string) (ids []string) {
	s.t.Helper()
	for line := range strings.Lines(s.must(append([]string{"list", "--json"}, args...)...)) {
		var l deadJSON
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			s.t.Fatalf("%v in %s", err, line)
		}
		ids = append(ids, l.ID)
	}
	return ids
}

// queued are the messages that wait in a room's queue.
func (s *site) queued(room string) (messages []*broker.Message) {
	s.t.Helper()
	s.withBroker(func(ctx context.Context, b broker.Broker) error {
		p, err := b.Consume(ctx, broker.Consumption{Room: room, Wake: func() {}})
		if err != nil {
			return err
		}
		all, err := p.Take(nil) // what the journal held is there from the beginning
		for _, d := range all {
			messages = append(messages, d.Message)
		}
		return err
	})
	return messages
}

func say(id string) store.DeadLetter {
	return store.DeadLetter{
		ID: id, Type: "put", User: "ann", Name: "Ann", Seq: 7, Conn: "c", ConnSeq: 3, Attempts: 3, Error: "oh dear", Stack: "here\nthere",
		SentAt: time.UnixMilli(1000), GivenUp: time.UnixMilli(2000), ContentType: "application/json", Body: []byte(`{"x":1}`),
	}
}

func TestDeadLettersAreListedAndShown(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if got, want := s.must("list"), "no dead letters\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	hostile := say("d2")
	hostile.Error, hostile.Type, hostile.Body = "\x1b[2J\nline two\t\u202e", "\x1b]0;x\a", []byte("\x1b[2J")
	raw := say("d3")
	raw.Body = []byte{0, 255}
	s.bury("open", "", say("d1"), hostile)
	s.bury("queueless", "", raw)
	if got := s.ids(); !slices.Equal(got, []string{"d3", "d2", "d1"}) {
		t.Errorf("got %v, want the newest first", got)
	}
	if got := s.ids("--room", "open", "--limit", "1"); !slices.Equal(got, []string{"d2"}) {
		t.Errorf("got %v, want d2", got)
	}
	if got := s.ids("--game", "relay"); len(got) != 0 {
		t.Errorf("got %v, want none", got)
	}
	table := s.must("list", "--limit", "2")
	for _, want := range []string{"d3 ", "1970-01-01T00:00:02.000Z", "othello 1", "say put", "oh dear", "there are more"} {
		if !strings.Contains(table, want) {
			t.Errorf("got\n%s\nwant %q in it", table, want)
		}
	}
	shown := s.must("show", "d1")
	for _, want := range []string{"put", "tries:", "3\n", "body:\n{\"x\":1}\n", "stack:\nhere\nthere\n"} {
		if !strings.Contains(shown, want) {
			t.Errorf("got\n%s\nwant %q in it", shown, want)
		}
	}
	if got := s.must("show", "d3"); !strings.Contains(got, "body (base64):\nAP8=\n") {
		t.Errorf("got\n%s\nwant the body in base64", got)
	}
	for _, text := range []string{table, s.must("list"), s.must("show", "d2")} {
		if strings.ContainsAny(text, "\x1b\a\u202e") {
			t.Errorf("got %q, want nothing that steers a terminal", text)
		}
	}
	var l deadJSON
	if err := json.Unmarshal([]byte(s.must("show", "--json", "d3")), &l); err != nil || string(l.BodyBase64) != "\x00\xff" || l.Kind != "say" {
		t.Errorf("got %+v, error %v", l, err)
	}
	s.refused([]string{"show", "d9"}, `"d9"`, "madang dead list")
	s.refused([]string{"list", "--limit", "0"}, "--limit 0")
}

func TestDeadLetterIsRetriedOnceAndGone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.bury("open", "", say("d1"), say("d2"), say("d3"))
	if got, want := s.must("retry", "d2"), "retried 1 of 1\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	s.refused([]string{"retry", "d2"}, `"d2"`)
	s.must("retry", "--all", "--room", "open")
	if got := s.ids(); len(got) != 0 {
		t.Errorf("got %v, want none left", got)
	}
	var got []string
	for _, m := range s.queued("open") {
		got = append(got, fmt.Sprintf("%s %q %s %s %s %d %s %d %s", m.Room, m.Kind, m.Type, m.User, m.Name, m.Seq, m.Conn, m.ConnSeq, m.Body))
		if since := time.Since(m.Time); since < 0 || since > time.Hour {
			t.Errorf("time of the message: got %v, want now", m.Time)
		}
	}
	want := []string{}
	for _, id := range []string{"d2", "d1", "d3"} { // all of a room come in the order of their age
		want = append(want, `open "" put ann Ann 0 dead-`+id+` 1 {"x":1}`)
	}
	if !slices.Equal(got, want) {
		t.Errorf("in the queue: got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestAJobThatWasGivenUpRunsAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.withStore(func(ctx context.Context, st store.Store) error {
		if err := st.Enqueue(ctx, 0, store.Job{ID: "j", Name: "report", Arg: []byte(`{"n":1}`), User: "ann", Due: time.Now()}); err != nil {
			return err
		}
		jobs, err := st.TakeJobs(ctx, "p", []string{"report"}, time.Now(), time.Now().Add(time.Hour), 1)
		if err != nil {
			return err
		}
		letter := store.DeadLetter{ID: "d1", Kind: "job", Type: "report", Name: "j", User: "ann", Error: "no", SentAt: time.Now(), GivenUp: time.Now(), Body: jobs[0].Arg}
		return st.EndJob(ctx, store.JobStatus{Job: jobs[0], State: store.JobFailed, Failed: "no"}, time.Now(), &letter)
	})
	if got, want := s.must("retry", "d1"), "retried 1 of 1\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := s.ids(); len(got) != 0 {
		t.Errorf("got %v, want none left", got)
	}
	s.withStore(func(ctx context.Context, st store.Store) error {
		jobs, err := st.TakeJobs(ctx, "p", []string{"report"}, time.Now(), time.Now().Add(time.Hour), 10)
		if len(jobs) != 1 || string(jobs[0].Arg) != `{"n":1}` || jobs[0].User != "ann" || jobs[0].Tries != 1 {
			t.Errorf("got jobs %+v, want it once more", jobs)
		}
		return err
	})
}

func TestWhatCantBeRetriedIsKept(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	timer, attach, stranger := say("d1"), say("d2"), say("d3")
	timer.Kind, attach.Kind, stranger.User = "timer", "attach", "bob"
	s.bury("open", "", timer, attach, stranger)
	s.bury("queueless", "", say("d4")) // it sleeps
	s.bury("closed", store.Closed, say("d5"))
	s.refused([]string{"retry", "d1"}, "d1 is kept", "timer")
	s.refused([]string{"retry", "d2"}, "d2 is kept", `"attach"`)
	s.refused([]string{"retry", "d3"}, "d3 is kept", "not_seated", "bob")
	s.refused([]string{"retry", "d5"}, "d5 is kept", "room_closed")
	s.bury("open", "", say("d6"))
	out, err := s.run("retry", "d5", "d9", "d6", "d4")
	if out != "retried 2 of 4\n" || err == nil || !strings.Contains(err.Error(), "d5") || !strings.Contains(err.Error(), "d9") {
		t.Errorf("got %q and error %v, want d6 and d4 alone retried", out, err)
	}
	if got, want := s.ids(), []string{"d5", "d3", "d2", "d1"}; !slices.Equal(got, want) {
		t.Errorf("got %v left, want %v", got, want)
	}
	for _, room := range []string{"open", "queueless"} {
		if got := len(s.queued(room)); got != 1 {
			t.Errorf("got %d messages in the queue of %s, want 1", got, room)
		}
	}
	s.withBroker(func(context.Context, broker.Broker) error { // madang runs
		s.refused([]string{"retry", "d1"}, "stop madang first")
		return nil
	})
}

func TestDeadLettersAreDropped(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.bury("open", "", say("d1"), say("d2"), say("d3"))
	s.bury("closed", store.Closed, say("d4"))
	for _, c := range []struct {
		args []string
		word string
	}{
		{[]string{"drop"}, "madang dead list"},
		{[]string{"drop", "--all"}, "--room"},
		{[]string{"drop", "--room", "open"}, "--all"},
		{[]string{"drop", "--all", "--room", "open", "d1"}, "not both"},
		{[]string{"drop", "d9"}, `"d9"`},
		{[]string{"list", "--data", t.TempDir()}, "no database"},
		{[]string{"list", "--store", "mysql://localhost"}, "mysql"},
		{[]string{"retry", "d1", "--broker", "http://localhost"}, "amqp"},
	} {
		s.refused(c.args, c.word)
	}
	s.must("drop", "d1")
	s.must("drop", "--all", "--room", "open")
	if got := s.ids(); !slices.Equal(got, []string{"d4"}) {
		t.Errorf("got %v left, want d4", got)
	}
	if got, want := s.must("drop", "--all", "--room", "open"), "dropped 0 of 0\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
