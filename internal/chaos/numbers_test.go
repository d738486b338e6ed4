package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/madang-games/madang/client"
)

// numbers is the numbered load: in each room every player says 1, 2, 3... at a steady pace, and every player checks
// what it hears of each of them.
type numbers struct {
	every   time.Duration // between two numbers of one player
	players []*player
	open    atomic.Bool // numbers are being said

	mu   sync.Mutex
	seen []string // what went wrong, the first of it
}

// player says numbers in one room, and hears those of all.
type player struct {
	load  *numbers
	game  string // ledger or tally
	index int
	conn  *client.Conn
	room  *client.Room
	id    string
	mates []*player // of its room, itself too

	mu      sync.Mutex
	said    uint64
	refused map[uint64]bool // numbers that were refused, and the refuser told so
	heard   map[string]*line
	last    time.Time // when the room was heard last; zero: the flow has just begun
	tally   map[string]tallied
	score
}

// line is what a player has heard of another one.
type line struct {
	highest uint64
	missing map[uint64]bool // below highest
}

// score is what a row counts of the load.
type score struct {
	Heard      int64         `json:"heard"`
	Doubled    int64         `json:"doubled"`
	OutOfOrder int64         `json:"out_of_order"`
	Resets     int64         `json:"snapshots"` // a player was given a snapshot in place of what it missed
	LongestGap time.Duration `json:"longest_gap_ns"`
}

type tallied struct{ Last, Doubled, Skipped uint64 }

// playersHTTP is shared by all players: connections to the front are cut, calls are made again.
func playersHTTP() *http.Client {
	return &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
}

func newClient(url string, h *http.Client) (*client.Client, error) {
	return client.New(client.Config{
		URL: url, HTTP: h, HeartBeat: 2 * time.Second, Inbox: 4096,
		Backoff: client.Backoff{Min: 50 * time.Millisecond, Max: time.Second},
	})
}

// again makes a call until it works, or a refusal says that it never will.
func again[T any](ctx context.Context, what string, call func() (T, error)) (T, error) {
	for {
		v, err := call()
		var said *client.Error
		if err == nil || errors.As(err, &said) && said.Status > 0 && said.Status < 500 && said.Status != http.StatusTooManyRequests {
			return v, err
		}
		if pause(ctx, 100*time.Millisecond) != nil {
			return v, fmt.Errorf("%s: %w (%w)", what, err, context.Cause(ctx))
		}
	}
}

// seat makes the players of the rooms of a game and returns when all hear their rooms.
func (l *numbers) seat(ctx context.Context, url, game string, rooms, perRoom int) error {
	h := playersHTTP()
	for range rooms {
		var place client.Place
		var mates []*player
		for i := range perRoom {
			c, err := newClient(url, h)
			if err != nil {
				return err
			}
			if _, err := again(ctx, "sign in", func() (client.User, error) { return c.SignInGuest(ctx, "", "") }); err != nil {
				return err
			}
			if i == 0 {
				place, err = c.CreateRoom(ctx, game, nil)
			} else {
				place, err = c.JoinRoom(ctx, place.Room.ID)
			}
			if err != nil {
				return err
			}
			p := &player{load: l, game: game, index: len(l.players), id: c.Me().ID, refused: map[uint64]bool{}, heard: map[string]*line{}}
			if p.conn, err = c.Connect(ctx); err != nil {
				return err
			}
			if p.room, err = p.conn.Join(ctx, place); err != nil {
				return err
			}
			mates = append(mates, p)
			l.players = append(l.players, p)
		}
		for _, p := range mates {
			p.mates = mates
		}
	}
	return nil
}

// run plays until ctx ends, and closes the connections.
func (l *numbers) run(ctx context.Context) {
	var all sync.WaitGroup
	for _, p := range l.players {
		all.Go(func() { p.hear(ctx) })
		all.Go(func() { p.say(ctx) })
	}
	all.Wait()
	for _, p := range l.players {
		all.Go(func() { p.conn.Close() })
	}
	all.Wait()
}

