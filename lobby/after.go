package lobby

import "context"

// What is not the store's must wait until the transaction has ended in which it was decided.

type afterKey struct{}

// list is what is to be done after a transaction, in its order.
type list struct{ do []func(context.Context) }

// After has do done when the transaction has committed.
func (l *list) After(do func(context.Context)) { l.do = append(l.do, do) }

// transact is the store's Transact, and then does what was said by afterwards within it. A request's own transaction is none of
// these: see [Context.After].
func (s *Service) transact(ctx context.Context, do func(ctx context.Context) error) error {
	var then list
	err := s.config.Store.Transact(ctx, func(ctx context.Context) error {
		then = list{}
		return do(context.WithValue(ctx, afterKey{}, &then))
	})
	if err != nil {
		return err
	}
	for _, do := range then.do {
		afterwards(ctx, do)
	}
	return nil
}

// afterwards has do done when the transaction, or the request, that ctx belongs to is kept; now, if it belongs to none. do gets
// a context that ends after 15 s.
func afterwards(ctx context.Context, do func(context.Context)) {
	if waits, ok := ctx.Value(afterKey{}).(interface{ After(func(context.Context)) }); ok {
		waits.After(do)
		return
	}
	now(ctx, do)
}

// now does what had to wait, whatever has become of who asked for it.
func now(ctx context.Context, do func(context.Context)) {
	ctx = context.WithValue(context.WithoutCancel(ctx), afterKey{}, nil)
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	do(ctx)
}
