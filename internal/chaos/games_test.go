package chaos

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/madang-games/madang/client"
	"github.com/madang-games/madang/client/bot"
)

// games are pairs of bots that play Othello one game after the other, and the balances that they must have from it.
type games struct {
	url  string
	http *http.Client
	open atomic.Bool // new games begin
	busy atomic.Int64

	mu       sync.Mutex
	accounts map[string]*account    // by user
	playing  map[string][2]*account // by room
	played
	seen []string
}

// played is what a row counts of the games.
type played struct {
	Finished  int `json:"games_finished"`
	Otherwise int `json:"games_ended_otherwise"` // by a timeout or an exit, which bots don't do
	Unseen    int `json:"ends_unseen"`           // a side came back to a closed room without having heard who won
	Differing int `json:"boards_differing"`
	Broken    int `json:"games_broken"` // nobody knows how they ended
}

// account is a bot and the independent model of its balances.
type account struct {
	client *client.Client
	conn   *client.Conn
	want   balance
	unsure bool // a game of it is Broken
}

type balance struct{ Win, Lose, Draw, Gold, Exp int64 }

// prize is what a result is worth to a side, as docs/protocol.md says of Othello.
func prize(winner, side string) balance {
	switch winner {
	case side:
		return balance{Win: 1, Gold: 10, Exp: 10}
	case "draw":
		return balance{Draw: 1, Gold: 5, Exp: 5}
	}
	return balance{Lose: 1, Exp: 3}
}

func (b *balance) add(more balance) {
	b.Win += more.Win
	b.Lose += more.Lose
	b.Draw += more.Draw
	b.Gold += more.Gold
	b.Exp += more.Exp
}

func newGames(url string) *games {
	return &games{url: url, http: playersHTTP(), accounts: map[string]*account{}, playing: map[string][2]*account{}}
}

// seat signs the pairs in.
func (g *games) seat(ctx context.Context, pairs int) (all [][2]*account, err error) {
	for range pairs {
		var two [2]*account
		for i := range two {
			c, err := newClient(g.url, g.http)
			if err != nil {
				return nil, err
			}
			if _, err := again(ctx, "sign in", func() (client.User, error) { return c.SignInGuest(ctx, "", "") }); err != nil {
				return nil, err
			}
			two[i] = &account{client: c}
			if two[i].conn, err = c.Connect(ctx); err != nil {
				return nil, err
			}
			g.accounts[c.Me().ID] = two[i]
		}
		all = append(all, two)
	}
	return all, nil
}

// run plays until ctx ends.
func (g *games) run(ctx context.Context, pairs [][2]*account) {
	var all sync.WaitGroup
	for _, two := range pairs {
		all.Go(func() {
			for ctx.Err() == nil {
				g.busy.Add(1) // before looking, so that settle can't miss it
				if g.open.Load() {
					g.play(ctx, two)
				}
				g.busy.Add(-1)
				_ = pause(ctx, 20*time.Millisecond)
			}
			for _, a := range two {
				a.conn.Close()
			}
		})
	}
	all.Wait()
}

const thinkTime = 15 * time.Millisecond

// play plays one game and books it.
func (g *games) play(ctx context.Context, two [2]*account) {
	place, err := again(ctx, "make a room", func() (client.Place, error) { return two[0].client.CreateRoom(ctx, "othello", nil) })
	if err != nil {
		g.note(ctx, "cannot begin a game: %v", err)
		return
	}
	// Until it is known whether the second seat is taken, nobody knows whether the game has begun.
	places := [2]client.Place{place}
	if places[1], err = again(ctx, "join", func() (client.Place, error) { return two[1].client.JoinRoom(ctx, place.Room.ID) }); err != nil {
		g.note(ctx, "room %s: cannot join: %v", place.Room.ID, err)
		return
	}
	g.mu.Lock()
	g.playing[place.Room.ID] = two
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.playing, place.Room.ID)
	}()
	var results [2]bot.Result
	var both sync.WaitGroup
	for i, a := range two {
		both.Go(func() { results[i] = g.sit(ctx, a, places[i]) })
	}
	both.Wait()
	if ctx.Err() == nil {
		g.book(place.Room.ID, two, results)
	}
}

