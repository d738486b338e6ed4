package lobby

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/broker/memory"
	"github.com/madang-games/madang/store"
)

func TestCreateOpensTheQueueAndTellsTheRoom(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(_ *App, c *Config) { c.PublicURL = "https://play.example.org/yard/" })
	in := f.guest()
	var p placeJSON
	f.do("POST", "/v1/rooms", in.Token, `{"game":"talk","options":null}`).into(t, 201, &p)
	want := placeJSON{
		Room: roomJSON{ID: p.Room.ID, Game: "talk", Version: "1.10", State: store.Open, Players: 1, Capacity: 3, CreatedAt: p.Room.CreatedAt, Owner: in.User.ID},
		Seat: &seatJSON{User: in.User.ID, Name: in.User.Name, State: store.Joining},
		Stomp: stompJSON{
			"wss://play.example.org/yard/stomp", "/topic/room." + p.Room.ID, "/queue/room." + p.Room.ID,
		},
	}
	if *p.Seat != *want.Seat || !reflect.DeepEqual(p.Room, want.Room) || p.Stomp != want.Stomp || !goodID.MatchString(p.Room.ID) {
		t.Errorf("got  %+v\nwant %+v", p, want)
	}
	if got := f.broker.specs()[p.Room.ID]; got.Durability != broker.Passing {
		t.Errorf("the queue of an ephemeral room is %+v", got)
	}
	sent, notices := f.broker.take()
	if len(sent) != 1 || sent[0].Kind != broker.Join || sent[0].User != in.User.ID || sent[0].Name != in.User.Name || sent[0].Time.IsZero() {
		t.Errorf("the room was told %+v", sent)
	}
	var opened broker.RoomOpened
	if len(notices) != 1 || notices[0].Kind != broker.NoticeRoom || json.Unmarshal(notices[0].Body, &opened) != nil ||
		opened != (broker.RoomOpened{Room: p.Room.ID, Game: "talk", Version: "1.10"}) {
		t.Errorf("got notices %+v", notices)
	}

	for game, kept := range map[string]int{"pair": 77, "race": 0} {
		p := f.room(in.Token, game)
		if got := f.broker.specs()[p.Room.ID]; got.Durability != broker.Kept || got.Bound != kept {
			t.Errorf("%s: the queue is %+v", game, got)
		}
	}
}

func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	in := f.guest()
	for name, c := range map[string]struct {
		body   string
		status int
		code   string
	}{
		"no game":              {`{}`, 404, "unknown_game"},
		"unknown game":         {`{"game":"chess"}`, 404, "unknown_game"},
		"options refused":      {`{"game":"race","options":{"track":9}}`, 400, "bad_options"},
		"a code of the game's": {`{"game":"race","options":"own"}`, 400, "no_such_track"},
		"a code of no form":    {`{"game":"race","options":"odd"}`, 400, "bad_options"},
		"game fails":           {`{"game":"race","options":"fail"}`, 500, "internal"},
		"game panics":          {`{"game":"race","options":"panic"}`, 500, "internal"},
	} {
		t.Run(name, func(t *testing.T) { f.do("POST", "/v1/rooms", in.Token, c.body).refused(t, c.status, c.code) })
	}
	if len(f.store.rooms) != 0 || len(f.broker.specs()) != 0 {
		t.Errorf("%d rooms and %d queues were made", len(f.store.rooms), len(f.broker.specs()))
	}
}

func TestJoinTakesASeatOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a, b, c := f.guest(), f.guest(), f.guest()
	room := f.room(a.Token, "pair").Room.ID
	join := "/v1/rooms/" + room + "/join"
	for range 2 { // the room has not answered yet: it is told again
		var p placeJSON
		f.do("POST", join, b.Token, `{}`).into(t, 200, &p)
		if p.Room.Players != 2 || *p.Seat != (seatJSON{User: b.User.ID, Name: b.User.Name, State: store.Joining}) {
			t.Errorf("got %+v", p)
		}
		if sent, notices := f.broker.take(); len(sent) != 1 || sent[0].Kind != broker.Join || sent[0].User != b.User.ID || len(notices) != 1 {
			t.Errorf("got messages %+v and notices %+v", sent, notices)
		}
	}
	f.store.seat(room, b.User.ID, store.Seated)
	var p placeJSON
	f.do("POST", join, b.Token, "").into(t, 200, &p)
	if sent, _ := f.broker.take(); p.Seat.State != store.Seated || len(sent) != 0 {
		t.Errorf("who sits there gets %+v, and the room is told %+v", p, sent)
	}
	f.do("POST", join, c.Token, "").refused(t, 409, "room_full")
	f.store.set(room, store.Closed)
	f.do("POST", join, c.Token, "").refused(t, 409, "room_closed")
	for _, id := range []string{"none", "a%00b", "%2e%2e", "a%2Fb", "ü"} {
		f.do("POST", "/v1/rooms/"+id+"/join", c.Token, "").refused(t, 404, "room_not_found")
	}
}

