package arena

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/handlers/handlerstest"
)

type place struct {
	who  string
	x, y float64
}

// view is a frame or a $snapshot as a client reads it.
type view struct {
	Tick  uint64     `json:"tick"`
	You   [2]float64 `json:"you"`
	Seen  []place    `json:"seen"`
	Gone  []string   `json:"gone"`
	Coins []place    `json:"coins"`
	Score int        `json:"score"`
	N     uint64     `json:"n"`
}

func (p *place) UnmarshalJSON(data []byte) error {
	var all [3]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	p.who = strings.Trim(string(all[0]), `"`)
	if err := json.Unmarshal(all[1], &p.x); err != nil {
		return err
	}
	return json.Unmarshal(all[2], &p.y)
}

// crowd is a room with so many players.
type crowd struct {
	t     testing.TB
	room  *handlerstest.Room
	users []string
}

func newCrowd(t testing.TB, players int) *crowd {
	t.Helper()
	c := &crowd{t: t, room: handlerstest.New(t, Game())}
	for i := range players {
		c.users = append(c.users, fmt.Sprint("u", i))
	}
	if err := c.room.Join(c.users...); err != nil {
		t.Fatal(err)
	}
	return c
}

// tick plays one tick and returns what it told, by user.
func (c *crowd) tick() map[string]view {
	c.t.Helper()
	return c.tickLate(0)
}

func (c *crowd) tickLate(late time.Duration) map[string]view {
	c.t.Helper()
	before := len(c.room.Sent())
	c.room.TickLate(1, late)
	told := map[string]view{}
	for _, out := range c.room.Sent()[before:] {
		if out.Type != "frame" {
			continue
		}
		if len(out.To) != 1 || !out.Latest || out.ContentType != "application/json" {
			c.t.Fatalf("a frame to %q, Latest %v, as %s; want one user's, replaceable, JSON", out.To, out.Latest, out.ContentType)
		}
		var v view
		c.room.Decode(out, &v)
		if _, twice := told[out.To[0]]; twice {
			c.t.Fatalf("%s was sent two frames in a tick", out.To[0])
		}
		told[out.To[0]] = v
	}
	return told
}

// places is where everybody is.
func (c *crowd) places() map[string][2]float64 {
	c.t.Helper()
	var y yard
	memory := json.NewDecoder(bytes.NewReader(c.room.Memory()))
	for _, part := range []any{new(json.RawMessage), &y} { // the engine's, and the game's
		if err := memory.Decode(part); err != nil {
			c.t.Fatal(err)
		}
	}
	at := map[string][2]float64{}
	for _, p := range y.Players {
		if p.User != "" {
			at[p.User] = [2]float64{float64(p.X) / unit, float64(p.Y) / unit}
		}
	}
	return at
}

func (c *crowd) steer(user string, dx, dy float64) {
	c.t.Helper()
	if err := c.room.Send(user, "steer", map[string]float64{"dx": dx, "dy": dy}); err != nil {
		c.t.Fatal(err)
	}
}

func (c *crowd) steerAll(rng *rand.Rand) {
	for _, user := range c.users {
		if rng.IntN(4) == 0 {
			c.steer(user, rng.Float64()*2-1, rng.Float64()*2-1)
		}
	}
}

func distance(a, b [2]float64) float64 { return math.Hypot(a[0]-b[0], a[1]-b[1]) }

