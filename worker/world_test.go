package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/broker/memory"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/store/sql"
	"github.com/madang-games/madang/worker"
)

// tally is the game of these tests: it counts, and does on request whatever a game can do.
type tally struct {
	N     int
	Rings int
	Ticks int
}

type said struct {
	N    int    `json:"n"`
	Text string `json:"text,omitempty"`
}

func tallyGame(p handlers.Policy, ticks int) *handlers.Game[tally] {
	p.Boards = []handlers.Board{{Counts: handlers.Sum, Days: true}}
	g := handlers.New("tally", func() *tally { return &tally{} }).WithPolicy(p)
	handlers.On(g, "add", func(room *handlers.Room, s *tally, m said) error {
		s.N++
		return room.Send("added", said{s.N, m.Text})
	})
	handlers.On(g, "ask", func(room *handlers.Room, s *tally, _ said) error { return room.Reply("told", said{N: s.N}) })
	handlers.On(g, "pay", func(room *handlers.Room, s *tally, _ said) error {
		s.N++
		room.Award(handlers.Award{User: room.From(), Gold: 1})
		room.Grant(room.From(), "hat", 2)
		room.Take(room.From(), "hat", 1)
		room.Score(handlers.Score{User: room.From(), Value: 1})
		room.Outcome(handlers.Outcome{Sides: []handlers.Side{{Place: 1, Users: []string{room.From()}}, {Place: 2, Users: []string{rival}}}})
		return room.Send("paid", said{N: s.N})
	})
	handlers.On(g, "later", func(room *handlers.Room, _ *tally, m said) error {
		return room.After(time.Duration(m.N)*time.Millisecond, "ring", said{})
	})
	handlers.OnTimer(g, "ring", func(room *handlers.Room, s *tally, _ said) error {
		s.Rings++
		return room.Send("rang", said{N: s.Rings})
	})
	handlers.On(g, "begin", func(room *handlers.Room, _ *tally, _ said) error { room.Begin(); return nil })
	handlers.On(g, "end", func(room *handlers.Room, s *tally, _ said) error {
		if err := room.Send("over", said{N: s.N}); err != nil {
			return err
		}
		room.End()
		return nil
	})
	handlers.On(g, "panic", func(*handlers.Room, *tally, said) error { panic("oh dear") })
	handlers.On(g, "refuse", func(*handlers.Room, *tally, said) error { return handlers.Reject("no", "not today") })
	handlers.Snapshot(g, func(_ *handlers.Room, s *tally, _ string) (any, error) { return said{N: s.N}, nil })
	if ticks > 0 {
		handlers.Tick(g, ticks, func(room *handlers.Room, s *tally) error {
			s.Ticks++
			return room.Send("tick", said{N: s.Ticks})
		})
	}
	return g
}

// world is a broker, a store and a gateway's ear, with rooms of one game.
type world struct {
	t      testing.TB
	broker *memory.Broker
	store  *sql.Store
	game   handlers.Definition

	mu      sync.Mutex
	heard   []*broker.Output
	changed chan struct{} // closed at the next output
}

