package lobby

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/store"
)

// playground is two lobbies with games whose rooms have all that rooms may have.
func playground(t *testing.T, dsn string, change ...func(*App, *Config)) two {
	t.Helper()
	return newTwo(t, dsn, append([]func(*App, *Config){func(_ *App, c *Config) {
		race := handlers.New("race", func() *struct{} { return &struct{}{} }).WithPolicy(handlers.Policy{
			Capacity: 3, Spectators: 1, OwnerCloses: true, Labels: []handlers.Label{{Name: "track"}, {Name: "laps", Number: true}},
		})
		handlers.Open(race, func(o *handlers.Opener, _ *struct{}, in struct {
			Track string `json:"track"`
			Laps  int64  `json:"laps"`
			Seats int    `json:"seats"`
		}) error {
			o.Label("track", in.Track)
			o.LabelNumber("laps", in.Laps)
			if in.Seats != 0 {
				o.Capacity(in.Seats)
			}
			return nil
		})
		c.LoginRate = -1
		c.Games = []handlers.Definition{race, &toy{name: "pair", version: "1", policy: handlers.Policy{Keep: handlers.Durable{}, Capacity: 2}}}
	}}, change...)...)
}

// make makes a room by a body of POST /rooms.
func (f *fixture) make(in signedIn, body string) placeJSON {
	f.t.Helper()
	var p placeJSON
	f.do("POST", "/v1/rooms", in.Token, body).into(f.t, 201, &p)
	f.broker.take()
	return p
}

// post calls a route of a room.
func (f *fixture) post(in signedIn, room, call, body string, edits ...func(*http.Request)) reply {
	f.t.Helper()
	return f.do("POST", "/v1/rooms/"+room+call, in.Token, body, edits...)
}

func whom(in signedIn) string { return `{"user":"` + in.User.ID + `"}` }

// heard is what rooms were told since the last take, as "kind user reason".
func (f *fixture) heard() string {
	sent, _ := f.broker.take()
	var words []string
	for _, m := range sent {
		words = append(words, strings.TrimSpace(fmt.Sprint(m.Kind, " ", m.User, " ", m.Reason)))
	}
	return strings.Join(words, ", ")
}

func done(t *testing.T, r reply) {
	t.Helper()
	if r.status != 204 {
		t.Errorf("got %s, want 204", r)
	}
}

func TestPrivateRooms(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		w := playground(t, dsn)
		owner, friend, stranger := w.guest(), w.guest(), w.guest()
		made := w.make(owner, `{"game":"race","private":true,"options":{"track":"desert"}}`)
		room := made.Room.ID
		if !made.Room.Private || made.Room.Owner != owner.User.ID || len(made.Code) != codeLength || strings.Trim(made.Code, codeAlphabet) != "" {
			t.Errorf("made %+v", made)
		}
		for _, list := range []string{"", "?game=race", "?game=race&free=true", "?game=race&label[track]=desert"} {
			var page struct {
				Rooms []roomJSON `json:"rooms"`
				Next  string     `json:"next"`
			}
			if w.do("GET", "/v1/rooms"+list, owner.Token, "").into(t, 200, &page); len(page.Rooms) != 0 {
				t.Errorf("GET /v1/rooms%s lists the private room", list)
			}
		}
		// Who is not in it, nor invited, finds no such room, whatever it tries.
		w.do("GET", "/v1/rooms/"+room, stranger.Token, "").refused(t, 404, "room_not_found")
		w.do("GET", "/v1/rooms/"+room+"/bans", stranger.Token, "").refused(t, 404, "room_not_found")
		w.do("DELETE", "/v1/rooms/"+room+"/bans/"+owner.User.ID, stranger.Token, "").refused(t, 404, "room_not_found")
		for _, call := range []string{"/join", "/watch", "/move", "/code", "/close"} {
			w.post(stranger, room, call, "{}").refused(t, 404, "room_not_found")
		}
		for _, call := range []string{"/invite", "/kick", "/bans", "/owner"} {
			w.post(stranger, room, call, whom(owner)).refused(t, 404, "room_not_found")
		}
		w.do("POST", "/v1/rooms/random", stranger.Token, `{"game":"race"}`)
		if seats, err := w.lobby.config.Store.SeatsOf(t.Context(), stranger.User.ID); err != nil || len(seats) != 1 || seats[0].Room == room {
			t.Errorf("random gave %v, %v; want a seat in another room", seats, err)
		}

		join := func(in signedIn, code string) reply {
			return w.other.do("POST", "/v1/rooms/join", in.Token, `{"code":"`+code+`"}`)
		}
		var p placeJSON
		join(friend, strings.ToLower(made.Code[:4])+"- "+made.Code[4:]).into(t, 200, &p)
		if p.Room.ID != room || p.Code != made.Code || p.Seat.User != friend.User.ID {
			t.Errorf("joined %+v", p)
		}
		var me struct {
			User  userJSON  `json:"user"`
			Rooms []satJSON `json:"rooms"`
		}
		w.do("GET", "/v1/user", friend.Token, "").into(t, 200, &me)
		if len(me.Rooms) != 1 || me.Rooms[0].Code != made.Code {
			t.Errorf("GET /user: %+v", me.Rooms)
		}
		w.post(friend, room, "/code", "").refused(t, 403, "not_owner")
		var code struct {
			Code string `json:"code"`
		}
		w.post(owner, room, "/code", "", keyed("renew")).into(t, 200, &code)
		again := code
		w.other.post(owner, room, "/code", "", keyed("renew")).into(t, 200, &again)
		if again != code || code.Code == made.Code {
			t.Errorf("renewed to %q, then %q, from %q", code, again, made.Code)
		}
		join(stranger, made.Code).refused(t, 404, "code_not_found")
		join(stranger, code.Code).into(t, 200, &p)
		public := w.make(owner, `{"game":"pair"}`)
		if public.Code != "" || public.Room.Private {
			t.Errorf("a public room: %+v", public)
		}
		w.post(owner, public.Room.ID, "/code", "").refused(t, 409, "not_private")
	})
}

