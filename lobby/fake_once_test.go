package lobby

import (
	"context"
	"time"

	"github.com/madang-games/madang/store"
)

// noAnswers is transactions that undo nothing and answers that are not kept: what is about these is tested on databases.
type noAnswers struct{}

func (noAnswers) Transact(ctx context.Context, do func(context.Context) error) error { return do(ctx) }

func (noAnswers) ClaimAnswer(context.Context, store.CallKey, [32]byte, time.Time, time.Time) (store.Answer, bool, error) {
	return store.Answer{}, true, nil
}

func (noAnswers) KeepAnswer(context.Context, store.CallKey, []byte) error { return nil }

func (noAnswers) ForgetAnswers(context.Context, time.Time, int) (int, error) { return 0, nil }
