package store

import "context"

// Transactor makes one transaction of several calls.
type Transactor interface {
	// Transact runs do: everything that do asks of the store with the context it is given is one transaction, committed when
	// do returns nil. When do returns an error nothing of it has happened, and the error is Transact's, as it is; when do
	// panics nothing has happened either, and the panic goes on.
	//
	// do may be run again from the start, when the database has undone its work because of others' (a dead-lock) or since this
	// process stood still in the middle of it: what it gives out it must set anew each time, and what is not the store's must wait
	// until Transact has returned. Its reads see its own writes. Of what others commit meanwhile they may see more with each call;
	// every method decides by what it has locked itself. A call that fails undoes itself alone, and do may go on: but after an error that is none of this
	// package's the whole is lost, and Transact fails whatever do returns.
	//
	// Each run has 5 s from its beginning, in SQLite 2 s, and its context ends then: it is undone, and the error is
	// context.DeadlineExceeded. In SQLite all other writers wait meanwhile, rooms' commits among them; in PostgreSQL those
	// who want the same. So do what takes long before, and ask nothing of the store there with another context, which would
	// wait for do itself to end. Of two transactions that take things in different orders one waits a second for the other
	// to be undone: take them in one order.
	//
	// Transact within do is a part of the whole that can be undone alone; nothing else may be asked of the store meanwhile
	// but by it. [Records] are not for transactions: TakeUp, Commit and Log fail there, and so does LiveRooms.
	Transact(ctx context.Context, do func(ctx context.Context) error) error
}