func TestCodesAreNotGuessed(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		w := playground(t, dsn)
		owner, friend := w.guest(), w.guest()
		made := w.make(owner, `{"game":"race","private":true}`)
		join := func(code string) reply {
			return w.do("POST", "/v1/rooms/join", friend.Token, `{"code":"`+code+`"}`)
		}
		for range 3 * codesAtOnce { // a right one is no guess
			if r := join(made.Code); r.status != 200 {
				t.Fatalf("the code: got %s", r)
			}
		}
		bad := []string{"22222222", "", "ABC", strings.Repeat("A", 100), "ÄÄÄÄ", "OOOO0000"}
		for i := range codesAtOnce {
			join(bad[i%len(bad)]).refused(t, 404, "code_not_found")
		}
		r := join(made.Code)
		if r.refused(t, 429, "rate_limited"); r.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		if r := w.do("POST", "/v1/rooms/join", owner.Token, `{"code":"`+made.Code+`"}`); r.status != 200 {
			t.Errorf("another player: got %s", r)
		}
		g := newCodeGuesses()
		now := time.Now()
		for i := range 10 * codesAtOnce {
			if _, err := g.try(fmt.Sprint("user ", i), "192.0.2.1", now); err != nil {
				t.Fatalf("guess %d: %v", i, err)
			}
		}
		if _, err := g.try("one more", "192.0.2.1", now); err == nil || problemOf(err) == nil || problemOf(err).code != "rate_limited" {
			t.Errorf("one guess more from one address: got %v, want rate_limited", err)
		}
	})
}

