package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// User is an account.
type User struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Guest     bool      `json:"guest"`
	Level     int64     `json:"level"`
	Exp       int64     `json:"exp"`
	Win       int64     `json:"win"`
	Lose      int64     `json:"lose"`
	Draw      int64     `json:"draw"`
	Gold      int64     `json:"gold"`
	CreatedAt time.Time `json:"created_at"`
}

// Game is a game that the deployment runs.
type Game struct {
	Name     string          `json:"name"`
	Version  string          `json:"version"` // of new rooms
	Versions []string        `json:"versions"`
	Capacity int             `json:"capacity"`
	Policy   json.RawMessage `json:"policy"`
}

// RoomInfo is a room as the lobby shows it.
type RoomInfo struct {
	ID        string    `json:"id"`
	Game      string    `json:"game"`
	Version   string    `json:"version"`
	State     string    `json:"state"` // open, playing or closed
	Players   int       `json:"players"`
	Capacity  int       `json:"capacity"`
	CreatedAt time.Time `json:"created_at"`

	Spectators    int            `json:"spectators"`
	MaxSpectators int            `json:"max_spectators"`
	Private       bool           `json:"private"`
	Owner         string         `json:"owner"`  // user; "": nobody owns it
	Labels        map[string]any `json:"labels"` // by which it is found
}

// Seat is a player's place in a room.
type Seat struct {
	User  string `json:"user"`
	Name  string `json:"name"`
	State string `json:"state"` // joining or seated

	Spectator bool `json:"spectator"` // it only watches
}

// Stomp is where a room is spoken to and heard.
type Stomp struct {
	URL   string `json:"url"`
	Topic string `json:"topic"`
	Queue string `json:"queue"`
}

// Place is a room, the player's seat in it, and where to speak with it. [Conn.Join] takes it as it comes.
type Place struct {
	Room  RoomInfo `json:"room"`
	Seat  Seat     `json:"seat"`
	Stomp Stomp    `json:"stomp"`
	Code  string   `json:"code"` // of a private room; others come in by it
}

// SignInGuest signs in without any platform. name is for a new guest ("" gets one made up). A guest that gives a secret
// of its own making (16 to 200 printable characters without spaces) is the same player each time; one that gives "" can't
// come back.
func (c *Client) SignInGuest(ctx context.Context, name, secret string) (User, error) {
	return c.signIn(ctx, "/login", map[string]string{"platform": "guest", "name": name, "token": secret})
}

// SignIn signs a registered player in with what the platform gave it.
func (c *Client) SignIn(ctx context.Context, platform, token string) (User, error) {
	return c.signIn(ctx, "/login", map[string]string{"platform": platform, "token": token})
}

func (c *Client) signIn(ctx context.Context, path string, body map[string]string) (User, error) {
	for name, value := range body {
		if value == "" {
			delete(body, name)
		}
	}
	var answer struct {
		User  User   `json:"user"`
		Token string `json:"token"`
		Stomp Stomp  `json:"stomp"`
	}
	if err := c.call(ctx, http.MethodPost, path, body, &answer); err != nil {
		return User{}, fmt.Errorf("sign in: %w", err)
	}
	c.mu.Lock()
	c.token, c.user = answer.Token, answer.User
	if answer.Stomp.URL != "" {
		c.gateway = answer.Stomp.URL
	}
	c.mu.Unlock()
	return answer.User, nil
}

// SignOut ends the session everywhere.
func (c *Client) SignOut(ctx context.Context) error {
	if err := c.call(ctx, http.MethodPost, "/logout", struct{}{}, nil); err != nil {
		return fmt.Errorf("sign out: %w", err)
	}
	c.mu.Lock()
	c.token = ""
	c.mu.Unlock()
	return nil
}

// User asks for the player's account, and its seats in rooms that are not closed.
func (c *Client) User(ctx context.Context) (User, []Place, error) {
	var answer struct {
		User  User `json:"user"`
		Rooms []struct {
			RoomInfo
			Seat  Seat   `json:"seat"`
			Stomp Stomp  `json:"stomp"`
			Code  string `json:"code"`
		} `json:"rooms"`
	}
	if err := c.call(ctx, http.MethodGet, "/user", nil, &answer); err != nil {
		return User{}, nil, fmt.Errorf("look at the account: %w", err)
	}
	places := make([]Place, len(answer.Rooms))
	for i, r := range answer.Rooms {
		places[i] = Place{r.RoomInfo, r.Seat, r.Stomp, r.Code}
		c.remember(&places[i])
	}
	return answer.User, places, nil
}

