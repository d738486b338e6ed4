package lobby

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/broker/memory"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/match"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/token"
)

// arcade is a deployment of several lobbies that find players for games.
type arcade struct {
	t       *testing.T
	dsn     string
	broker  broker.Broker
	peer    func() broker.Broker // another process's
	changed chan struct{}        // closed, and made anew, when something has changed in the store
	mu      sync.Mutex
	options map[string]handlers.Match // what games were told, by the first player
	declare func(*App)
	tokens  *token.Ring
	game    handlers.Definition
}

func newArcade(t *testing.T, declare func(*App)) *arcade {
	t.Helper()
	m := memory.New(memory.Config{Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() { _ = m.Close() })
	tokens, err := newRing()
	if err != nil {
		t.Fatal(err)
	}
	a := &arcade{
		tokens: tokens,
		t:      t, dsn: "sqlite:" + filepath.Join(t.TempDir(), "madang.db"), broker: m, peer: func() broker.Broker { return m.Peer() },
		changed: make(chan struct{}), options: map[string]handlers.Match{}, declare: declare,
	}
	a.game = a.duo()
	return a
}

// note says that the store may have changed.
func (a *arcade) note() {
	a.mu.Lock()
	defer a.mu.Unlock()
	close(a.changed)
	a.changed = make(chan struct{})
}

// until waits until done, which is asked whenever something has changed.
func (a *arcade) until(what string, done func() bool) {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), time.Minute)
	defer cancel()
	for {
		a.mu.Lock()
		changed := a.changed
		a.mu.Unlock()
		if done() {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			a.t.Fatalf("%s: it never came to that", what)
		}
	}
}

// duo is a game for teams of any size.
func (a *arcade) duo() handlers.Definition {
	return &toy{name: "duo", version: "1", policy: handlers.Policy{Keep: handlers.Durable{}, Capacity: 8}, open: func(options []byte) (handlers.Opening, error) {
		var in map[string]handlers.Match
		if err := json.Unmarshal(options, &in); err != nil {
			return handlers.Opening{}, err
		}
		m := in[handlers.MatchOption]
		if len(m.Teams) > 0 && len(m.Teams[0]) > 0 {
			a.mu.Lock()
			a.options[m.Teams[0][0]] = m
			a.mu.Unlock()
		}
		return handlers.Opening{Capacity: 8, Memory: options}, nil
	}}
}

// machine is one process of an arcade: a lobby with its own store and broker.
type machine struct {
	*fixture
	store  *dying
	broker broker.Broker
	stop   func()
}

// start starts a lobby. fatal, if there is one, kills it.
func (a *arcade) start(fatal *fate) *machine {
	a.t.Helper()
	b := a.peer()
	ctx, cancel := context.WithCancel(a.t.Context())
	if fatal == nil {
		fatal = &fate{}
	}
	d := &dying{Store: database(a.t, a.dsn), arcade: a, fate: fatal}
	m := &machine{store: d, broker: b}
	m.fixture = newFixture(a.t, func(app *App, c *Config) {
		a.declare(app)
		c.Store, c.Broker, c.Tokens, c.Games = d, b, a.tokens, []handlers.Definition{a.game}
	})
	running := make(chan struct{})
	go func() {
		defer close(running)
		_ = m.lobby.Run(ctx)
	}()
	m.stop = func() {
		cancel()
		_ = b.Close()
		<-running
	}
	fatal.kill = func() { // all at once, and nobody waits for it
		cancel()
		_ = b.Close()
	}
	a.t.Cleanup(m.stop)
	return m
}

// fate kills a process at a step: a call of its store. The zero fate does not.
type fate struct {
	mu    sync.Mutex
	armed bool
	step  int  // the process dies at this step after it was armed
	late  bool // when the step is done, but nobody has been told
	taken int
	dead  bool
	kill  func()
	steps []string // what it has done
}

var errDead = errors.New("this process is dead")

func (f *fate) arm(step int, late bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed, f.step, f.late, f.taken = true, step, late, 0
}

// on does one step of the process.
func (f *fate) on(name string, do func() error) error {
	f.mu.Lock()
	if f.dead {
		f.mu.Unlock()
		return errDead
	}
	last := false
	f.steps = append(f.steps, name)
	if f.armed {
		f.taken++
		last = f.taken == f.step
	}
	if last {
		f.dead = true
	}
	late, kill := f.late, f.kill
	f.mu.Unlock()
	if !last {
		return do()
	}
	if late {
		_ = do()
	}
	kill()
	return errDead
}

func (f *fate) has(step string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Contains(f.steps, step)
}

func (f *fate) died() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dead
}

// dying is the store of a process that may die.
type dying struct {
	store.Store
	arcade *arcade
	fate   *fate
}

func (d *dying) Transact(ctx context.Context, do func(context.Context) error) error {
	err := d.fate.on("Transact", func() error { return d.Store.Transact(ctx, do) })
	d.arcade.note()
	return err
}

