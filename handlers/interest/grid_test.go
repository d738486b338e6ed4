package interest_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/madang-games/madang/handlers/interest"
)

// plain is a grid without cells: what the real one is compared with.
type plain struct {
	order []int
	at    map[int][2]float64
}

func (p *plain) put(k int, x, y float64) {
	if _, known := p.at[k]; !known {
		p.order = append(p.order, k)
	}
	p.at[k] = [2]float64{x, y}
}

func (p *plain) remove(k int) {
	delete(p.at, k)
	p.order = slices.DeleteFunc(p.order, func(o int) bool { return o == k })
}

func (p *plain) near(x, y, r float64) (found []int) {
	for _, k := range p.order {
		if dx, dy := p.at[k][0]-x, p.at[k][1]-y; dx*dx+dy*dy <= r*r {
			found = append(found, k)
		}
	}
	return found
}

// reload takes v through JSON and back.
func reload[T any](t *testing.T, v *T) *T {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	again := new(T)
	if err := json.Unmarshal(data, again); err != nil {
		t.Fatal(err)
	}
	twice, err := json.Marshal(again)
	if err != nil || string(twice) != string(data) {
		t.Fatalf("after JSON and back: got %s, %v, want %s", twice, err, data)
	}
	return again
}

func TestNearFindsWhatAPlainSearchFindsInTheSameOrder(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	grid, want := interest.New[int](2000, 1000, 150), &plain{at: map[int][2]float64{}}
	place := func() float64 { return float64(rng.IntN(3200) - 600) } // also outside
	for i := range 20_000 {
		k := rng.IntN(300)
		switch rng.IntN(10) {
		case 0:
			_, known := want.at[k]
			if got := grid.Remove(k); got != known {
				t.Fatalf("step %d: Remove(%d) is %v, want %v", i, k, got, known)
			}
			want.remove(k)
		case 1, 2, 3:
			x, y, r := place(), place(), float64(rng.IntN(900))
			if got, want := grid.Near(nil, x, y, r), want.near(x, y, r); !slices.Equal(got, want) {
				t.Fatalf("step %d: Near(%v, %v, %v)\n got %v\nwant %v", i, x, y, r, got, want)
			}
		case 4:
			if rng.IntN(50) == 0 {
				grid = reload(t, grid)
			}
		default:
			x, y := place(), place()
			grid.Put(k, x, y)
			want.put(k, x, y)
		}
		if grid.Len() != len(want.at) {
			t.Fatalf("step %d: got %d objects, want %d", i, grid.Len(), len(want.at))
		}
	}
}

func TestNearTakesInItsEdge(t *testing.T) {
	t.Parallel()
	g := interest.New[string](100, 100, 10)
	g.Put("on the edge", 30, 40)
	g.Put("beyond", 30, 40.001)
	if got := g.Near([]string{"first"}, 0, 0, 50); !slices.Equal(got, []string{"first", "on the edge"}) {
		t.Errorf("got %q, want first and what is on the edge", got)
	}
	for _, r := range []float64{-1, math.NaN()} {
		if got := g.Near(nil, 30, 40, r); len(got) != 0 {
			t.Errorf("radius %v: got %q, want nothing", r, got)
		}
	}
	if got := g.Near(nil, 0, 0, math.Inf(1)); len(got) != 2 {
		t.Errorf("without end: got %q, want both", got)
	}
}