// check compares what each was told with where everybody is: all that is within 300 units, and nothing that is not. at is where everybody was
// last; who moves is told.
func check(t *testing.T, told map[string]view, at map[string][2]float64) {
	t.Helper()
	for user, v := range told {
		at[user] = v.You
	}
	for user, v := range told {
		var got, want []string
		for _, p := range v.Seen {
			got = append(got, fmt.Sprint(p))
		}
		for other, there := range at {
			if other != user && distance(v.You, there) <= 300+1e-9 { // the game reckons in whole numbers
				want = append(want, fmt.Sprint(place{other, there[0], there[1]}))
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s at %v sees\n got %v\nwant %v", user, v.You, got, want)
		}
		for _, c := range v.Coins {
			if d := distance(v.You, [2]float64{c.x, c.y}); d > 300+1e-9 { // the game reckons in whole numbers
				t.Errorf("%s is told of coin %s, which is %.1f away", user, c.who, d)
			}
		}
	}
}

func TestARoomThatIsLateTellsEachPlayerLessOftenAndNothingLess(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6))
	c := newCrowd(t, 40)
	frames := func(ticks int, late time.Duration) (perPlayer float64) {
		total := 0
		for range ticks {
			c.steerAll(rng)
			told := c.tickLate(late)
			total += len(told)
			check(t, told, c.places())
		}
		return float64(total) / float64(len(c.users))
	}
	for _, user := range c.users {
		c.steer(user, rng.Float64()*2-1, rng.Float64()*2-1)
	}
	for i := range 5 * ticks { // here and there one, and once two in a row
		late := time.Duration(0)
		if i%(ticks+ticks/4) == 0 || i == 1 {
			late = 20 * paceLate
		}
		if got := frames(1, late); got < 0.8 {
			t.Errorf("in a tick when few are late each player had %.1f frames, want nearly one", got)
		}
	}
	frames(6*paceSettle, 2*paceLate)
	if got := frames(2*paceMost, 2*paceLate); got > 2 || got < 1 {
		t.Errorf("in %d late ticks each player had %.1f frames, want at most 2", 2*paceMost, got)
	}
	frames(4*paceCalm, 0)
	if got := frames(10, 0); got < 8 {
		t.Errorf("in 10 ticks that were in time again each player had %.1f frames, want nearly 10", got)
	}
}

// Who takes a place that became free while others were not told is not taken for who had it.
func TestALateRoomTellsOfWhoHasLeft(t *testing.T) {
	t.Parallel()
	c := newCrowd(t, 100)
	for i, user := range c.users {
		c.steer(user, 1, float64(i%3-1))
	}
	hear := func() {
		told := c.tickLate(2 * paceLate)
		check(t, told, c.places())
	}
	for range 6 * paceSettle {
		hear()
	}
	for i, user := range c.users[:20] {
		c.room.Leave(user)
		if i%2 == 0 {
			hear()
		}
		if err := c.room.Join(fmt.Sprint("new", i)); err != nil {
			t.Fatal(err)
		}
		c.steer(fmt.Sprint("new", i), -1, 0)
		hear()
	}
	for range 2 * paceMost {
		hear()
	}
}

func TestNothingOutOfViewIsEverTold(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	c := newCrowd(t, 60)
	for _, user := range c.users {
		c.steer(user, rng.Float64()*2-1, rng.Float64()*2-1)
	}
	at, sent := map[string][2]float64{}, 0
	for step := range 150 {
		c.steerAll(rng)
		told := c.tick()
		sent += len(told)
		check(t, told, at)
		if step == 70 {
			c.room.Restart()
		}
		if t.Failed() {
			t.Fatalf("in step %d", step)
		}
	}
	if sent < 150*len(c.users)/2 || len(at) != len(c.users) {
		t.Errorf("%d frames in 150 ticks of %d players, want many", sent, len(c.users))
	}
	for _, user := range c.users { // also not by a snapshot
		var v view
		c.room.Snapshot(user, &v)
		for _, p := range slices.Concat(v.Seen, v.Coins) {
			if d := distance(v.You, [2]float64{p.x, p.y}); d > 300+1e-9 {
				t.Errorf("the snapshot of %s tells of %s, which is %.1f away", user, p.who, d)
			}
		}
	}
}