func (d *dying) TakePool(ctx context.Context, game, mode string) (p store.Pool, err error) {
	err = d.fate.on("TakePool", func() (err error) { p, err = d.Store.TakePool(ctx, game, mode); return err })
	d.arcade.note()
	return p, err
}

func (d *dying) PoolTickets(ctx context.Context, p store.Pool, after string, limit int) (list []store.Ticket, err error) {
	err = d.fate.on("PoolTickets", func() (err error) { list, err = d.Store.PoolTickets(ctx, p, after, limit); return err })
	return list, err
}

func (d *dying) Ticket(ctx context.Context, id string) (t store.Ticket, err error) {
	err = d.fate.on("Ticket", func() (err error) { t, err = d.Store.Ticket(ctx, id); return err })
	return t, err
}

func (d *dying) PlaceMatch(ctx context.Context, p store.Pool, m store.Placement, now time.Time) error {
	return d.fate.on("PlaceMatch", func() error { return d.Store.PlaceMatch(ctx, p, m, now) })
}

func (d *dying) OfferMatch(ctx context.Context, p store.Pool, o store.Offer, ids []string) error {
	return d.fate.on("OfferMatch", func() error { return d.Store.OfferMatch(ctx, p, o, ids) })
}

func (d *dying) WithdrawOffer(ctx context.Context, p store.Pool, offer, silent string, now time.Time) (list []store.Ticket, err error) {
	err = d.fate.on("WithdrawOffer", func() (err error) { list, err = d.Store.WithdrawOffer(ctx, p, offer, silent, now); return err })
	return list, err
}

func (d *dying) EndTicket(ctx context.Context, p store.Pool, id string, state store.TicketState, reason string, now time.Time) (t store.Ticket, err error) {
	err = d.fate.on("EndTicket", func() (err error) { t, err = d.Store.EndTicket(ctx, p, id, state, reason, now); return err })
	return t, err
}

// search is a player's new ticket for duo.
func (m *machine) search(in signedIn, mode string) ticketJSON {
	m.t.Helper()
	var t ticketJSON
	m.do("POST", "/v1/match/tickets", in.Token, fmt.Sprintf(`{"game":"duo","mode":%q}`, mode)).into(m.t, 201, &t)
	return t
}

func (m *machine) ticket(in signedIn, id string) (t ticketJSON) {
	m.t.Helper()
	m.do("GET", "/v1/match/tickets/"+id, in.Token, "").into(m.t, 200, &t)
	return t
}

// player is who searches.
type player struct {
	signedIn
	ticket string
}

// searching are n players who search for a mode at m.
func (m *machine) searching(n int, mode string) []player {
	m.t.Helper()
	all := make([]player, n)
	for i := range all {
		in := m.guestOf()
		all[i] = player{in, m.search(in, mode).ID}
	}
	return all
}

// guestOf signs a new guest in.
func (m *machine) guestOf() (in signedIn) {
	m.t.Helper()
	m.do("POST", "/v1/login", "", `{"platform":"guest"}`).into(m.t, 200, &in)
	return in
}

// placed waits until all have been placed, each has one seat, and returns their rooms by player.
func (a *arcade) placed(m *machine, all []player) (rooms []string) {
	a.t.Helper()
	for _, p := range all {
		var t ticketJSON
		a.until("place "+p.ticket, func() bool { t = m.ticket(p.signedIn, p.ticket); return t.State == store.TicketPlaced })
		seats, err := m.store.Store.SeatsOf(a.t.Context(), p.User.ID)
		if err != nil || len(seats) != 1 || seats[0].Room != t.Room.ID || t.Seat == nil || !strings.HasSuffix(t.Stomp.Queue, "/room."+t.Room.ID) {
			a.t.Errorf("player %s: got seats %v, %v, and ticket %+v; want one seat, in that room", p.User.ID, seats, err, t)
		}
		rooms = append(rooms, t.Room.ID)
	}
	return rooms
}

// pairs says whether the rooms of players have n players each.
func pairs(t *testing.T, rooms []string, n int) {
	t.Helper()
	count := map[string]int{}
	for _, r := range rooms {
		count[r]++
	}
	for r, got := range count {
		if got != n {
			t.Errorf("room %s: got %d players, want %d", r, got, n)
		}
	}
}

func duel(app *App)  { app.Match("duo", "duel", match.Rules{Teams: 2}) }
func asked(app *App) { app.Match("duo", "duel", match.Rules{Teams: 2, Accept: time.Hour}) }

// pairs waits until the lobby, which is the first one, pairs the tickets of its modes.
func (m *machine) pairs(mode string) {
	m.t.Helper()
	ctx, look := m.t.Context(), broker.Changed{Game: "duo", Mode: mode}.Message(time.Now())
	if err := m.broker.Open(ctx, broker.Spec{Room: look.Room}); err != nil {
		m.t.Fatal(err)
	}
	if err := m.broker.Send(ctx, look); err != nil {
		m.t.Fatal(err)
	}
	m.store.arcade.until("pair", func() bool { return m.store.fate.has("TakePool") })
}