func TestLeaveGivesTheSeatUpAndMayBeRepeated(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a, b := f.guest(), f.guest()
	room := f.room(a.Token, "pair").Room.ID
	leave := "/v1/rooms/" + room + "/leave"
	if r := f.do("POST", leave, a.Token, ""); r.status != 204 {
		t.Errorf("got %d %s", r.status, r.body)
	}
	sent, notices := f.broker.take()
	if len(sent) != 1 || sent[0].Kind != broker.Leave || sent[0].User != a.User.ID || sent[0].Reason != "left" || len(notices) != 1 {
		t.Errorf("got messages %+v and notices %+v", sent, notices)
	}
	f.store.seat(room, a.User.ID, "")
	for _, token := range []string{a.Token, b.Token} {
		if r := f.do("POST", leave, token, ""); r.status != 204 {
			t.Errorf("got %d %s", r.status, r.body)
		}
	}
	if sent, _ := f.broker.take(); len(sent) != 0 {
		t.Errorf("the room was told %+v of who does not sit there", sent)
	}
	f.do("POST", "/v1/rooms/none/leave", a.Token, "").refused(t, 404, "room_not_found")
}

func TestRandomFillsARoomBeforeItMakesOne(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var rooms []string
	for i := range 4 {
		var p placeJSON
		f.do("POST", "/v1/rooms/random", f.guest().Token, `{"game":"pair"}`).into(t, []int{201, 200}[i%2], &p)
		rooms = append(rooms, p.Room.ID)
		if sent, _ := f.broker.take(); len(sent) != 1 || sent[0].Room != p.Room.ID {
			t.Errorf("told %+v", sent)
		}
	}
	if rooms[0] != rooms[1] || rooms[2] != rooms[3] || rooms[0] == rooms[2] {
		t.Errorf("got rooms %q", rooms)
	}
	f.do("POST", "/v1/rooms/random", f.guest().Token, `{"game":"chess"}`).refused(t, 404, "unknown_game")
}

func TestPlayersOfOneMomentFindEachOther(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var tokens []string
	for range 40 {
		tokens = append(tokens, f.guest().Token)
	}
	var wg sync.WaitGroup
	for _, token := range tokens {
		wg.Go(func() {
			if r := f.do("POST", "/v1/rooms/random", token, `{"game":"pair"}`); r.status != 200 && r.status != 201 {
				t.Errorf("got %d %s", r.status, r.body)
			}
		})
	}
	wg.Wait()
	if got := len(f.store.rooms); got != 20 {
		t.Errorf("40 players got %d rooms of 2, want 20", got)
	}
}

func TestRoomsArePagedAndFiltered(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	in := f.guest()
	for i := range 25 {
		p := f.room(in.Token, []string{"pair", "talk"}[i%2])
		if i == 0 {
			f.store.set(p.Room.ID, store.Playing)
		}
	}
	type page struct {
		Rooms []roomJSON `json:"rooms"`
		Next  string     `json:"next"`
	}
	list := func(query string) (p page) {
		t.Helper()
		f.do("GET", "/v1/rooms?"+query, in.Token, "").into(t, 200, &p)
		return p
	}
	first := list("")
	rest := list("cursor=" + first.Next)
	if len(first.Rooms) != 20 || len(rest.Rooms) != 5 || first.Next == "" || rest.Next != "" {
		t.Errorf("got pages of %d and %d, cursors %q and %q", len(first.Rooms), len(rest.Rooms), first.Next, rest.Next)
	}
	for query, want := range map[string]int{"limit=100": 25, "limit=7": 7, "game=talk": 12, "state=playing": 1, "state=closed": 0, "game=pair&state=open": 12} {
		if p := list(query); len(p.Rooms) != want || p.Rooms == nil {
			t.Errorf("%s: got %d rooms, want %d", query, len(p.Rooms), want)
		}
	}
	for query, want := range map[string][2]any{
		"limit=0": {400, "bad_request"}, "limit=101": {400, "bad_request"}, "limit=x": {400, "bad_request"}, "state=gone": {400, "bad_request"},
		"cursor=nonsense": {400, "bad_cursor"}, "cursor=%00": {400, "bad_cursor"}, "game=chess": {404, "unknown_game"}, "game=%00": {404, "unknown_game"},
	} {
		f.do("GET", "/v1/rooms?"+query, in.Token, "").refused(t, want[0].(int), want[1].(string))
	}
}