// meet puts players at places, in units, of a square without coins, and makes a room of it.
func meet(t *testing.T, at map[string][2]int32, coins ...coin) *crowd {
	t.Helper()
	y := &yard{Numbers: map[string]int32{}, Coins: coins, Minted: 1000}
	for len(y.Coins) < 200 {
		y.Coins = append(y.Coins, coin{ID: 999, X: size, Y: size})
	}
	for _, user := range slices.Sorted(func(yield func(string) bool) {
		for user := range at {
			if !yield(user) {
				return
			}
		}
	}) {
		y.Numbers[user] = int32(len(y.Players))
		y.Players = append(y.Players, player{User: user, X: at[user][0] * unit, Y: at[user][1] * unit})
	}
	g := handlers.New("arena", func() *yard { return y }).WithPolicy(Game().Policy())
	handlers.Latest(g, "frame")
	handlers.Left(g, leave)
	handlers.On(g, "steer", steer)
	handlers.Tick(g, ticks, tick)
	c := &crowd{t: t, room: handlerstest.New(t, g)}
	for user := range at {
		if err := c.room.Join(user); err != nil {
			t.Fatal(err)
		}
	}
	c.tick() // all that is new has been told
	return c
}

func TestSpeedIsBounded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ dx, dy, x, y float64 }{
		{1, 0, 10, 0}, {-1, 0, -10, 0}, {0.5, 0, 5, 0}, {1000, 0, 10, 0}, {0, -1e308, 0, -10}, {1, 1, 7, 7}, {-1e9, 1e9, -7, 7}, {0, 0, 0, 0},
	} {
		room := meet(t, map[string][2]int32{"ann": {1000, 1000}})
		room.steer("ann", c.dx, c.dy)
		var last view
		for range 20 {
			if v, told := room.tick()["ann"]; told {
				last = v
			}
		}
		want := [2]float64{1000 + 20*c.x, 1000 + 20*c.y}
		if c.x == 0 && c.y == 0 {
			if last.Tick != 0 {
				t.Errorf("steering %v, %v: got a frame, want none, as nothing changed", c.dx, c.dy)
			}
			continue
		}
		if distance(last.You, want) > 0 {
			t.Errorf("steering %v, %v for a second: got to %v, want %v", c.dx, c.dy, last.You, want)
		}
		if d := distance(last.You, [2]float64{1000, 1000}); d > 200 {
			t.Errorf("steering %v, %v: %v units in a second, the most is 200", c.dx, c.dy, d)
		}
	}
}

func TestTheSquareHasEdges(t *testing.T) {
	t.Parallel()
	c := meet(t, map[string][2]int32{"ann": {5, 1990}})
	c.steer("ann", -1, 0.6)
	for range 5 {
		c.tick()
	}
	c.steer("ann", 1, 0)
	if v := c.tick()["ann"]; v.You != [2]float64{10, 2000} {
		t.Errorf("got %v, want 10, 2000: back from the corner", v.You)
	}
}

func TestAFrameSaysWhoCameAndWhoIsGone(t *testing.T) {
	t.Parallel()
	c := meet(t, map[string][2]int32{"ann": {100, 100}, "bob": {405, 100}, "cid": {1500, 1500}})
	c.steer("bob", -1, 0)
	told := c.tick()
	if v := told["ann"]; len(v.Seen) != 1 || v.Seen[0] != (place{"bob", 395, 100}) || len(v.Gone) != 0 {
		t.Errorf("ann is told %+v, want bob at 395, 100", v)
	}
	if v, told := told["cid"]; told {
		t.Errorf("cid is told %+v, want nothing: nothing has changed there", v)
	}
	c.steer("bob", 1, 0)
	if v := c.tick()["ann"]; len(v.Seen) != 0 || !slices.Equal(v.Gone, []string{"bob"}) {
		t.Errorf("ann is told %+v, want that bob is gone", v)
	}
	c.steer("bob", -1, 0)
	c.tick()
	c.room.Leave("bob")
	if v := c.tick()["ann"]; len(v.Seen) != 0 || !slices.Equal(v.Gone, []string{"bob"}) {
		t.Errorf("ann is told %+v, want that bob is gone", v)
	}
}