func TestInvitations(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		var mu sync.Mutex
		at := time.Now()
		w := playground(t, dsn, func(_ *App, c *Config) {
			c.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return at }
		})
		owner, friend, stranger := w.guest(), w.guest(), w.guest()
		room := w.make(owner, `{"game":"race","private":true}`).Room.ID
		for range 2 {
			done(t, w.post(owner, room, "/invite", whom(friend), keyed("one")))
		}
		var notes struct {
			Notes []struct {
				ID   string         `json:"id"`
				Type string         `json:"type"`
				Body invitationJSON `json:"body"`
				At   time.Time      `json:"at"`
			} `json:"notes"`
			Last string `json:"last"`
		}
		w.do("GET", "/v1/user/notes", friend.Token, "").into(t, 200, &notes)
		if len(notes.Notes) != 1 || notes.Notes[0].Type != "$invite" {
			t.Fatalf("notes: %+v", notes)
		}
		if b := notes.Notes[0].Body; b.Room != room || b.Game != "race" || b.From.ID != owner.User.ID || b.From.Name != owner.User.Name || b.Until.Sub(at) <= 59*time.Minute {
			t.Errorf("invited by %+v", b)
		}
		var p placeJSON
		w.do("GET", "/v1/rooms/"+room, friend.Token, "").into(t, 200, &p)
		if p.Code != "" || p.Seat != nil {
			t.Errorf("who is invited sees %+v", p)
		}
		w.post(friend, room, "/invite", whom(stranger)).refused(t, 409, "not_seated")
		w.other.post(friend, room, "/join", "").into(t, 200, &p)
		done(t, w.post(friend, room, "/invite", whom(stranger)))
		mu.Lock()
		at = at.Add(inviteTime)
		mu.Unlock()
		w.post(stranger, room, "/join", "").refused(t, 404, "room_not_found")
		w.post(owner, room, "/invite", `{"user":"nobody"}`).refused(t, 404, "user_not_found")
		w.post(owner, room, "/invite", `{"user":"a b"}`).refused(t, 404, "user_not_found")
		w.post(owner, room, "/invite", `{"users":[]}`).refused(t, 400, "bad_request")
		done(t, w.post(owner, room, "/bans", whom(stranger)))
		w.post(owner, room, "/invite", whom(stranger)).refused(t, 403, "banned")
		done(t, w.do("PUT", "/v1/user/blocks/"+owner.User.ID, friend.Token, ""))
		w.post(owner, room, "/invite", whom(friend)).refused(t, 403, "unreachable")
		done(t, w.do("DELETE", "/v1/user/blocks/"+owner.User.ID, friend.Token, ""))
		for range invitesAtOnce {
			if r := w.post(owner, room, "/invite", whom(friend)); r.status == 429 {
				return
			}
		}
		w.post(owner, room, "/invite", whom(friend)).refused(t, 429, "rate_limited")
	})
}

func TestOwnersOfRooms(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		w := playground(t, dsn)
		owner, guest, third := w.guest(), w.guest(), w.guest()
		room := w.make(owner, `{"game":"race"}`).Room.ID
		w.post(guest, room, "/join", "")
		w.post(third, room, "/join", "")
		w.heard()
		for _, call := range []string{"/kick", "/bans", "/owner"} {
			w.post(guest, room, call, whom(third)).refused(t, 403, "not_owner")
		}
		w.do("GET", "/v1/rooms/"+room+"/bans", guest.Token, "").refused(t, 403, "not_owner")
		w.post(owner, room, "/kick", whom(owner)).refused(t, 400, "bad_request")
		w.post(owner, room, "/kick", `{"user":"nobody"}`).refused(t, 409, "not_seated")
		w.post(owner, room, "/bans", `{"user":"nobody"}`).refused(t, 404, "user_not_found")
		w.post(owner, room, "/owner", `{"user":"nobody"}`).refused(t, 409, "not_seated")
		done(t, w.post(owner, room, "/kick", whom(guest), keyed("kick")))
		if got, want := w.heard(), "leave "+guest.User.ID+" kicked"; got != want {
			t.Errorf("told %q, want %q", got, want)
		}
		done(t, w.post(owner, room, "/kick", whom(guest), keyed("kick")))
		if got := w.heard(); got != "" {
			t.Errorf("told %q once more", got)
		}
		w.post(guest, room, "/join", "")
		done(t, w.post(owner, room, "/bans", whom(guest)))
		if got, want := w.heard(), "join "+guest.User.ID+", leave "+guest.User.ID+" banned"; got != want {
			t.Errorf("told %q, want %q", got, want)
		}
		// Should a lobby die before it has told the room, another tells it, and why.
		sweeper := newSweeper(w.other.lobby)
		w.other.lobby.config.Now = func() time.Time { return time.Now().Add(time.Minute) }
		sweeper.sweep(t.Context())
		if got := w.other.heard(); !strings.Contains(got, "leave "+guest.User.ID+" banned") {
			t.Errorf("swept %q", got)
		}
		for _, call := range []string{"/join", "/watch"} {
			w.post(guest, room, call, "").refused(t, 403, "banned")
		}
		w.post(guest, room, "/move", `{"from":"`+w.make(guest, `{"game":"pair"}`).Room.ID+`"}`).refused(t, 403, "banned")
		var bans struct {
			Bans []banJSON `json:"bans"`
		}
		w.do("GET", "/v1/rooms/"+room+"/bans", owner.Token, "").into(t, 200, &bans)
		if len(bans.Bans) != 1 || bans.Bans[0].User != guest.User.ID || bans.Bans[0].Name != guest.User.Name {
			t.Errorf("bans: %+v", bans)
		}
		w.do("DELETE", "/v1/rooms/"+room+"/bans/"+guest.User.ID, third.Token, "").refused(t, 403, "not_owner")
		done(t, w.do("DELETE", "/v1/rooms/"+room+"/bans/"+guest.User.ID, owner.Token, ""))
		done(t, w.do("DELETE", "/v1/rooms/"+room+"/bans/a%20b", owner.Token, ""))
		w.post(guest, room, "/join", "")
		done(t, w.post(owner, room, "/owner", whom(guest)))
		w.post(owner, room, "/kick", whom(third)).refused(t, 403, "not_owner")
		done(t, w.post(guest, room, "/leave", ""))
		w.heard()
		done(t, w.post(owner, room, "/kick", whom(third))) // it owns it again
		var p placeJSON
		w.do("GET", "/v1/rooms/"+room, third.Token, "").into(t, 200, &p)
		if p.Room.Owner != owner.User.ID || p.Room.Players != 1 {
			t.Errorf("the room is %+v", p.Room)
		}

		var random placeJSON
		w.do("POST", "/v1/rooms/random", owner.Token, `{"game":"pair"}`) // in the room of guest
		w.do("POST", "/v1/rooms/random", third.Token, `{"game":"pair"}`).into(t, 201, &random)
		if random.Room.Owner != "" {
			t.Errorf("a room for strangers is owned by %s", random.Room.Owner)
		}
		w.post(owner, random.Room.ID, "/kick", whom(third)).refused(t, 403, "not_owner")
	})
}

