package handlers_test

import (
	"math/big"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/madang-games/madang/handlers"
)

type pos struct{ X, Y int }

type arena struct{ At map[string]pos }

func newArena() *handlers.Game[arena] {
	return handlers.New("arena", func() *arena { return &arena{At: map[string]pos{}} })
}

func onMove(room *handlers.Room, a *arena, to pos) error {
	a.At[room.From()] = to
	return room.Send("moved", to)
}

// panicOf is what f panics with, as text.
func panicOf(f func()) (text string) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case string:
			text = v
		default:
			text = "not a sentence"
		}
	}()
	f()
	return ""
}

func stateOf[S any]() func() {
	return func() { handlers.New("g", func() *S { return new(S) }) }
}

func messageOf[M any]() func() {
	return func() { handlers.On(newArena(), "m", func(*handlers.Room, *arena, M) error { return nil }) }
}

type halfEncoded struct{ A int }

func (halfEncoded) MarshalText() ([]byte, error) { return nil, nil }

type node struct {
	Next *node
	N    int
}

func TestMistakesPanicWithAdvice(t *testing.T) {
	t.Parallel()
	nop := func(*handlers.Room, *arena, handlers.Player) error { return nil }
	tick := func(*handlers.Room, *arena) error { return nil }
	for name, c := range map[string]struct {
		do   func()
		want string
	}{
		"bad name":    {func() { handlers.New("My Game", func() *arena { return nil }) }, "write 1 to 32 of a-z"},
		"nil fresh":   {func() { handlers.New[arena]("g", nil) }, "write func() *S"},
		"fresh nil":   {func() { handlers.New("g", func() *arena { return nil }) }, "return a state"},
		"bad version": {func() { newArena().WithVersion("a b") }, "write 1 to 32 letters"},
		"capacity":    {func() { newArena().WithPolicy(handlers.Policy{Capacity: 1001}) }, "write 1 to 1000"},
		"every": {func() { newArena().WithPolicy(handlers.Policy{Keep: handlers.Checkpointed{Every: -1}}) },
			"write 10ms to 1h"},
		"grace":        {func() { newArena().WithPolicy(handlers.Policy{Grace: -time.Second}) }, "Grace is -1s"},
		"retain":       {func() { newArena().WithPolicy(handlers.Policy{Retain: 10_001}) }, "Retain"},
		"queue":        {func() { newArena().WithPolicy(handlers.Policy{Queue: -1}) }, "Queue"},
		"nil use":      {func() { newArena().Use(nil) }, "give a func(handlers.Handler) handlers.Handler"},
		"empty type":   {func() { handlers.On(newArena(), "", onMove) }, "message type is empty"},
		"system type":  {func() { handlers.On(newArena(), "$x", onMove) }, "kept for the system"},
		"colon":        {func() { handlers.On(newArena(), "a:b", onMove) }, "holds a colon"},
		"nil fn":       {func() { handlers.On[arena, pos](newArena(), "m", nil) }, "has no function"},
		"twice":        {func() { g := newArena(); handlers.On(g, "m", onMove); handlers.On(g, "m", onMove) }, "registered twice"},
		"timer twice":  {func() { g := newArena(); handlers.OnTimer(g, "m", onMove); handlers.OnTimer(g, "m", onMove) }, "registered twice"},
		"hook twice":   {func() { g := newArena(); handlers.Joined(g, nop); handlers.Joined(g, nop) }, "do both in one function"},
		"nil hook":     {func() { handlers.Left[arena](newArena(), nil) }, "has no function"},
		"durable tick": {func() { handlers.Tick(newArena(), 20, tick) }, "WithPolicy(handlers.Policy{Keep: handlers.Checkpointed{}})"},
		"fast tick":    {func() { handlers.Tick(newArena(), 101, tick) }, "write 1 to 100"},
		"pointer":      {messageOf[*pos](), "take it by value"},
		"no fields":    {messageOf[struct{ x int }](), "capital letters"},
		"func message": {messageOf[func()](), "take a struct"},
		"not a struct": {stateOf[map[string]int](), "write a struct type"},
		"unexported":   {stateOf[struct{ x int }](), "capital letter"},
		"deep":         {stateOf[struct{ A map[string][]struct{ x int } }](), "A[][].x is not exported"},
		"interface":    {stateOf[struct{ A any }](), "name the type"},
		"func":         {stateOf[struct{ A func() }](), "JSON does not keep"},
		"chan":         {stateOf[struct{ A chan int }](), "JSON does not keep"},
		"mutex":        {stateOf[struct{ Mu sync.Mutex }](), "leave it out"},
		"dash": {stateOf[struct {
			A int `json:"-"`
		}](), "would be lost"},
		"empty map": {stateOf[struct {
			A map[string]int `json:",omitempty"`
		}](), "leave the option out"},
		"map key": {stateOf[struct{ A map[pos]int }](), "no map key"},
		"half":    {stateOf[struct{ A halfEncoded }](), "no UnmarshalText; write both"},
		"same name": {stateOf[struct {
			A int `json:"B"`
			B int
		}](), "give it another"},
		"pointer embed": {stateOf[struct{ *arenaInner }](), "not exported"},
	} {
		if got := panicOf(c.do); !strings.Contains(got, c.want) {
			t.Errorf("%s: got panic %q, want one with %q", name, got, c.want)
		}
	}
}

type arenaInner struct{ N int }

func TestStatesThatComeBackAreTaken(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(){
		"empty": stateOf[struct{}](),
		"plain": stateOf[arena](),
		"own": stateOf[struct {
			At  time.Time
			Sum *big.Int
			Of  map[int]time.Duration
		}](),
		"recursive": stateOf[node](),
		"embedded": stateOf[struct {
			arenaInner
			M int
		}](),
		"omitempty": stateOf[struct {
			A []int `json:"a,omitempty"`
			B *pos  `json:",omitzero"`
		}](),
	} {
		if got := panicOf(do); got != "" {
			t.Errorf("%s: got panic %q", name, got)
		}
	}
}

func TestNothingIsRegisteredOnceTheGameIsPlayed(t *testing.T) {
	t.Parallel()
	g := newArena()
	if _, err := g.Open("r", nil, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if got := panicOf(func() { handlers.On(g, "move", onMove) }); !strings.Contains(got, "before server.Main") {
		t.Errorf("got panic %q", got)
	}
}

func TestPolicyHasItsDefaults(t *testing.T) {
	t.Parallel()
	want := handlers.Policy{
		Keep: handlers.Durable{}, Capacity: 2, Grace: time.Minute, Idle: time.Minute, Retain: 256, Queue: 10_000,
		Graces: handlers.Graces{Closed: time.Minute, Gateway: time.Minute, Kicked: time.Minute}, Attempts: 3,
		Slow: time.Second, Limit: 10 * time.Second, Boards: []handlers.Board{},
	}
	if got := newArena().Policy(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	got := newArena().WithPolicy(handlers.Policy{Keep: handlers.Checkpointed{}}).Policy()
	if want := (handlers.Checkpointed{Every: time.Second}); got.Keep != want {
		t.Errorf("got %+v, want %+v", got.Keep, want)
	}
}

func TestNameAndVersion(t *testing.T) {
	t.Parallel()
	if g := newArena(); g.Name() != "arena" || g.Version() != "1" || g.WithVersion("2.0").Version() != "2.0" {
		t.Errorf("got %s %s", g.Name(), g.Version())
	}
}