func TestRoomShowsTheSeatOfWhoAsks(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a, b := f.guest(), f.guest()
	p := f.room(a.Token, "pair")
	var mine, others placeJSON
	f.do("GET", "/v1/rooms/"+p.Room.ID, a.Token, "").into(t, 200, &mine)
	f.do("GET", "/v1/rooms/"+p.Room.ID, b.Token, "").into(t, 200, &others)
	if mine.Seat == nil || mine.Seat.User != a.User.ID || others.Seat != nil || others.Stomp != p.Stomp {
		t.Errorf("got %+v and %+v", mine, others)
	}
	f.do("GET", "/v1/rooms/none", a.Token, "").refused(t, 404, "room_not_found")

	var me struct {
		User  userJSON  `json:"user"`
		Rooms []satJSON `json:"rooms"`
	}
	f.do("GET", "/v1/user", a.Token, "").into(t, 200, &me)
	if len(me.Rooms) != 1 || me.Rooms[0].ID != p.Room.ID || me.Rooms[0].Seat.User != a.User.ID || me.Rooms[0].Stomp != p.Stomp {
		t.Errorf("the player finds its rooms as %+v", me.Rooms)
	}
}

func TestQueueThatIsMissingIsOpenedAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a, b := f.guest(), f.guest()
	room := f.room(a.Token, "pair").Room.ID
	_ = f.broker.Delete(t.Context(), room) // the broker was restarted
	f.do("POST", "/v1/rooms/"+room+"/join", b.Token, "").into(t, 200, &placeJSON{})
	if sent, _ := f.broker.take(); len(sent) != 1 || f.broker.specs()[room].Bound != 77 {
		t.Errorf("told %+v, queue %+v", sent, f.broker.specs()[room])
	}
}

func TestQueueOfARoomThatClosesMeanwhileIsNotLeftBehind(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a, b := f.guest(), f.guest()
	room := f.room(a.Token, "pair").Room.ID
	_ = f.broker.Delete(t.Context(), room)
	f.broker.onOpen = func() { f.store.set(room, store.Closed) }
	f.do("POST", "/v1/rooms/"+room+"/join", b.Token, "")
	if got := f.broker.specs(); len(got) != 0 {
		t.Errorf("queues are left: %+v", got)
	}
}

func TestRoomOfAVersionThatTheLobbyDoesNotKnow(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a, b := f.guest(), f.guest()
	room := f.room(a.Token, "pair").Room.ID
	f.store.mu.Lock()
	r := f.store.rooms[room]
	r.Version = "0.9"
	f.store.rooms[room] = r
	f.store.mu.Unlock()
	f.do("POST", "/v1/rooms/"+room+"/join", b.Token, "").into(t, 200, &placeJSON{})
	if sent, _ := f.broker.take(); len(sent) != 1 {
		t.Errorf("a room with a queue is told %+v", sent)
	}
	_ = f.broker.Delete(t.Context(), room)
	f.do("POST", "/v1/rooms/"+room+"/join", b.Token, "").into(t, 200, &placeJSON{})
	sent, notices := f.broker.take()
	if len(sent) != 0 || len(notices) != 1 || notices[0].Kind != broker.NoticeRoom || len(f.broker.specs()) != 0 {
		t.Errorf("without a queue: told %+v, notices %+v, queues %+v; want the notice alone, for its worker", sent, notices, f.broker.specs())
	}
}

