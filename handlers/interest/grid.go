// Package interest finds what lies near a place, and what of it is new to somebody, in a plane of many objects that move.
//
//	room.To(grid.Near(nil, x, y, 300)...).Send("boom", at)
//
// Both a [Grid] and a [View] may be part of a room's state: they go through JSON and back as they were. Neither is safe for
// concurrent use.
package interest

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// MaxObjects is how many objects a Grid holds at most, and maxCells how many cells it has.
const (
	MaxObjects = 1 << slotBits
	maxCells   = 1 << 20
)

// Grid is objects at places in a plane, each under a key of its own. It is fast for what lies from 0, 0 to its width and height; what lies
// outside is found as well, and costs as much as all that lies at the edge. Make one with [New].
//
// Nothing allocates once the grid, its cells and the caller's slices have grown to what is usual.
type Grid[K cmp.Ordered] struct {
	width, height, cell float64
	cols, rows          int

	objects []object[K] // by slot
	free    []int32     // slots without an object
	slots   map[K]int32
	cells   [][]int32 // slots, row by row
	born    uint64    // objects that there have been
	clock   uint64    // changes that there have been
	found   []uint64
}

// A finding is the number of an object's birth, and in its last bits its slot: so they are in order as the numbers they are. Births are below 2^44:
// a million a second for half a year.
const slotBits = 20

func slotOf(finding uint64) int32 { return int32(finding & (1<<slotBits - 1)) }

type object[K cmp.Ordered] struct {
	key     K
	x, y    float64
	born    uint64 // the order of all that is found
	changed uint64 // by the grid's clock
	cell    int32
	place   int32 // in the cell
}

// New makes an empty grid for a plane of that size, in units of the game's own. cell is the side of its cells: half of the usual radius of
// Near, to that radius, is right. It panics when a number is not above 0, or over 2^20 cells would come of it.
func New[K cmp.Ordered](width, height, cell float64) *Grid[K] {
	g := &Grid[K]{}
	if err := g.shape(width, height, cell); err != nil {
		panic("interest.New: " + err.Error())
	}
	return g
}

func (g *Grid[K]) shape(width, height, cell float64) error {
	for _, n := range []float64{width, height, cell} {
		if !(n > 0) || math.IsInf(n, 0) {
			return fmt.Errorf("a plane of %v x %v with cells of %v; write numbers above 0", width, height, cell)
		}
	}
	cols, rows := math.Ceil(width/cell), math.Ceil(height/cell)
	if cols*rows > maxCells {
		return fmt.Errorf("%v x %v cells; at most %d are allowed, write a larger cell", cols, rows, maxCells)
	}
	*g = Grid[K]{width: width, height: height, cell: cell, cols: int(cols), rows: int(rows), slots: map[K]int32{}}
	g.cells = make([][]int32, g.cols*g.rows)
	return nil
}

// Len is how many objects there are.
func (g *Grid[K]) Len() int { return len(g.slots) }

// At is where the object is; false: there is none.
func (g *Grid[K]) At(key K) (x, y float64, ok bool) {
	slot, ok := g.slots[key]
	if !ok {
		return 0, 0, false
	}
	o := &g.objects[slot]
	return o.x, o.y, true
}

// Put places an object, or moves it there if it exists. To put it where it is already changes nothing. It panics when x or y is no finite
// number, or there are [MaxObjects] objects.
func (g *Grid[K]) Put(key K, x, y float64) {
	if math.IsNaN(x-x) || math.IsNaN(y-y) {
		panic(fmt.Sprintf("interest.Grid.Put: %v, %v is no place", x, y))
	}
	slot, known := g.slots[key]
	if !known {
		g.insert(key, x, y)
		return
	}
	o := &g.objects[slot]
	if o.x == x && o.y == y {
		return
	}
	o.x, o.y = x, y
	g.clock++
	o.changed = g.clock
	if c := g.cellOf(x, y); c != o.cell {
		g.takeOut(o)
		g.putIn(slot, c)
	}
}

func (g *Grid[K]) insert(key K, x, y float64) {
	slot := int32(len(g.objects))
	switch n := len(g.free); {
	case n > 0:
		slot = g.free[n-1]
		g.free = g.free[:n-1]
	case slot == MaxObjects:
		panic(fmt.Sprintf("interest.Grid.Put: %d objects, more are not allowed", MaxObjects))
	default:
		g.objects = append(g.objects, object[K]{})
	}
	g.born++
	g.clock++
	g.objects[slot] = object[K]{key: key, x: x, y: y, born: g.born, changed: g.clock}
	g.slots[key] = slot
	g.putIn(slot, g.cellOf(x, y))
}

// Touch says that the object has changed in another way than by its place. It returns false when there is none.
func (g *Grid[K]) Touch(key K) bool {
	slot, ok := g.slots[key]
	if ok {
		g.clock++
		g.objects[slot].changed = g.clock
	}
	return ok
}

// Remove takes an object away. It returns false when there is none.
func (g *Grid[K]) Remove(key K) bool {
	slot, ok := g.slots[key]
	if !ok {
		return false
	}
	g.takeOut(&g.objects[slot])
	g.objects[slot] = object[K]{}
	g.free = append(g.free, slot)
	delete(g.slots, key)
	return true
}

// Near appends to into the objects that are at most r away from x, y, in the order in which they were first put. None when r is below 0 or
// a number is none.
func (g *Grid[K]) Near(into []K, x, y, r float64) []K {
	for _, f := range g.near(x, y, r) {
		into = append(into, g.objects[slotOf(f)].key)
	}
	return into
}

// near is the findings of Near, until the next call.
func (g *Grid[K]) near(x, y, r float64) []uint64 {
	found := g.found[:0]
	if !(r >= 0) {
		return found
	}
	left, right := g.span(x, r, g.cols)
	top, bottom := g.span(y, r, g.rows)
	for row := top; row <= bottom; row++ {
		for _, cell := range g.cells[row*g.cols+left : row*g.cols+right+1] {
			for _, slot := range cell {
				o := &g.objects[slot]
				if dx, dy := o.x-x, o.y-y; dx*dx+dy*dy <= r*r {
					found = append(found, o.born<<slotBits|uint64(slot))
				}
			}
		}
	}
	slices.Sort(found)
	g.found = found
	return found
}

// span is the first and the last of n columns that at-r to at+r touches; the outer ones reach outwards without end.
func (g *Grid[K]) span(at, r float64, n int) (first, last int) {
	return g.line(at-r, n), g.line(at+r, n)
}

func (g *Grid[K]) line(at float64, n int) int {
	i := at / g.cell
	switch {
	case !(i > 0):
		return 0
	case i >= float64(n):
		return n - 1
	}
	return int(i)
}

func (g *Grid[K]) cellOf(x, y float64) int32 {
	return int32(g.line(y, g.rows)*g.cols + g.line(x, g.cols))
}

func (g *Grid[K]) putIn(slot, cell int32) {
	o := &g.objects[slot]
	o.cell, o.place = cell, int32(len(g.cells[cell]))
	g.cells[cell] = append(g.cells[cell], slot)
}

func (g *Grid[K]) takeOut(o *object[K]) {
	cell := g.cells[o.cell]
	last := len(cell) - 1
	moved := cell[last]
	cell[o.place] = moved
	g.objects[moved].place = o.place
	g.cells[o.cell] = cell[:last]
}