// sit plays one side, as often as it is thrown out of the room, until the room is over.
func (g *games) sit(ctx context.Context, a *account, p client.Place) (result bot.Result) {
	for {
		r, err := bot.PlayOne(ctx, a.conn, p, thinkTime)
		if r.Board != "" {
			result = r
		}
		code := client.CodeOf(err)
		if err == nil || r.Over != nil || code == "room_closed" || code == "room_not_found" || code == "not_seated" || ctx.Err() != nil {
			return result
		}
		g.note(ctx, "room %s: %s was thrown out and comes back: %v", p.Room.ID, a.client.Me().ID, err)
		if a.conn.Err() != nil {
			if conn, err := a.client.Connect(ctx); err == nil {
				a.conn = conn
			}
		}
		_ = pause(ctx, 100*time.Millisecond)
	}
}

func (g *games) note(ctx context.Context, format string, args ...any) {
	if ctx.Err() != nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.seen) < 30 {
		g.seen = append(g.seen, time.Now().UTC().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
	}
}

// book adds a result to the counts and to the model of the balances.
func (g *games) book(room string, two [2]*account, results [2]bot.Result) {
	over := results[0].Over
	if over == nil {
		over = results[1].Over
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	say := func(format string, args ...any) {
		g.seen = append(g.seen, time.Now().UTC().Format("15:04:05.000 ")+fmt.Sprintf("room %s: ", room)+fmt.Sprintf(format, args...))
	}
	if over == nil {
		g.Broken++
		say("neither side knows how the game ended: boards %q and %q", results[0].Board, results[1].Board)
		for _, a := range two {
			a.unsure = true
		}
		return
	}
	if over.Reason == "finished" {
		g.Finished++
	} else {
		g.Otherwise++
		say("ended by %s", over.Reason)
	}
	// Who joins first plays black: usually the one who made the room, but its lobby may have been frozen before it told the
	// room, and then its guest is the first.
	sides := [2]string{"black", "white"}
	if results[0].Color == "white" && results[1].Color != "white" || results[1].Color == "black" && results[0].Color != "black" {
		sides = [2]string{"white", "black"}
	}
	for i, side := range sides {
		two[i].want.add(prize(over.Winner, side))
	}
	if results[0].Over == nil || results[1].Over == nil {
		g.Unseen++
		say("a side came back to a closed room and has not heard the end: %v, %v", results[0], results[1])
		return
	}
	if results[0].Board != results[1].Board || *results[0].Over != *results[1].Over || results[0].Color != sides[0] || results[1].Color != sides[1] {
		g.Differing++
		say("the sides differ: %s %q %+v, %s %q %+v", results[0].Color, results[0].Board, *results[0].Over,
			results[1].Color, results[1].Board, *results[1].Over)
	}
}

// settle lets the games that are being played come to their ends, for no longer than settleTime.
func (g *games) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	g.open.Store(false)
	quiet := 0
	for quiet < 3 { // a pair looks at open only while it counts as busy
		if g.busy.Load() == 0 {
			quiet++
		} else {
			quiet = 0
		}
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			g.mu.Lock()
			defer g.mu.Unlock()
			for room, two := range g.playing {
				for _, a := range two { // what they will have from it, nobody knows
					a.unsure = true
				}
				g.seen = append(g.seen, fmt.Sprintf("room %s: the game has not come to its end", room))
			}
			return fmt.Errorf("%d games have not come to their ends within %s", len(g.playing), settleTime)
		}
	}
	return nil
}

// wrong asks the lobby for every balance and returns how many are not as the model has them; then the model is set to
// what they are, so that the next row does not count them again.
func (g *games) wrong(ctx context.Context) (n int, err error) {
	for id, a := range g.accounts {
		user, err := again(ctx, "ask for the balances", func() (client.User, error) {
			u, _, err := a.client.User(ctx)
			return u, err
		})
		if err != nil {
			return n, err
		}
		got := balance{user.Win, user.Lose, user.Draw, user.Gold, user.Exp}
		if got != a.want && !a.unsure {
			n++
			g.note(ctx, "%s has %+v, want %+v", id, got, a.want)
		}
		a.want, a.unsure = got, false
	}
	return n, nil
}

func (g *games) counts() (p played, seen []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p, seen = g.played, g.seen
	g.seen = nil
	return p, seen
}