func TestSeatStandsWhenTheBrokerIsDownAndTheRoomIsToldLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		a := f.guest()
		go func() { _ = f.lobby.Run(t.Context()) }()

		f.broker.setDown(true)
		began := time.Now()
		var p placeJSON
		f.do("POST", "/v1/rooms", a.Token, `{"game":"pair"}`).into(t, 201, &p)
		if took := time.Since(began); took != tellTimeout || p.Seat.State != store.Joining {
			t.Errorf("got %+v after %v", p, took)
		}
		time.Sleep(20 * time.Second)
		f.broker.setDown(false)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		sent, notices := f.broker.take()
		if len(sent) == 0 || sent[0].Kind != broker.Join || sent[0].User != a.User.ID || sent[0].Name != a.User.Name || len(notices) == 0 {
			t.Fatalf("the room was told %+v, notices %+v", sent, notices)
		}
		f.store.seat(p.Room.ID, a.User.ID, store.Seated)
		time.Sleep(10 * time.Minute)
		if sent, _ := f.broker.take(); len(sent) != 0 {
			t.Errorf("a seated player is told of again: %+v", sent)
		}

		f.broker.setDown(true)
		if r := f.do("POST", "/v1/rooms/"+p.Room.ID+"/leave", a.Token, ""); r.status != 204 {
			t.Errorf("got %d %s", r.status, r.body)
		}
		f.broker.setDown(false)
		time.Sleep(30 * time.Second)
		if sent, _ := f.broker.take(); len(sent) == 0 || sent[0].Kind != broker.Leave || sent[0].Reason != "left" {
			t.Errorf("the room was told %+v", sent)
		}
	})
}

func TestRoomWithoutAWorkerIsToldLessAndLessOften(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.room(f.guest().Token, "pair")
		go func() { _ = f.lobby.Run(t.Context()) }()
		time.Sleep(time.Hour)
		sent, _ := f.broker.take()
		if len(sent) < 10 || len(sent) > 25 {
			t.Errorf("in an hour the room was told %d times", len(sent))
		}
	})
}

func TestRunGoesOnWhenTheStoreIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.room(f.guest().Token, "pair")
		go func() { _ = f.lobby.Run(t.Context()) }()
		f.store.fail(store.ErrUnavailable)
		time.Sleep(time.Minute)
		f.store.fail(nil)
		time.Sleep(time.Minute)
		if sent, _ := f.broker.take(); len(sent) == 0 {
			t.Error("the room was not told again")
		}
	})
}

func TestRoomOfTheEmbeddedBrokerHearsOfItsPlayers(t *testing.T) {
	t.Parallel()
	b := memory.New(memory.Config{})
	defer b.Close()
	f := newFixture(t, func(_ *App, c *Config) { c.Broker = b })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	notices := make(chan broker.Notice, 10)
	if err := b.Watch(ctx, func(n broker.Notice) { notices <- n }); err != nil {
		t.Fatal(err)
	}
	first, second := f.guest(), f.guest()
	room := f.room(first.Token, "pair").Room.ID
	f.do("POST", "/v1/rooms/"+room+"/join", second.Token, "").into(t, 200, &placeJSON{})
	f.do("POST", "/v1/rooms/"+room+"/leave", first.Token, "")
	for range 3 {
		if n := <-notices; n.Kind != broker.NoticeRoom || n.From != "l1" {
			t.Errorf("got notice %+v", n)
		}
	}
	pipe, err := b.Consume(ctx, broker.Consumption{Room: room, Wake: func() {}})
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	got, err := pipe.Take(nil)
	if err != nil {
		t.Fatal(err)
	}
	var heard []string
	for _, d := range got {
		heard = append(heard, fmt.Sprint(d.Kind, " ", d.User, " ", d.Name, d.Reason))
	}
	want := []string{
		"join " + first.User.ID + " " + first.User.Name, "join " + second.User.ID + " " + second.User.Name, "leave " + first.User.ID + " left",
	}
	if !slices.Equal(heard, want) {
		t.Errorf("got %q, want %q", heard, want)
	}
}

func TestTwoLobbiesGiveTheLastSeatOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	second, err := New().Serve(f.lobby.config)
	if err != nil {
		t.Fatal(err)
	}
	other := &fixture{t: t, store: f.store, broker: f.broker, lobby: second, log: f.log}
	room := f.room(f.guest().Token, "pair").Room.ID
	got := map[string]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range 20 {
		l := []*fixture{f, other}[i%2]
		token := l.guest().Token
		wg.Go(func() {
			r := l.do(http.MethodPost, "/v1/rooms/"+room+"/join", token, "")
			mu.Lock()
			defer mu.Unlock()
			got[fmt.Sprint(r.status, r.code(t))]++
		})
	}
	wg.Wait()
	if got["200"] != 1 || got["409room_full"]+got["409 room_full"] != 19 {
		t.Errorf("got %v, want one 200 and 19 room_full", got)
	}
}
