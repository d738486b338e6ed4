package web_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/madang-games/madang/store"
)

// register is a store of presences.
type register struct {
	mu     sync.Mutex
	rows   map[[2]string]store.Presence // by user and gateway
	away   error
	writes int
	social bool // everybody is everybody's friend; else nobody is
}

func (r *register) KeepPresences(_ context.Context, gateway string, here []store.Presence, gone []string) (elsewhere map[string]string, left []string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.away != nil {
		return nil, nil, r.away
	}
	if r.rows == nil {
		r.rows = map[[2]string]store.Presence{}
	}
	r.writes++
	elsewhere = map[string]string{}
	for _, p := range here {
		p.Game = "relay"
		r.rows[[2]string{p.User, gateway}] = p
		if at := r.atLocked(p.User, gateway); len(at) > 0 {
			elsewhere[p.User] = at[0].Room
		}
	}
	for _, user := range gone {
		delete(r.rows, [2]string{user, gateway})
		if len(r.atLocked(user, "")) == 0 {
			left = append(left, user)
		}
	}
	return elsewhere, left, nil
}

// atLocked is the user's rows, those of other gateways alone, the newest first.
func (r *register) atLocked(user, gateway string) (found []store.Presence) {
	for key, p := range r.rows {
		if key[0] == user && key[1] != gateway {
			p.Gateway = key[1]
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b store.Presence) int { return b.Since.Compare(a.Since) })
	return found
}

func (r *register) Presences(_ context.Context, users []string) (found []store.Presence, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, user := range users {
		found = append(found, r.atLocked(user, "")...)
	}
	return found, r.away
}

func (r *register) Watchers(_ context.Context, users []string, limit int) (map[string][]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	watchers := map[string][]string{}
	for _, user := range users {
		var others []string
		for key := range r.rows {
			if r.social && key[0] != user {
				others = append(others, key[0])
			}
		}
		slices.Sort(others)
		others = slices.Compact(others)
		watchers[user] = others[:min(limit, len(others))]
	}
	return watchers, r.away
}

func (r *register) Gateways(context.Context) (map[string]int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	gateways := map[string]int{}
	for key := range r.rows {
		gateways[key[1]]++
	}
	return gateways, r.away
}

func (r *register) DropPresences(_ context.Context, gateway string, limit int) (users, left []string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key := range r.rows {
		if key[1] == gateway && len(users) < limit {
			delete(r.rows, key)
			users = append(users, key[0])
			if len(r.atLocked(key[0], "")) == 0 {
				left = append(left, key[0])
			}
		}
	}
	return users, left, r.away
}

func (r *register) set(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
}

// String is who is where: "ann@gateway=r1 bob@gateway=".
func (r *register) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var parts []string
	for _, key := range slices.SortedFunc(maps.Keys(r.rows), func(a, b [2]string) int { return strings.Compare(a[0]+a[1], b[0]+b[1]) }) {
		parts = append(parts, key[0]+"@"+key[1]+"="+r.rows[key].Room)
	}
	return strings.Join(parts, " ")
}
