package store

import (
	"context"
	"time"
)

// CallKey names a call of somebody's that may be sent again: a hash.
type CallKey [32]byte

// Answer is what a call was answered.
type Answer struct {
	Request [32]byte // of what was asked: a hash
	Body    []byte   // in the lobby's encoding
}

// Answers keeps what calls were answered, for those who send the same call again.
type Answers interface {
	// ClaimAnswer belongs into [Transactor].Transact, before the call has any effect. The first who claims key gets claimed
	// true, and keeps the answer by KeepAnswer in the same transaction. Everybody else waits until that transaction has
	// ended, and then gets the answer, or the claim if there is none. After until it is as if there had been no answer.
	ClaimAnswer(ctx context.Context, key CallKey, request [32]byte, now, until time.Time) (kept Answer, claimed bool, err error)
	// KeepAnswer keeps the answer to a call that was claimed in the same transaction. ErrNotFound: it was not.
	KeepAnswer(ctx context.Context, key CallKey, body []byte) error
	// ForgetAnswers drops at most limit answers that are over at now, the oldest first, and returns how many. Any number of
	// processes may do so at once.
	ForgetAnswers(ctx context.Context, now time.Time, limit int) (int, error)
}
