package web

import (
	"slices"
	"sync"
	"time"
)

// The store has a row for each user who is connected here, and says in which room: friends see it as long as the board hears of
// this process. One goroutine keeps the rows and tells friends who are connected.

const (
	// presenceGrace is how long somebody may be away, or between two rooms, without that being news; and the least time between two
	// news of one user.
	presenceGrace = 5 * time.Second
	// presenceGather is how long changes are gathered for one transaction.
	presenceGather = 100 * time.Millisecond
	presenceAgain  = time.Second // after the store could not be reached
	presenceTime   = 5 * time.Second
	presenceChunk  = 200 // rows changed in one transaction
	// maxWatchers is how many friends are told of one user at most.
	maxWatchers = 200
)

// presences is the users who have come, gone or changed rooms.
type presences struct {
	wake  chan struct{} // holds a token when there is something to look at
	swept chan struct{} // holds a token when a gateway has died

	mu    sync.Mutex
	moved map[string]bool
}

func newPresences() presences {
	return presences{wake: make(chan struct{}, 1), swept: make(chan struct{}, 1), moved: map[string]bool{}}
}

// move has the user looked at soon. It does not block.
func (p *presences) move(user string) {
	if user == "" {
		return
	}
	p.mu.Lock()
	p.moved[user] = true
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *presences) take() map[string]bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	moved := p.moved
	p.moved = map[string]bool{}
	return moved
}

// whereabouts says whether the user is connected here, and to which room it has subscribed last.
func (g *Gateway) whereabouts(user string) (here bool, room string) {
	g.mu.Lock()
	sessions := slices.Clone(g.users[user])
	g.mu.Unlock()
	if len(sessions) == 0 {
		return false, ""
	}
	s := sessions[len(sessions)-1]
	s.mu.Lock()
	defer s.mu.Unlock()
	last := uint64(0)
	for _, sub := range s.subs {
		if !sub.over.Load() && sub.order > last {
			last, room = sub.order, sub.room.id
		}
	}
	return true, room
}
