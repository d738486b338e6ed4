package memory

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/madang-games/madang/broker"
)

// behind is how many notices wait for one watcher before it loses some.
const behind = 1024

// maxNotice is the largest body of a notice, in bytes.
const maxNotice = 64 << 10

type board struct {
	mu       sync.Mutex
	watchers []*watcher
}

type watcher struct {
	cancel  context.CancelFunc
	notices chan broker.Notice
	lost    int // since the last one that fitted; under the board's lock
}

// Post gives n to every watcher.
func (b *Broker) Post(ctx context.Context, n broker.Notice) error {
	if err := b.usable(ctx); err != nil {
		return err
	}
	if len(n.Body) > maxNotice {
		return fmt.Errorf("post a notice: its body has %d bytes, the most is %d", len(n.Body), maxNotice)
	}
	if lost := b.system.board.post(n); lost > 0 {
		b.log.Warn("a watcher of the board was behind and has lost notices", "lost", lost)
	}
	return nil
}

// post reports how many notices watchers have lost that are catching up now.
func (b *board) post(n broker.Notice) (lost int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range b.watchers { // nobody else fills its channel
		free := cap(w.notices) - len(w.notices)
		if w.lost > 0 && free >= 2 {
			w.notices <- broker.Notice{Kind: broker.NoticeMissed, Time: n.Time}
			lost += w.lost
			w.lost = 0
		}
		if w.lost > 0 || free == 0 {
			w.lost++
			continue
		}
		w.notices <- n
	}
	return lost
}

// Watch calls see for every notice from now on, in one goroutine of its own.
func (b *Broker) Watch(ctx context.Context, see func(broker.Notice)) error {
	if err := b.usable(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &watcher{cancel: cancel, notices: make(chan broker.Notice, behind)}
	b.mu.Lock()
	if b.closed.Load() {
		b.mu.Unlock()
		cancel()
		return broker.ErrClosed
	}
	b.watchers[w] = struct{}{}
	b.running.Add(1)
	b.mu.Unlock()
	board := &b.system.board
	board.mu.Lock()
	board.watchers = append(board.watchers, w)
	board.mu.Unlock()
	go func() {
		defer b.running.Done()
		defer b.unwatch(w)
		for ctx.Err() == nil {
			select {
			case n := <-w.notices:
				see(n)
			case <-ctx.Done():
			}
		}
	}()
	return nil
}

func (b *Broker) unwatch(w *watcher) {
	w.cancel()
	board := &b.system.board
	board.mu.Lock()
	board.watchers = slices.DeleteFunc(board.watchers, func(other *watcher) bool { return other == w })
	board.mu.Unlock()
	b.mu.Lock()
	delete(b.watchers, w)
	b.mu.Unlock()
}