func TestOwnersCloseRooms(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		w := playground(t, dsn)
		owner, guest := w.guest(), w.guest()
		room := w.make(owner, `{"game":"race"}`).Room.ID
		w.post(guest, room, "/join", "")
		w.heard()
		w.post(guest, room, "/close", "").refused(t, 403, "not_owner")
		w.broker.setDown(true)
		ended, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		w.post(owner, room, "/close", "", keyed("close"), func(r *http.Request) { *r = *r.WithContext(ended) }).refused(t, 503, "unavailable")
		cancel()
		w.broker.setDown(false)
		for range 2 {
			done(t, w.post(owner, room, "/close", "", keyed("close")))
			if got, want := w.heard(), "end  closed_by_owner"; got != want {
				t.Errorf("told %q, want %q", got, want)
			}
		}
		r, err := w.lobby.config.Store.TakeUp(t.Context(), room)
		if err == nil {
			_, err = database(t, dsn).Commit(t.Context(), &store.Commit{Room: room, Term: r.Term, Epoch: r.Epoch, State: store.Closed})
		}
		if err != nil {
			t.Fatal(err)
		}
		done(t, w.post(owner, room, "/close", "", keyed("close")))
		if got := w.heard(); got != "" {
			t.Errorf("told %q when it is closed", got)
		}
		w.post(owner, room, "/close", "").refused(t, 403, "not_owner") // nobody's any more
		w.post(owner, w.make(owner, `{"game":"pair"}`).Room.ID, "/close", "").refused(t, 403, "may_not_close")
	})
}

func TestSpectators(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		w := playground(t, dsn)
		owner, watcher, third := w.guest(), w.guest(), w.guest()
		room := w.make(owner, `{"game":"race"}`).Room.ID
		var p placeJSON
		w.post(watcher, room, "/watch", "").into(t, 200, &p)
		if !p.Seat.Spectator || p.Room.Players != 1 || p.Room.Spectators != 1 || p.Room.MaxSpectators != 1 {
			t.Errorf("got %+v", p)
		}
		if got, want := w.heard(), "join "+watcher.User.ID+" "+broker.ReasonSpectator; got != want {
			t.Errorf("told %q, want %q", got, want)
		}
		w.post(third, room, "/watch", "").refused(t, 409, "room_full")
		w.post(owner, room, "/watch", "").refused(t, 409, "plays_there")
		w.post(watcher, room, "/invite", whom(third)).refused(t, 409, "not_seated")
		w.post(owner, room, "/owner", whom(watcher)).refused(t, 409, "not_seated")
		w.post(third, w.make(owner, `{"game":"pair"}`).Room.ID, "/watch", "").refused(t, 409, "room_full")
		seated := func() bool {
			c := &Context{ctx: t.Context(), session: store.Session{User: watcher.User.ID}, seats: w.lobby.config.Store}
			is, err := c.Seated(room)
			return is && err == nil
		}
		if seated() {
			t.Error("a spectator counts as seated")
		}
		p = placeJSON{}
		w.other.post(watcher, room, "/join", "").into(t, 200, &p)
		if p.Seat.Spectator || p.Room.Players != 2 || p.Room.Spectators != 0 || !seated() {
			t.Errorf("got %+v", p)
		}
		if got, want := w.other.heard(), "join "+watcher.User.ID; got != want {
			t.Errorf("told %q, want %q", got, want)
		}
		private := w.make(owner, `{"game":"race","private":true}`).Room.ID
		done(t, w.post(owner, private, "/invite", whom(third)))
		p = placeJSON{}
		w.post(third, private, "/watch", "").into(t, 200, &p)
		if p.Code != "" {
			t.Error("a spectator is shown the code")
		}
	})
}