func (l *numbers) complain(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.seen) < 30 {
		l.seen = append(l.seen, time.Now().UTC().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
	}
}

func (p *player) say(ctx context.Context) {
	if pause(ctx, p.load.every*time.Duration(p.index%16)/16) != nil {
		return
	}
	tick := time.NewTicker(p.load.every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		p.mu.Lock()
		if p.load.open.Load() {
			seq, err := p.room.SendAsync("n", []byte(strconv.FormatUint(p.said+1, 10)))
			switch {
			case err == nil:
				p.said++
				if seq != p.said && p.game == "ledger" {
					p.load.complain("room %s: %s said number %d as seq %d", p.room.Place.Room.ID, p.id, p.said, seq)
				}
			case !errors.Is(err, client.ErrOutboxFull) && ctx.Err() == nil:
				p.load.complain("room %s: %s can't speak: %v", p.room.Place.Room.ID, p.id, err)
				p.mu.Unlock()
				return
			}
		}
		p.mu.Unlock()
	}
}

func (p *player) hear(ctx context.Context) {
	for {
		m, err := p.room.Next(ctx)
		if err != nil {
			if ctx.Err() == nil {
				p.load.complain("room %s: %s hears nothing any more: %v", p.room.Place.Room.ID, p.id, err)
			}
			return
		}
		p.mu.Lock()
		p.take(m)
		p.mu.Unlock()
	}
}

func (p *player) take(m *client.Message) {
	switch m.Type {
	case "n":
		n, err := strconv.ParseUint(string(m.Body), 10, 64)
		if err != nil {
			p.load.complain("room %s: %s heard %q", p.room.Place.Room.ID, p.id, m.Body)
			return
		}
		now := time.Now()
		if !p.last.IsZero() {
			p.LongestGap = max(p.LongestGap, now.Sub(p.last)-p.load.every/time.Duration(len(p.mates)))
		}
		p.last = now
		p.Heard++
		if p.game == "ledger" {
			p.note(m, n)
		}
	case "$snapshot":
		if p.game == "tally" {
			var s struct{ Of map[string]tallied }
			if json.Unmarshal(m.Body, &s) == nil {
				p.tally = s.Of
			}
		} else if p.Heard > 0 {
			p.Resets++
			p.load.complain("room %s: %s was given a snapshot (%s)", p.room.Place.Room.ID, p.id, m.ID)
		}
	case "error":
		p.refused[m.Request] = true
		p.load.complain("room %s: number %d of %s was refused: %s %s", p.room.Place.Room.ID, m.Request, p.id, m.Code, m.Body)
	}
}

// note checks a number that came.
func (p *player) note(m *client.Message, n uint64) {
	l := p.heard[m.From]
	if l == nil {
		l = &line{missing: map[uint64]bool{}}
		p.heard[m.From] = l
	}
	switch {
	case n > l.highest:
		for k := l.highest + 1; k < n; k++ {
			l.missing[k] = true
		}
		l.highest = n
	case l.missing[n]:
		delete(l.missing, n)
		p.OutOfOrder++
		p.load.complain("room %s: %s heard %d of %s out of order, after %d (%s)", p.room.Place.Room.ID, p.id, n, m.From, l.highest, m.ID)
	default:
		p.Doubled++
		p.load.complain("room %s: %s heard %d of %s again (%s)", p.room.Place.Room.ID, p.id, n, m.From, m.ID)
	}
}

// begin lets the players speak.
func (l *numbers) begin() {
	for _, p := range l.players {
		p.mu.Lock()
		p.last = time.Time{}
		p.mu.Unlock()
	}
	l.open.Store(true)
}