func TestACoinIsCollectedOnceByWhoIsNearest(t *testing.T) {
	t.Parallel()
	c := meet(t, map[string][2]int32{"ann": {1000, 1000}, "bob": {1055, 1000}}, coin{ID: 7, X: 1030 * unit, Y: 1000 * unit})
	c.steer("ann", 1, 0)
	c.steer("bob", -0.9, 0)
	told := c.tick() // 1010 and 1046
	if told["ann"].Score+told["bob"].Score != 1 || told["bob"].Score != 1 {
		t.Errorf("got scores %d and %d, want the coin with bob alone", told["ann"].Score, told["bob"].Score)
	}
	for user, v := range told {
		for _, coin := range v.Coins {
			if coin.who == "7" {
				t.Errorf("%s still sees coin 7", user)
			}
		}
	}
	c.room.Restart()
	told = c.tick()
	if told["ann"].Score != 0 || told["bob"].Score != 1 {
		t.Errorf("after a restart: got scores %d and %d, want 0 and 1", told["ann"].Score, told["bob"].Score)
	}
}

func TestNoCoinIsLostOrDoubled(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	c := newCrowd(t, 100)
	scores := map[string]int{}
	for step := range 200 {
		c.steerAll(rng)
		for user, v := range c.tick() {
			if v.Score < scores[user] {
				t.Fatalf("the score of %s fell from %d to %d", user, scores[user], v.Score)
			}
			scores[user] = v.Score
		}
		if step%60 == 59 {
			c.room.Restart()
		}
	}
	sum := 0
	for _, n := range scores {
		sum += n
	}
	y := memory(t, c.room)
	ids := map[int]bool{}
	for _, coin := range y.Coins {
		ids[coin.ID] = true
	}
	if len(ids) != coins || y.Minted != coins+sum || sum == 0 {
		t.Errorf("%d coins of %d minted lie there, %d are collected; want %d, and %d minted", len(ids), y.Minted, sum, coins, coins+sum)
	}
}

// memory is the state as it is kept.
func memory(t *testing.T, room *handlerstest.Room) *yard {
	t.Helper()
	var y *yard
	g := Game()
	handlers.On(g, "look", func(_ *handlers.Room, now *yard, _ struct{}) error { y = now; return nil })
	in, err := g.Load("room-1", room.Memory())
	if err != nil {
		t.Fatal(err)
	}
	if in.Play(handlers.Event{Kind: handlers.EventSay, Type: "look", User: "u0"}); y == nil {
		t.Fatal("could not look at the state")
	}
	return y
}

func TestATakeoverGoesOnFromTheCheckpoint(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6))
	c := newCrowd(t, 20)
	for range 30 {
		c.steerAll(rng)
		c.tick()
	}
	twin := &crowd{t: t, room: c.room.Fork(), users: c.users}
	for step := range 30 {
		seed := rng.Uint64()
		c.steerAll(rand.New(rand.NewPCG(seed, 0)))
		twin.steerAll(rand.New(rand.NewPCG(seed, 0)))
		a, b := c.tick(), twin.tick()
		for user, v := range a {
			w, told := b[user]
			if v.Gone, w.Gone = nil, nil; told && fmt.Sprint(v.You, v.Score, v.Tick) != fmt.Sprint(w.You, w.Score, w.Tick) {
				t.Fatalf("step %d: %s is at %+v, and after the takeover at %+v", step, user, v, w)
			}
		}
	}
	if a, b := string(c.room.Memory()), string(twin.room.Memory()); a != b {
		t.Errorf("the two rooms differ in the end:\n%.300s\n%.300s", a, b)
	}
}

func TestWhoIsAwayStandsStillAndIsToldNothing(t *testing.T) {
	t.Parallel()
	c := newCrowd(t, 2)
	c.steer("u0", 0.1, 0.1)
	c.steer("u1", 0.1, 0.1)
	before := c.tick()["u0"]
	c.room.Detach("u0")
	for range 3 {
		if v, told := c.tick()["u0"]; told {
			t.Fatalf("u0 is away and is told %+v", v)
		}
	}
	c.room.Attach("u0")
	if v := c.tick()["u0"]; v.You != before.You {
		t.Errorf("u0 is back at %v, want %v", v.You, before.You)
	}
}

