package broker

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"hash/fnv"
	"slices"
	"strings"
	"sync"
	"time"
)

// Process is what a process says of itself on the board, each second.
type Process struct {
	ID      string              `json:"id"`
	Roles   []string            `json:"roles"`            // of "lobby", "web", "worker"
	Games   map[string][]string `json:"games,omitempty"`  // versions by game that its worker plays
	Rooms   int                 `json:"rooms,omitempty"`  // awake rooms of its worker
	Conns   int                 `json:"conns,omitempty"`  // connections of its gateway
	Drains  bool                `json:"drains,omitempty"` // takes nothing new
	Started time.Time           `json:"started"`
}

// Plays reports whether the process's worker plays this version of the game.
func (p *Process) Plays(game, version string) bool {
	return slices.Contains(p.Games[game], version)
}

// DefaultMissing is how long a process may be silent before a [Roster] strikes it off.
const DefaultMissing = 3 * time.Second

// Roster is who is there, derived from the board. Its zero value is ready. Safe for concurrent use.
type Roster struct {
	mu        sync.Mutex
	processes map[string]seen
}

type seen struct {
	Process
	at time.Time
}

// Observe takes a notice at time now and reports whether the set of processes, or what one of them plays, has changed.
func (r *Roster) Observe(n Notice, now time.Time) (changed bool) {
	if n.Kind != NoticeProcess && n.Kind != NoticeGone {
		return false
	}
	var p Process
	if json.Unmarshal(n.Body, &p) != nil || p.ID == "" {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	old, known := r.processes[p.ID]
	if n.Kind == NoticeGone {
		delete(r.processes, p.ID)
		return known
	}
	if r.processes == nil {
		r.processes = map[string]seen{}
	}
	r.processes[p.ID] = seen{p, now}
	return !known || old.Drains != p.Drains || !sameGames(old.Games, p.Games)
}

func sameGames(a, b map[string][]string) bool {
	if len(a) != len(b) {
		return false
	}
	for game, versions := range a {
		if !slices.Equal(versions, b[game]) {
			return false
		}
	}
	return true
}

// Expire strikes off who has been silent for longer than missing, and returns them.
func (r *Roster) Expire(now time.Time, missing time.Duration) (gone []Process) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, p := range r.processes {
		if now.Sub(p.at) > missing {
			delete(r.processes, id)
			gone = append(gone, p.Process)
		}
	}
	return gone
}

// All returns who is there, ordered by id.
func (r *Roster) All() []Process {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Process, 0, len(r.processes))
	for _, p := range r.processes {
		all = append(all, p.Process)
	}
	slices.SortFunc(all, func(a, b Process) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return all
}

// Has reports whether the process has been heard of within the last missing.
func (r *Roster) Has(id string, now time.Time, missing time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, known := r.processes[id]
	return known && now.Sub(p.at) <= missing
}

// connPrefix is how much of its gateway's id a connection's name begins with.
const connPrefix = 8

// NewConn names a connection of the gateway in process such that nobody names another one so, and [GatewayOf] finds the
// gateway.
func NewConn(process string) string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return GatewayPrefix(process) + "." + hex.EncodeToString(b[:])
}

// GatewayPrefix is how the names of the connections of the gateway in process begin, before the dot.
func GatewayPrefix(process string) string { return process[:min(len(process), connPrefix)] }

// GatewayOf returns what the process id of conn's gateway begins with; ok is false for what is no connection of a
// gateway.
func GatewayOf(conn string) (prefix string, ok bool) {
	prefix, _, ok = strings.Cut(conn, ".")
	return prefix, ok && prefix != ""
}

// Buckets is how many buckets there are. Few rooms have one of their own each; and so many buckets spread evenly enough over some dozen
// workers.
const Buckets = 512

// Bucket is the bucket of a room, from 0 to Buckets-1. Rooms of one bucket, game and version have the same workers, so that they may
// share what a worker has for them (see Consumption.Group), and move together.
func Bucket(room string) int {
	h := fnv.New64a()
	h.Write([]byte(room))
	return int(mix(h.Sum64()) % Buckets)
}

// Rank orders the workers that play game at version by how well they suit room, best first: rendezvous hashing
// (Thaler and Ravishankar 1998) of its bucket, so that every process that knows the same workers finds the same order, and one that
// comes or goes moves only its own rooms. Draining workers are left out.
func Rank(room, game, version string, processes []Process) []string {
	type weighed struct {
		id     string
		weight uint64
	}
	bucket := Bucket(room)
	var fit []weighed
	for i := range processes {
		p := &processes[i]
		if p.Drains || !p.Plays(game, version) {
			continue
		}
		h := fnv.New64a()
		h.Write([]byte(p.ID))
		h.Write([]byte{0, byte(bucket >> 8), byte(bucket)})
		fit = append(fit, weighed{p.ID, mix(h.Sum64())})
	}
	slices.SortFunc(fit, func(a, b weighed) int {
		switch {
		case a.weight != b.weight && a.weight > b.weight:
			return -1
		case a.weight == b.weight && a.id < b.id:
			return -1
		}
		return 1
	})
	ids := make([]string, len(fit))
	for i, f := range fit {
		ids[i] = f.id
	}
	return ids
}

// mix spreads FNV's weak high bits (the finalizer of MurmurHash3).
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