// settle lets the players fall silent, and waits until every number that was said has a receipt and was heard by all, for
// no longer than ctx lasts. What had been lost before is not waited for.
func (l *numbers) settle(ctx context.Context, lost int) {
	l.open.Store(false)
	var asked time.Time
	for {
		sum := l.sum()
		if sum.Sent == sum.Receipted && sum.Lost <= lost {
			return
		}
		if time.Since(asked) > time.Second { // the checkpointed rooms say where they are when they are asked
			asked = time.Now()
			for _, p := range l.players {
				if p.game == "tally" && p.mates[0] == p {
					_, _ = p.room.SendAsync("sync", struct{}{}) // asked again until it is answered
				}
			}
		}
		if pause(ctx, 20*time.Millisecond) != nil {
			return
		}
	}
}

// sums are the counts of all players together, since the beginning but for what was written off.
type sums struct {
	Sent      uint64 `json:"sent"`
	Receipted uint64 `json:"receipted"`
	Refused   int    `json:"refused"`
	Lost      int    `json:"lost"` // receipted, and not heard by a player who was there (each counts), or not in a tally
	score
}

func (l *numbers) sum() (s sums) {
	said, receipted, refused := map[*player]uint64{}, map[*player]uint64{}, map[*player]map[uint64]bool{}
	for _, p := range l.players {
		waiting := uint64(p.room.Waiting()) // before said, which only grows
		p.mu.Lock()
		said[p], refused[p] = p.said, maps.Clone(p.refused)
		receipted[p] = p.said - min(p.said, waiting)
		s.Heard += p.Heard
		s.Doubled += p.Doubled
		s.OutOfOrder += p.OutOfOrder
		s.Resets += p.Resets
		s.LongestGap = max(s.LongestGap, p.LongestGap)
		p.mu.Unlock()
		s.Sent += said[p]
		s.Receipted += receipted[p]
		s.Refused += len(refused[p])
	}
	for _, p := range l.players {
		p.mu.Lock()
		for _, mate := range p.mates {
			if p.game == "tally" {
				if p.mates[0] == p {
					got := p.tally[mate.id]
					s.Lost += int(receipted[mate]-min(receipted[mate], got.Last)) + int(got.Skipped)
					s.Doubled += int64(got.Doubled)
				}
				continue
			}
			s.Lost += len(p.missing(mate.id, receipted[mate], refused[mate]))
		}
		p.mu.Unlock()
	}
	return s
}

// missing returns which numbers of a player, up to one, have not been heard.
func (p *player) missing(of string, upTo uint64, refused map[uint64]bool) (all []uint64) {
	l := p.heard[of]
	if l == nil {
		l = &line{}
	}
	for n := range l.missing {
		if n <= upTo && !refused[n] {
			all = append(all, n)
		}
	}
	for n := l.highest + 1; n <= upTo; n++ {
		if !refused[n] {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return all
}

// blame tells which numbers are missing where, for the report of a row that failed.
func (l *numbers) blame() {
	for _, p := range l.players {
		if p.game != "ledger" {
			continue
		}
		for _, mate := range p.mates {
			waiting := uint64(mate.room.Waiting())
			mate.mu.Lock()
			upTo, refused := mate.said-min(mate.said, waiting), maps.Clone(mate.refused)
			mate.mu.Unlock()
			p.mu.Lock()
			lost := p.missing(mate.id, upTo, refused)
			p.mu.Unlock()
			if len(lost) > 0 {
				l.complain("room %s: %s has not heard %d numbers of %s: %v", p.room.Place.Room.ID, p.id, len(lost), mate.id, lost[:min(len(lost), 20)])
			}
		}
	}
}

// writeOff begins the counts of gaps anew, and gives up what is lost, so that the next row does not count it again; it
// returns what went wrong until now.
func (l *numbers) writeOff() []string {
	for _, p := range l.players {
		p.mu.Lock()
		p.LongestGap = 0
		p.mu.Unlock()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	seen := l.seen
	l.seen = nil
	return seen
}