func TestANumberThatIsTakenAgainNamesNobodyElse(t *testing.T) {
	t.Parallel()
	c := newCrowd(t, 3)
	c.tick()
	for i := range 20 {
		c.room.Leave(fmt.Sprint("u", i+2))
		if err := c.room.Join(fmt.Sprint("u", i+3)); err != nil {
			t.Fatal(err)
		}
		for user, v := range c.tick() {
			for _, gone := range v.Gone {
				if gone == fmt.Sprint("u", i+3) {
					t.Errorf("%s is told that %s is gone, who has just come", user, gone)
				}
			}
		}
	}
	if y := memory(t, c.room); len(y.Players) != 3 {
		t.Errorf("got %d places for 3 players", len(y.Players))
	}
}

func TestAFrameNamesTheSteeringThatItKnows(t *testing.T) {
	t.Parallel()
	c := newCrowd(t, 1)
	c.tick()
	if err := c.room.Send("u0", "steer", `{"dx":0,"dy":0,"n":41}`); err != nil {
		t.Fatal(err)
	}
	if v := c.tick()["u0"]; v.N != 41 {
		t.Errorf("got n %d, want 41", v.N)
	}
	for body, code := range map[string]string{`{"dx":"1"}`: "bad_message", `[]`: "bad_message", `{}`: "", ``: "", `{"dx":null}`: ""} {
		if got := handlerstest.Code(c.room.Send("u0", "steer", body)); got != code {
			t.Errorf("steer %s: got code %q, want %q", body, got, code)
		}
	}
}

func TestTheSnapshotIsTheFrameAndTheRules(t *testing.T) {
	t.Parallel()
	c := newCrowd(t, 30)
	told := c.tick()
	var got struct {
		view
		rules
	}
	c.room.Snapshot("u7", &got)
	want := told["u7"]
	want.Gone = []string{}
	if fmt.Sprint(got.view) != fmt.Sprint(want) {
		t.Errorf("snapshot\n got %+v\nwant %+v", got.view, want)
	}
	if len(got.Players) != 30 || got.Size != 2000 || got.Sight != 300 || got.Speed != 200 || got.Ticks != 20 {
		t.Errorf("got the rules %+v", got.rules)
	}
	c.room.Restart()
	if c.room.Snapshot("nobody", &got); got.Size != 2000 {
		t.Errorf("who is not there: got %+v", got.rules)
	}
}

// full is a room of 200 who move about, as the worker has it.
func full(b *testing.B) (in *handlers.Instance, at time.Time) {
	rng := rand.New(rand.NewPCG(1, 2))
	room := handlerstest.New(b, Game())
	for i := range seats {
		user := fmt.Sprintf("%08x-1111-2222-3333-444455556666", i)
		if err := room.Join(user); err != nil {
			b.Fatal(err)
		}
		if err := room.Send(user, "steer", map[string]float64{"dx": rng.Float64()*2 - 1, "dy": rng.Float64()*2 - 1}); err != nil {
			b.Fatal(err)
		}
	}
	in, err := Game().Load("room-1", room.Memory())
	if err != nil {
		b.Fatal(err)
	}
	return in, room.Now()
}

func BenchmarkTickOf200(b *testing.B) {
	in, at := full(b)
	rng := rand.New(rand.NewPCG(1, 2))
	b.ReportAllocs()
	frames, bytes, ticks, seq := 0, 0, 0, uint64(100)
	for b.Loop() {
		at = at.Add(50 * time.Millisecond)
		ticks++
		for range 40 { // each steers four times a second
			seq++
			user := fmt.Sprintf("%08x-1111-2222-3333-444455556666", rng.IntN(seats))
			body := fmt.Appendf(nil, `{"dx":%.2f,"dy":%.2f,"n":%d}`, rng.Float64()*2-1, rng.Float64()*2-1, seq)
			in.Play(handlers.Event{Kind: handlers.EventSay, Type: "steer", User: user, Seq: seq, Time: at, Body: body, ContentType: "application/json"})
		}
		res := in.Play(handlers.Event{Kind: handlers.EventTick, ID: "tick", Time: at})
		if res.Failure != nil {
			b.Fatal(res.Failure)
		}
		frames += len(res.Outputs)
		for i := range res.Outputs {
			bytes += len(res.Outputs[i].Body)
		}
	}
	b.ReportMetric(float64(frames)/float64(ticks), "frames/op")
	b.ReportMetric(float64(bytes)/float64(frames), "bytes/frame")
}