func newWorld(t testing.TB, game handlers.Definition) *world {
	t.Helper()
	s, err := sql.Open(t.Context(), sql.Config{DSN: "sqlite:" + filepath.Join(t.TempDir(), "db"), Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, broker: memory.New(memory.Config{Log: quiet()}), store: s, game: game, changed: make(chan struct{})}
	t.Cleanup(func() {
		if err := errors.Join(w.broker.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	})
	return w
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// room makes a room with seats of users, and listens to it. Nobody has told the room yet.
func (w *world) room(id string, users ...string) {
	w.t.Helper()
	ctx := w.t.Context()
	opening, err := w.game.Open(id, nil, time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	r := store.Room{
		ID: id, Game: w.game.Name(), Version: w.game.Version(), State: store.Open, Capacity: max(2, len(users)),
		CreatedAt: time.Now(),
	}
	w.account(rival)
	for i, user := range users {
		w.account(user)
		if i == 0 {
			err = w.store.CreateRoom(ctx, r, opening.Memory, user)
		} else {
			_, err = w.store.TakeSeat(ctx, id, user, time.Now())
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
	if len(users) == 0 {
		if err := w.store.CreateRoom(ctx, r, opening.Memory, ""); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := w.broker.Open(ctx, broker.Spec{Room: id}); err != nil {
		w.t.Fatal(err)
	}
}

// rival is an account whom those who are paid have beaten.
const rival = "rival"

func (w *world) account(user string) {
	w.t.Helper()
	a := store.Account{ID: user, Name: user, Guest: true, Level: 1, CreatedAt: time.Now()}
	if _, _, err := w.store.CreateAccount(w.t.Context(), a, store.Identity{Platform: "guest"}); err != nil && !errors.Is(err, store.ErrNameTaken) {
		w.t.Fatal(err)
	}
}

// listen hears the rooms as a gateway would.
func (w *world) listen(rooms ...string) {
	w.t.Helper()
	feed, err := w.broker.Feed(w.t.Context(), broker.Receiver{
		Deliver: func(_ string, outs []*broker.Output) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.heard = append(w.heard, outs...)
			close(w.changed)
			w.changed = make(chan struct{})
		},
		Broken: func() {},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, room := range rooms {
		if err := feed.Bind(w.t.Context(), room); err != nil {
			w.t.Fatal(err)
		}
	}
}

// await waits until enough is true of what was heard, and returns that.
func (w *world) await(what string, enough func([]*broker.Output) bool) []*broker.Output {
	w.t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	for {
		w.mu.Lock()
		heard, changed := slices.Clone(w.heard), w.changed
		w.mu.Unlock()
		if enough(heard) {
			return heard
		}
		select {
		case <-changed:
		case <-deadline.C:
			w.t.Fatalf("waited in vain for %s; heard %s", what, show(heard))
		}
	}
}

// awaitTypes waits until so many line outputs of the type were heard, copies not counted.
func (w *world) awaitType(typ string, n int) []*broker.Output {
	w.t.Helper()
	return w.await(fmt.Sprintf("%d times %s", n, typ), func(heard []*broker.Output) bool {
		return len(ofType(w.t, heard, typ)) >= n
	})
}

// soFar is what was heard of a type.
func (w *world) soFar(typ string) []*broker.Output {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	return ofType(w.t, w.heard, typ)
}

// awaitPart waits until so many outputs of a part were heard.
func (w *world) awaitPart(p broker.Part, n int) []*broker.Output {
	w.t.Helper()
	heard := w.await(fmt.Sprintf("%d of part %d", n, p), func(heard []*broker.Output) bool { return len(ofPart(heard, p)) >= n })
	return ofPart(heard, p)
}

func ofPart(heard []*broker.Output, p broker.Part) (found []*broker.Output) {
	for _, o := range heard {
		if o.Part == p {
			found = append(found, o)
		}
	}
	return found
}

// line is what a gateway makes of what was heard of the one room: each number once, and the same each time.
func line(t testing.TB, heard []*broker.Output) (outs []*broker.Output) {
	t.Helper()
	seen := map[broker.Position]*broker.Output{}
	for _, o := range ofPart(heard, broker.Line) {
		if before := seen[o.At]; before != nil {
			if before.Type != o.Type || string(before.Body) != string(o.Body) || before.From != o.From {
				t.Errorf("number %v was %s %s, and is %s %s", o.At, before.Type, before.Body, o.Type, o.Body)
			}
			continue
		}
		seen[o.At] = o
		outs = append(outs, o)
	}
	return outs
}

func ofType(t testing.TB, heard []*broker.Output, typ string) (found []*broker.Output) {
	t.Helper()
	for _, o := range line(t, heard) {
		if o.Type == typ {
			found = append(found, o)
		}
	}
	return found
}

func show(heard []*broker.Output) string {
	var s []string
	for _, o := range heard {
		s = append(s, fmt.Sprintf("%d:%d-%d %s %s", o.Part, o.At.Epoch, o.At.N, o.Type, o.Body))
	}
	return fmt.Sprintf("%q", s)
}

func number(t testing.TB, o *broker.Output) int {
	t.Helper()
	var s said
	if err := json.Unmarshal(o.Body, &s); err != nil {
		t.Fatal(err)
	}
	return s.N
}

// tell sends a message, which the broker holds afterwards. As a gateway does, it asks for a queue that is not there.
func (w *world) tell(m *broker.Message) {
	w.t.Helper()
	if m.Time.IsZero() {
		m.Time = time.Now()
	}
	for try := 0; ; try++ {
		err := w.broker.Send(w.t.Context(), m)
		if err == nil {
			return
		}
		if !errors.Is(err, broker.ErrNoRoom) || try == 1000 {
			w.t.Fatal(err)
		}
		w.announceRoom(m.Room)
		time.Sleep(time.Millisecond)
	}
}

func (w *world) join(room string, users ...string) {
	w.t.Helper()
	for _, user := range users {
		w.tell(&broker.Message{Room: room, Kind: broker.Join, User: user, Name: user})
	}
}

// say is the seq-th message of user, by its one connection.
func (w *world) say(room, user string, seq uint64, typ string, body any) {
	w.t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	w.tell(&broker.Message{
		Room: room, Type: typ, User: user, Seq: seq, Conn: user + "-1", ConnSeq: seq + 100, Body: data,
		ContentType: "application/json",
	})
}

func (w *world) attach(room, user, conn, attempt string, resume broker.Position) {
	w.t.Helper()
	w.tell(&broker.Message{
		Room: room, Kind: broker.Attach, User: user, Name: user, Conn: conn, ConnSeq: 1, Attempt: attempt, Resume: resume,
	})
}

// paid checks that the user has been paid n times: a coin and a hat each.
func (w *world) paid(user string, n int64) {
	w.t.Helper()
	have, err := w.store.Inventory(w.t.Context(), user)
	if err != nil || have.Gold != n || len(have.Items) != 1 || have.Items[0] != (store.Holding{Item: "hat", Count: n}) {
		w.t.Errorf("%s has %+v, %v; want %d gold and as many hats", user, have, err, n)
	}
	w.ranked(user, n)
	if faults, err := w.store.CheckLedger(w.t.Context()); len(faults) > 0 || err != nil {
		w.t.Errorf("ledger: got %q, %v", faults, err)
	}
}

// ranked checks that a user has won n matches, each once on the board and in the ratings.
func (w *world) ranked(user string, n int64) {
	w.t.Helper()
	st, _, err := w.store.Standing(w.t.Context(), store.Board{Game: w.game.Name(), Period: "all"}, user)
	if err != nil || st.Value != n {
		w.t.Errorf("%s stands at %+v, %v; want a score of %d", user, st, err, n)
	}
	for _, who := range []string{user, rival} {
		if all, err := w.store.Ratings(w.t.Context(), who); err != nil || len(all) != 1 || all[0].Matches != n {
			w.t.Errorf("%s has ratings %+v, %v; want one, of %d matches", who, all, err, n)
		}
	}
}

func (w *world) record(room string) store.Room {
	w.t.Helper()
	r, err := w.store.Room(w.t.Context(), room)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// process is one worker with its own hold on broker and store, in which a test can meddle.
type process struct {
	*worker.Worker
	w      *world
	broker *memory.Broker
	dead   atomic.Bool
	stop   context.CancelFunc
	ended  chan struct{}

	// Called where they say; nil for none. An error is given to the worker instead of what has happened.
	beforeCommit, afterCommit func(*store.Commit) error
	beforeTakeUp              func() error
	beforePublish             func([]*broker.Output) error
	afterPublish              func([]*broker.Output) error
	beforeClose               func() // of a pipe
	beforeConsume             func(ctx context.Context, room string) error
	afterConsume              func(broker.Consumption, *meddledPipe)
	afterDelete               func(room string)
	commits                   atomic.Int64
	woken                     atomic.Int64 // wake messages sent
}

var errKilled = fmt.Errorf("process was killed: %w", store.ErrUnavailable)

// start starts a worker. meddle may be nil.
func (w *world) start(meddle func(*process), change func(*worker.Config)) *process {
	w.t.Helper()
	p := &process{w: w, broker: w.broker.Peer(), ended: make(chan struct{})}
	if meddle != nil {
		meddle(p)
	}
	c := worker.Config{Broker: meddledBroker{p.broker, p}, Store: meddledStore{w.store, p}, Games: []handlers.Definition{w.game}, Log: quiet()}
	if change != nil {
		change(&c)
	}
	var err error
	if p.Worker, err = worker.New(c); err != nil {
		w.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	go func() {
		defer close(p.ended)
		if err := p.Run(ctx); err != nil && !p.dead.Load() {
			w.t.Errorf("Run: %v", err)
		}
	}()
	w.t.Cleanup(p.end)
	return p
}

// end stops the worker in good order and waits for it.
func (p *process) end() {
	p.stop()
	<-p.ended
	_ = p.broker.Close()
}

// kill ends the process at once: nothing that it does afterwards has an effect.
func (p *process) kill() error {
	if !p.dead.Swap(true) {
		_ = p.broker.Close()
		p.stop()
	}
	return errKilled
}

type meddledStore struct {
	*sql.Store
	p *process
}

func (s meddledStore) Commit(ctx context.Context, c *store.Commit) (bool, error) {
	if s.p.dead.Load() {
		return false, errKilled
	}
	if f := s.p.beforeCommit; f != nil {
		if err := f(c); err != nil {
			return false, err
		}
	}
	closed, err := s.Store.Commit(ctx, c)
	s.p.commits.Add(1)
	if f := s.p.afterCommit; f != nil && err == nil {
		if err := f(c); err != nil {
			return false, err
		}
	}
	return closed, err
}

func (s meddledStore) TakeUp(ctx context.Context, room string) (store.Record, error) {
	if s.p.dead.Load() {
		return store.Record{}, errKilled
	}
	if f := s.p.beforeTakeUp; f != nil {
		if err := f(); err != nil {
			return store.Record{}, err
		}
	}
	return s.Store.TakeUp(ctx, room)
}

func (s meddledStore) Swept(ctx context.Context, room string) error {
	if s.p.dead.Load() {
		return errKilled
	}
	return s.Store.Swept(ctx, room)
}

type meddledBroker struct {
	*memory.Broker
	p *process
}

func (b meddledBroker) Send(ctx context.Context, m *broker.Message) error {
	if m.Kind == broker.Wake {
		b.p.woken.Add(1)
	}
	return b.Broker.Send(ctx, m)
}

func (b meddledBroker) Delete(ctx context.Context, room string) error {
	if b.p.dead.Load() {
		return broker.ErrClosed
	}
	if f := b.p.afterDelete; f != nil {
		defer f(room)
	}
	return b.Broker.Delete(ctx, room)
}

func (b meddledBroker) Consume(ctx context.Context, c broker.Consumption) (broker.Pipe, error) {
	if f := b.p.beforeConsume; f != nil {
		if err := f(ctx, c.Room); err != nil {
			return nil, err
		}
	}
	pipe, err := b.Broker.Consume(ctx, c)
	if err != nil {
		return nil, err
	}
	meddled := &meddledPipe{Pipe: pipe, p: b.p}
	if f := b.p.afterConsume; f != nil {
		f(c, meddled)
	}
	return meddled, nil
}

type meddledPipe struct {
	broker.Pipe
	p       *process
	leaving atomic.Bool // a group would leave with it
}

func (p *meddledPipe) Leaving() bool { return p.leaving.Load() }

func (p *meddledPipe) Close() error {
	if f := p.p.beforeClose; f != nil {
		f()
	}
	return p.Pipe.Close()
}

func (p *meddledPipe) Publish(ctx context.Context, outs []*broker.Output) error {
	if f := p.p.beforePublish; f != nil {
		if err := f(outs); err != nil {
			return err
		}
	}
	if err := p.Pipe.Publish(ctx, outs); err != nil {
		return err
	}
	if f := p.p.afterPublish; f != nil {
		return f(outs)
	}
	return nil
}

func (w *world) notice(room string) {
	w.t.Helper()
	body, err := json.Marshal(broker.RoomOpened{Room: room, Game: w.game.Name(), Version: w.game.Version()})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.broker.Post(w.t.Context(), broker.Notice{Kind: broker.NoticeRoom, From: "test", Body: body, Time: time.Now()}); err != nil {
		w.t.Fatal(err)
	}
}

// announceGateway posts what a gateway's process would.
func (w *world) announceGateway(id string) {
	w.t.Helper()
	w.post(broker.NoticeProcess, id, broker.Process{ID: id, Roles: []string{"web"}})
}

func (w *world) announceRoom(room string) {
	w.t.Helper()
	w.post(broker.NoticeRoom, "lobby", broker.RoomOpened{Room: room, Game: w.game.Name(), Version: w.game.Version()})
}

func (w *world) post(kind, from string, body any) {
	w.t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.broker.Post(w.t.Context(), broker.Notice{Kind: kind, From: from, Body: data, Time: time.Now()}); err != nil {
		w.t.Fatal(err)
	}
}

func decode(t testing.TB, data []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}
