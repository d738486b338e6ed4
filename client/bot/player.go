package bot

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"github.com/madang-games/madang/client"
)

const (
	game      = "othello"
	callTime  = 5 * time.Second // to make a room
	leaveTime = 3 * time.Second // to give a seat up when the run has ended
	retryTime = time.Second     // between two tries of what failed
)

// Seat signs c in as a guest with a bot's name, unless it is signed in already, takes a seat in the Othello room of
// this id, plays the game to its end, and returns. Whatever ends it, it gives up the seat and the connection. A player has
// one connection at a time: give each Seat a Client of its own.
func Seat(ctx context.Context, c *client.Client, room string) (Result, error) {
	if c.Token() == "" {
		if err := signIn(ctx, c, rand.Text()); err != nil {
			return Result{}, err
		}
	}
	place, err := c.JoinRoom(ctx, room)
	if err != nil {
		return Result{}, err
	}
	defer leave(ctx, c, place)
	conn, err := c.Connect(ctx)
	if err != nil {
		return Result{}, err
	}
	defer conn.Close()
	return PlayOne(ctx, conn, place, DefaultThink)
}

// leave gives a seat up, also when ctx has ended. Failing does little harm: the seat is lost after its grace time.
func leave(ctx context.Context, c *client.Client, p client.Place) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTime)
	defer cancel()
	_ = c.LeaveRoom(ctx, p.Room.ID)
}

var names = []string{
	"Hana", "Duri", "Seoi", "Noi", "Byeol", "Haneul", "Bada", "Sora", "Nari", "Dalnim", "Mirae", "Gaon", "Ruda", "Saebom", "Iseul",
}

// signIn makes a guest with a bot's name, or finds the one whose secret it is.
func signIn(ctx context.Context, c *client.Client, secret string) error {
	for try := 0; ; try++ {
		name := fmt.Sprintf("Bot %s %d", names[mathrand.N(len(names))], 1+mathrand.N(9999))
		if try > 8 {
			name = "" // the lobby finds a free one
		}
		_, err := c.SignInGuest(ctx, name, secret)
		if code := client.CodeOf(err); name == "" || code != "name_taken" && code != "invalid_name" {
			return err
		}
	}
}

// player is one bot: a guest that keeps its secret for as long as the run lasts.
type player struct {
	client *client.Client
	secret string
	conn   *client.Conn
}

func newPlayer(c Config) (*player, error) {
	p, err := client.New(client.Config{URL: c.URL, HTTP: c.HTTP, Log: c.Log})
	if err != nil {
		return nil, err
	}
	return &player{client: p, secret: rand.Text()}, nil
}

// ready signs in and connects where that has not been done or has come to an end.
func (p *player) ready(ctx context.Context) error {
	if p.conn != nil {
		if p.conn.Err() == nil {
			return nil
		}
		p.close()
	}
	if err := signIn(ctx, p.client, p.secret); err != nil {
		return err
	}
	var err error
	p.conn, err = p.client.Connect(ctx)
	return err
}

func (p *player) close() {
	if p.conn != nil {
		_ = p.conn.Close() // nothing to lose
		p.conn = nil
	}
}

// waitForPeople makes a room, waits for somebody, plays, and makes a new one.
func waitForPeople(ctx context.Context, c Config, t *table) {
	p, err := newPlayer(c)
	if err != nil { // the Config has been checked
		panic(err)
	}
	defer p.close()
	for ctx.Err() == nil && t.claim() {
		result, err := p.host(ctx, c)
		switch {
		case ctx.Err() != nil && result.Over == nil:
			t.giveBack()
		case !result.Started: // no game came about
			t.giveBack()
			c.Log.Warn("cannot wait for people; trying again", "bot", p.client.Me().Name, "err", err)
			rest(ctx, err)
		default:
			c.Log.Info("game over", "bot", p.client.Me().Name, "room", result.Room, "result", result, "err", err)
			t.note(result.Finished(), false, result.Over == nil, result.Moves)
			if err != nil {
				rest(ctx, err)
			}
		}
	}
}

// host plays one game in an own room: in one where it sits already, if there is one.
func (p *player) host(ctx context.Context, c Config) (Result, error) {
	if err := p.ready(ctx); err != nil {
		return Result{}, err
	}
	place, err := p.place(ctx)
	if err != nil {
		return Result{}, err
	}
	c.Log.Info("waiting for somebody to play with", "bot", p.client.Me().Name, "room", place.Room.ID)
	result, err := PlayOne(ctx, p.conn, place, c.Think)
	// A seat is kept over a lost session, and found again; only the end of the run gives it up.
	if ctx.Err() != nil {
		leave(ctx, p.client, place)
	}
	return result, err
}

func (p *player) place(ctx context.Context) (client.Place, error) {
	_, places, err := p.client.User(ctx)
	if err != nil {
		return client.Place{}, err
	}
	for _, place := range places {
		if place.Room.Game == game {
			return place, nil
		}
	}
	// Not ctx: a call that is cut short could leave a seat that nobody knows of.
	calling, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
	defer cancel()
	return p.client.CreateRoom(calling, game, nil)
}

// rest waits a moment, longer if the lobby asks for it.
func rest(ctx context.Context, err error) {
	wait := retryTime/2 + mathrand.N(retryTime)
	if e := (*client.Error)(nil); errors.As(err, &e) {
		wait = max(wait, e.RetryAfter)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
