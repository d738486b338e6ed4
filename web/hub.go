package web

import (
	"maps"
	"slices"
	"sync"

	"github.com/madang-games/madang/broker"
)

// hub has the rooms that this gateway carries: those with subscribers, or with something still to be said to them.
type hub struct {
	g *Gateway

	mu    sync.RWMutex // before any room.mu
	rooms map[string]*room
}

// add puts sub into the room, which attaches it.
func (h *hub) add(id string, sub *subscription) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.rooms[id]
	if r == nil {
		r = newRoom(h, id)
		h.rooms[id] = r
	}
	r.add(sub)
}

// deliver takes a room's outputs from the feed.
func (h *hub) deliver(id string, outs []*broker.Output) {
	h.mu.RLock()
	r := h.rooms[id]
	h.mu.RUnlock()
	if r != nil {
		r.deliver(outs)
	}
}

// broken attaches every subscription again, as outputs may have been missed.
func (h *hub) broken() {
	h.g.metrics.broken.Inc()
	h.g.log.Warn("the feed of rooms was broken; subscribers are attached again")
	for _, r := range h.all() {
		r.broken()
	}
}

func (h *hub) all() []*room {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return slices.Collect(maps.Values(h.rooms))
}
