package interest

import (
	"encoding/json"
	"fmt"
	"slices"
)

type gridJSON[K any] struct {
	Width   float64         `json:"width"`
	Height  float64         `json:"height"`
	Cell    float64         `json:"cell"`
	Born    uint64          `json:"born"`
	Clock   uint64          `json:"clock"`
	Objects []objectJSON[K] `json:"objects"` // in order of Born
}

type objectJSON[K any] struct {
	Key     K       `json:"key"`
	X       float64 `json:"x"`
	Y       float64 `json:"y"`
	Born    uint64  `json:"born"`
	Changed uint64  `json:"changed"`
}

// MarshalJSON encodes all that the grid is. It fails for a Grid that New did not make.
func (g *Grid[K]) MarshalJSON() ([]byte, error) {
	out := gridJSON[K]{g.width, g.height, g.cell, g.born, g.clock, make([]objectJSON[K], 0, len(g.slots))}
	if g.slots == nil {
		return nil, fmt.Errorf("encode grid: it was not made with interest.New")
	}
	order := make([]int32, 0, len(g.slots))
	for _, slot := range g.slots {
		order = append(order, slot)
	}
	slices.SortFunc(order, func(a, b int32) int {
		if g.objects[a].born < g.objects[b].born {
			return -1
		}
		return 1
	})
	for _, slot := range order {
		o := &g.objects[slot]
		out.Objects = append(out.Objects, objectJSON[K]{o.key, o.x, o.y, o.born, o.changed})
	}
	return json.Marshal(out)
}

// UnmarshalJSON makes the grid what MarshalJSON has encoded.
func (g *Grid[K]) UnmarshalJSON(data []byte) error {
	var in gridJSON[K]
	if err := json.Unmarshal(data, &in); err != nil {
		return fmt.Errorf("decode grid: %w", err)
	}
	if err := g.shape(in.Width, in.Height, in.Cell); err != nil {
		return fmt.Errorf("decode grid: %w", err)
	}
	if in.Born >= 1<<(64-slotBits) {
		return fmt.Errorf("decode grid: %d births are too many", in.Born)
	}
	if len(in.Objects) > MaxObjects {
		return fmt.Errorf("decode grid: %d objects, at most %d are allowed", len(in.Objects), MaxObjects)
	}
	for _, o := range in.Objects {
		if _, twice := g.slots[o.Key]; twice || o.Born <= g.born || o.Born > in.Born {
			return fmt.Errorf("decode grid: object %v is there twice or out of order", o.Key)
		}
		g.born = o.Born - 1
		g.insert(o.Key, o.X, o.Y)
		g.objects[g.slots[o.Key]].changed = o.Changed
	}
	g.born, g.clock = in.Born, in.Clock
	return nil
}

type viewJSON[K any] struct {
	Clock uint64   `json:"clock"`
	Born  []uint64 `json:"born"`
	Keys  []K      `json:"keys"`
}

// MarshalJSON encodes what was seen last.
func (v *View[K]) MarshalJSON() ([]byte, error) {
	out := viewJSON[K]{v.clock, make([]uint64, len(v.sights)), make([]K, len(v.sights))}
	for i, s := range v.sights {
		out.Born[i], out.Keys[i] = s.born, s.key
	}
	return json.Marshal(out)
}

// UnmarshalJSON makes the view what MarshalJSON has encoded.
func (v *View[K]) UnmarshalJSON(data []byte) error {
	var in viewJSON[K]
	if err := json.Unmarshal(data, &in); err != nil {
		return fmt.Errorf("decode view: %w", err)
	}
	if len(in.Born) != len(in.Keys) {
		return fmt.Errorf("decode view: %d numbers for %d objects", len(in.Born), len(in.Keys))
	}
	*v = View[K]{clock: in.Clock}
	for i, key := range in.Keys {
		v.sights = append(v.sights, sight[K]{in.Born[i], key})
	}
	return nil
}
