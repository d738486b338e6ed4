package sql

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/madang-games/madang/store"
)

// lookups finds rows by keys: those that are asked for at the same time with one statement. When a gateway has died, thousands of
// players ask another one for their session and their seat within a second.
type lookups[K, V any] struct {
	line *line[*lookup[K, V]]
	// find sets row and found of each. There is one at least and lookupGroup at most.
	find func(ctx context.Context, q querier, asked []*lookup[K, V]) error
}

type lookup[K, V any] struct {
	key   K
	row   V
	found bool
}

const (
	lookupGroup   = manyUsers
	lookupServers = 2
	// lookupTime bounds one statement, which has several callers and so none's context.
	lookupTime = 10 * time.Second
)

func newLookups[K, V any](find func(context.Context, querier, []*lookup[K, V]) error) *lookups[K, V] {
	return &lookups[K, V]{newLine[*lookup[K, V]](lineLength), find}
}

// serve finds in db until the line is closed.
func (l *lookups[K, V]) serve(db database) {
	var serving sync.WaitGroup
	for range lookupServers {
		serving.Go(func() {
			l.line.serve(lookupGroup, func(group []*job[*lookup[K, V]]) { l.play(db, group) })
		})
	}
	go func() {
		serving.Wait()
		close(l.line.ended)
	}()
}

func (l *lookups[K, V]) play(db database, group []*job[*lookup[K, V]]) {
	ctx, cancel := context.WithTimeout(context.Background(), lookupTime)
	defer cancel()
	asked := make([]*lookup[K, V], len(group))
	for i, j := range group {
		asked[i] = j.work
	}
	err := db.read(ctx, func(ctx context.Context, q querier) error { return l.find(ctx, q, asked) })
	for _, j := range group {
		j.err = err
	}
}

// get returns the row of key. ErrNotFound.
func (l *lookups[K, V]) get(ctx context.Context, s *Store, key K) (V, error) {
	a := &lookup[K, V]{key: key}
	var err error
	if t := s.within(ctx); t != nil { // what the transaction has written is seen in it alone
		err = s.db.read(ctx, func(ctx context.Context, q querier) error { return l.find(ctx, q, []*lookup[K, V]{a}) })
	} else {
		err = l.line.do(ctx, a)
	}
	if err == nil && !a.found {
		err = store.ErrNotFound
	}
	return a.row, err
}

// close waits for what was asked for.
func (l *lookups[K, V]) close() {
	l.line.close()
	<-l.line.ended
}

// sizes are how many keys a lookup's statement speaks of: few numbers, as each is another prepared statement.
var sizes = [...]int{1, 8, lookupGroup}

// texts are a lookup's statement, for each of sizes.
type texts [len(sizes)]string

func textsOf(text func(keys int) string) (t texts) {
	for i, size := range sizes {
		t[i] = text(size)
	}
	return t
}

// about is the statement about n keys at least, and about how many it speaks.
func (t *texts) about(n int) (text string, keys int) {
	i := slices.IndexFunc(sizes[:], func(size int) bool { return n <= size })
	return t[i], sizes[i]
}
