package token

import (
	"crypto/sha256"
	"sync"
)

// seen remembers tokens whose signature was right, since checking one costs more than all else that a call with it asks for. It
// forgets with the keys: a key that is taken away takes its tokens with it. Safe for concurrent use.
type seen [seenShards]struct {
	mu   sync.Mutex
	keys *held
	of   map[[sha256.Size]byte]Claims
}

const (
	seenShards = 16
	// seenMost is how many each shard remembers; beyond them it drops any: about 3 MiB in all.
	seenMost = 1 << 10
)

func (s *seen) get(keys *held, text string) (at [sha256.Size]byte, c Claims, known bool) {
	at = sha256.Sum256([]byte(text))
	shard := &s[at[0]%seenShards]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if shard.keys == keys {
		c, known = shard.of[at]
	}
	return at, c, known
}

func (s *seen) put(keys *held, at [sha256.Size]byte, c Claims) {
	shard := &s[at[0]%seenShards]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if shard.keys != keys {
		shard.keys, shard.of = keys, map[[sha256.Size]byte]Claims{}
	}
	if len(shard.of) >= seenMost {
		for any := range shard.of {
			delete(shard.of, any)
			break
		}
	}
	shard.of[at] = c
}