// Games lists the games that the deployment runs.
func (c *Client) Games(ctx context.Context) ([]Game, error) {
	var answer struct {
		Games []Game `json:"games"`
	}
	if err := c.call(ctx, http.MethodGet, "/games", nil, &answer); err != nil {
		return nil, fmt.Errorf("list games: %w", err)
	}
	return answer.Games, nil
}

// RoomFilter chooses rooms; an empty field chooses all. Cursor is the next of the page before.
type RoomFilter struct {
	Game, State, Cursor string
	Version             string
	Free                bool              // with a free seat
	Labels              map[string]string // by name; numbers also by ranges: "3..7", "3..", "..7". With Game only
}

// Rooms lists a page of rooms, newest first; next is "" after the last page. A page may be short, or empty, and not be the last.
func (c *Client) Rooms(ctx context.Context, f RoomFilter) (rooms []RoomInfo, next string, err error) {
	query := url.Values{}
	for name, value := range map[string]string{"game": f.Game, "state": f.State, "cursor": f.Cursor, "version": f.Version} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if f.Free {
		query.Set("free", "true")
	}
	for name, value := range f.Labels {
		query.Set("label["+name+"]", value)
	}
	var answer struct {
		Rooms []RoomInfo `json:"rooms"`
		Next  string     `json:"next"`
	}
	if err := c.call(ctx, http.MethodGet, "/rooms?"+query.Encode(), nil, &answer); err != nil {
		return nil, "", fmt.Errorf("list rooms: %w", err)
	}
	return answer.Rooms, answer.Next, nil
}

// CreateRoom makes a room of a game and takes a seat in it. options are the game's own and become JSON; nil: none.
func (c *Client) CreateRoom(ctx context.Context, game string, options any) (Place, error) {
	return c.seat(ctx, "make a room", "/rooms", struct {
		Game    string `json:"game"`
		Options any    `json:"options,omitempty"`
	}{game, options})
}

// JoinRoom takes a seat in a room; a seat that the player has already is given again. Codes: room_full, room_closed,
// room_not_found.
func (c *Client) JoinRoom(ctx context.Context, room string) (Place, error) {
	return c.seat(ctx, "join a room", "/rooms/"+url.PathEscape(room)+"/join", struct{}{})
}

// RandomRoom takes a seat in some open room of a game, or makes one.
func (c *Client) RandomRoom(ctx context.Context, game string) (Place, error) {
	return c.seat(ctx, "join any room", "/rooms/random", map[string]string{"game": game})
}

func (c *Client) seat(ctx context.Context, what, path string, body any) (Place, error) {
	var p Place
	if err := c.call(ctx, http.MethodPost, path, body, &p); err != nil {
		return Place{}, fmt.Errorf("%s: %w", what, err)
	}
	c.remember(&p)
	return p, nil
}

// LeaveRoom gives up the seat, or stops watching; having none is no error.
func (c *Client) LeaveRoom(ctx context.Context, room string) error {
	if err := c.call(ctx, http.MethodPost, "/rooms/"+url.PathEscape(room)+"/leave", struct{}{}, nil); err != nil {
		return fmt.Errorf("leave a room: %w", err)
	}
	return nil
}

const maxAnswer = 4 << 20

// call makes one call to the lobby. A refusal is an *Error.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode: %w", err)
		}
		body = bytes.NewReader(b)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+"/v1"+path, body)
	if err != nil {
		return err
	}
	if in != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if token := c.Token(); token != "" && path != "/login" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := c.config.HTTP.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return fmt.Errorf("read the answer: %w", err)
	case len(answer) > maxAnswer:
		return errors.New("the answer is too large")
	case response.StatusCode >= 300:
		return problem(response, answer)
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("decode the answer: %w", err)
	}
	return nil
}

// problem reads an RFC 9457 body; an answer without one (a proxy's) has the code "unknown".
func problem(response *http.Response, body []byte) *Error {
	var p struct {
		Code   string `json:"code"`
		Title  string `json:"title"`
		Detail string `json:"detail"`
	}
	_ = json.Unmarshal(body, &p) // what is missing is filled in below
	e := &Error{Status: response.StatusCode, Code: p.Code, Detail: p.Detail}
	if e.Code == "" {
		e.Code = "unknown"
	}
	if e.Detail == "" {
		e.Detail = p.Title
	}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	return e
}