func TestMoving(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		w := playground(t, dsn)
		a, b := w.guest(), w.guest()
		from, to := w.make(a, `{"game":"race"}`).Room.ID, w.make(b, `{"game":"race","options":{"seats":2}}`).Room.ID
		var p placeJSON
		for range 2 {
			w.post(a, to, "/move", "{}", keyed("move")).into(t, 200, &p)
			if p.Room.ID != to || p.Seat.User != a.User.ID || p.Room.Players != 2 {
				t.Errorf("got %+v", p)
			}
		}
		if got, want := w.heard(), "leave "+a.User.ID+" left, join "+a.User.ID; got != want {
			t.Errorf("told %q, want %q", got, want)
		}
		w.post(a, to, "/move", "{}").into(t, 200, &p) // it is there
		if got, want := w.heard(), "join "+a.User.ID; got != want {
			t.Errorf("told %q, want %q", got, want)
		}
		w.do("GET", "/v1/rooms/"+from, a.Token, "").into(t, 200, &p)
		if p.Room.Players != 0 {
			t.Errorf("the room left has %d players", p.Room.Players)
		}
		c := w.guest()
		w.post(c, to, "/move", "").refused(t, 409, "not_seated")
		one := w.make(c, `{"game":"pair"}`).Room.ID
		w.post(c, to, "/move", "").refused(t, 409, "room_full")
		w.post(c, "none", "/move", "").refused(t, 404, "room_not_found")
		w.post(c, from, "/move", `{"from":"a b"}`).refused(t, 409, "not_seated")
		w.make(c, `{"game":"pair"}`)
		w.post(c, from, "/move", "").refused(t, 400, "bad_request")
		w.post(c, from, "/move", `{"from":"`+one+`"}`).into(t, 200, &p)
	})
}

// Whatever becomes of the calls, a player who moves sits in one room. A call that is cut off is sent again under its key.
func TestMovesThatAreCutOff(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		w := playground(t, dsn)
		var rooms []string
		var movers []signedIn
		for range 3 {
			rooms = append(rooms, w.make(w.guest(), `{"game":"race","options":{"seats":8}}`).Room.ID)
		}
		for i := range 6 {
			in := w.guest()
			movers = append(movers, in)
			if r := w.post(in, rooms[i%3], "/join", ""); r.status != 200 {
				t.Fatalf("join: %s", r)
			}
		}
		var all sync.WaitGroup
		for i, in := range movers {
			all.Go(func() {
				r := rand.New(rand.NewPCG(uint64(i), 2))
				for n := range 10 {
					to := rooms[r.IntN(3)]
					for try := range 20 {
						ctx, cancel := context.WithCancel(t.Context())
						if try < 2 {
							time.AfterFunc(time.Duration(r.IntN(3000))*time.Microsecond, cancel)
						}
						f := []*fixture{w.fixture, w.other}[try%2]
						answer := f.post(in, to, "/move", "{}", keyed(fmt.Sprint("move ", n)), func(r *http.Request) { *r = *r.WithContext(ctx) })
						cancel()
						if answer.status != 503 {
							if answer.status != 200 {
								t.Errorf("got %s", answer)
							}
							break
						}
					}
					seats, err := w.other.lobby.config.Store.SeatsOf(t.Context(), in.User.ID)
					if err != nil || len(seats) != 1 || seats[0].Room != to {
						t.Errorf("has seats %v, %v; want one in %s", seats, err, to)
					}
				}
			})
		}
		all.Wait()
	})
}