func TestAViewTellsWhatCameChangedAndLeft(t *testing.T) {
	t.Parallel()
	g, v := interest.New[string](1000, 1000, 100), &interest.View[string]{}
	g.Put("a", 10, 10)
	g.Put("b", 20, 20)
	g.Put("far", 900, 900)
	check := func(step string, want string) {
		t.Helper()
		changed := v.Look(g, 0, 0, 100)
		got := fmt.Sprintf("seen %v came %v changed %v left %v: %v", v.Seen, v.Came, v.Changed, v.Left, changed)
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", step, got, want)
		}
	}
	check("first look", "seen [a b] came [a b] changed [] left []: true")
	check("nothing happens", "seen [a b] came [] changed [] left []: false")
	g.Put("a", 10, 10)
	g.Put("far", 901, 900)
	check("nothing that is seen", "seen [a b] came [] changed [] left []: false")
	g.Put("b", 21, 20)
	check("b moves", "seen [a b] came [] changed [b] left []: true")
	g.Touch("a")
	v = reload(t, v)
	g = reload(t, g)
	check("a changes, after JSON", "seen [a b] came [] changed [a] left []: true")
	g.Put("a", 500, 500)
	g.Put("far", 50, 50)
	check("a goes and far comes", "seen [b far] came [far] changed [] left [a]: true")
	g.Remove("b")
	check("b is gone", "seen [far] came [] changed [] left [b]: true")
	g.Remove("far")
	g.Put("far", 50, 50)
	check("another under the same key", "seen [far] came [far] changed [] left [far]: true")
}

func TestNothingAllocatesInTheSteadyState(t *testing.T) {
	w := newWorld(200)
	for range 200 {
		w.step()
	}
	if n := testing.AllocsPerRun(50, w.step); n > 2 { // a cell grows now and then
		t.Errorf("got %v allocations in a step of 200 objects and 200 views, want none", n)
	}
}

func TestWhatIsNoPlaceIsRefused(t *testing.T) {
	t.Parallel()
	g := interest.New[int](10, 10, 1)
	for name, f := range map[string]func(){
		"NaN":            func() { g.Put(1, math.NaN(), 0) },
		"infinity":       func() { g.Put(1, 0, math.Inf(-1)) },
		"no plane":       func() { interest.New[int](0, 10, 1) },
		"cells too many": func() { interest.New[int](1e6, 1e6, 1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: got no panic", name)
				}
			}()
			f()
		}()
	}
	for _, bad := range []string{`{}`, `{"width":1,"height":1,"cell":1,"objects":[{"key":1,"born":2},{"key":2,"born":1}]}`, `[]`} {
		if json.Unmarshal([]byte(bad), interest.New[int](1, 1, 1)) == nil {
			t.Errorf("%s: got no error", bad)
		}
	}
	if json.Unmarshal([]byte(`{"born":[1],"keys":[]}`), &interest.View[int]{}) == nil {
		t.Error("a view with a number too many: got no error")
	}
}

// world is objects in the arena's plane, of which each step moves all, and as many who look at them.
type world struct {
	grid  *interest.Grid[int]
	views []interest.View[int]
	rng   *rand.Rand
}

func newWorld(objects int) *world {
	w := &world{interest.New[int](2000, 2000, 150), make([]interest.View[int], objects), rand.New(rand.NewPCG(1, 2))}
	for k := range objects {
		w.grid.Put(k, w.rng.Float64()*2000, w.rng.Float64()*2000)
	}
	return w
}

func (w *world) step() {
	for k := range w.views {
		x, y, _ := w.grid.At(k)
		w.grid.Put(k, min(max(x+w.rng.Float64()*20-10, 0), 2000), min(max(y+w.rng.Float64()*20-10, 0), 2000))
	}
	for k := range w.views {
		x, y, _ := w.grid.At(k)
		w.views[k].Look(w.grid, x, y, 300)
	}
}

func BenchmarkMoveAllAndLook(b *testing.B) {
	for _, objects := range []int{200, 2000} {
		b.Run(fmt.Sprint(objects), func(b *testing.B) {
			w := newWorld(objects)
			for range 20 {
				w.step()
			}
			b.ReportAllocs()
			for b.Loop() {
				w.step()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*objects), "ns/object")
		})
	}
}

func BenchmarkNear(b *testing.B) {
	for _, objects := range []int{200, 2000} {
		b.Run(fmt.Sprint(objects), func(b *testing.B) {
			w := newWorld(objects)
			var found []int
			b.ReportAllocs()
			for b.Loop() {
				found = w.grid.Near(found[:0], 1000, 1000, 300)
			}
		})
	}
}