func TestAThousandJoinThroughTwoLobbies(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		w := playground(t, dsn)
		const many, seats = 1000, 40
		room := w.make(w.guest(), fmt.Sprintf(`{"game":"race","options":{"seats":%d}}`, seats)).Room.ID
		players := make([]signedIn, many)
		for i := range players {
			players[i] = w.guest()
		}
		var in, full atomic.Int64
		start := make(chan struct{})
		var all sync.WaitGroup
		for i, p := range players {
			all.Go(func() {
				<-start
				f := []*fixture{w.fixture, w.other}[i%2]
				switch r := f.post(p, room, "/join", ""); {
				case r.status == 200:
					in.Add(1)
				case r.status == 409 && r.code(t) == "room_full":
					full.Add(1)
				default:
					t.Errorf("got %s", r)
				}
			})
		}
		close(start)
		all.Wait()
		var p placeJSON
		w.do("GET", "/v1/rooms/"+room, players[0].Token, "").into(t, 200, &p)
		if in.Load() != seats-1 || full.Load() != many-seats+1 || p.Room.Players != seats {
			t.Errorf("%d came in and %d were refused, and the room has %d players; want %d, %d, %d", in.Load(), full.Load(), p.Room.Players, seats-1, many-seats+1, seats)
		}
	})
}

func TestRoomsAreFoundByLabels(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		w := playground(t, dsn)
		owner := w.guest()
		names := map[string]string{}
		for _, r := range []struct{ name, body string }{
			{"a", `{"game":"race","options":{"track":"desert","laps":3}}`},
			{"b", `{"game":"race","options":{"track":"desert","laps":9,"seats":1}}`},
			{"c", `{"game":"race","options":{"track":"a & b","laps":-3}}`},
			{"d", `{"game":"pair"}`},
		} {
			p := w.make(owner, r.body)
			names[p.Room.ID] = r.name
			if text, _ := json.Marshal(p.Room.Labels); r.name == "a" && string(text) != `{"laps":3,"track":"desert"}` {
				t.Errorf("labels: %s", text)
			}
		}
		for query, want := range map[string]string{
			"?game=race":                      "cba",
			"?game=race&free=true":            "ca",
			"?free=true&version=1":            "dca",
			"?version=2":                      "",
			"?game=race&label[track]=desert":  "ba",
			"?game=race&label[track]=a+%26+b": "c",
			"?game=race&label[laps]=3":        "a",
			"?game=race&label[laps]=3..9":     "ba",
			"?game=race&label[laps]=..3":      "ca",
			"?game=race&label[laps]=4..":      "b",
			"?game=race&label[laps]=9..3":     "",
			"?game=race&label[laps]=3&label[track]=desert&free=true&state=open": "a",
		} {
			var page struct {
				Rooms []roomJSON `json:"rooms"`
				Next  string     `json:"next"`
			}
			w.do("GET", "/v1/rooms"+query, owner.Token, "").into(t, 200, &page)
			got := ""
			for _, r := range page.Rooms {
				got += names[r.ID]
			}
			if got != want {
				t.Errorf("%s: got %q, want %q", query, got, want)
			}
		}
		for _, query := range []string{
			"?label[track]=desert", "?game=race&label[speed]=1", "?game=race&label[laps]=many", "?game=race&label[laps]=..", "?game=race&label[laps]=",
			"?game=race&label[laps]=1..2..3", "?game=race&label[laps]=99999999999999999999", "?game=race&label[track]=", "?game=race&label[track]=%00",
			"?game=race&label[track]=%ff", "?game=race&label[track]=a&label[track]=b", "?game=race&label[track", "?free=maybe", "?version=a%20b",
			"?game=race&label[track]=" + strings.Repeat("x", 65), "?limit=101",
		} {
			w.do("GET", "/v1/rooms"+query, owner.Token, "").refused(t, 400, "bad_request")
		}
		w.do("POST", "/v1/rooms", owner.Token, `{"game":"race","options":{"lapse":1}}`).refused(t, 400, "bad_options")
		if r := w.do("POST", "/v1/rooms", owner.Token, `{"game":"race","options":{"laps":"x"}}`); !strings.Contains(string(r.body), `option \"laps\"`) {
			t.Errorf("got %s, want the option named", r)
		}
	})
}
