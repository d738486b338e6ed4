package lobby

import (
	"context"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

// noMatching is a store without parties and tickets: tests of these have a database.
type noMatching struct {
	store.Parties
	store.Matching
}

func (noMatching) DropParties(context.Context, time.Time, int) (int, error) { return 0, nil }

func (noMatching) DropTickets(context.Context, time.Time, int) (int, error) { return 0, nil }

func (noMatching) PartyOf(context.Context, string) (store.Party, error) {
	return store.Party{}, store.ErrNotFound
}

func (noMatching) PartyInvites(context.Context, string) ([]store.PartyInvite, error) {
	return nil, nil
}

func (noMatching) CreateParty(context.Context, store.Party, string, time.Time) (store.Party, error) {
	return store.Party{}, store.ErrInParty
}

func (noMatching) JoinParty(context.Context, string, string, time.Time) (store.Party, error) {
	return store.Party{}, store.ErrNotFound
}

func (noMatching) JoinPartyByCode(context.Context, string, string, time.Time) (store.Party, error) {
	return store.Party{}, store.ErrNotFound
}

func (noMatching) LeaveParty(context.Context, string, string, time.Time) (store.Party, *store.Ticket, error) {
	return store.Party{}, nil, store.ErrNotFound
}

func (noMatching) DropPartyInvite(context.Context, string, string) error { return nil }

func (noMatching) Ticket(context.Context, string) (store.Ticket, error) {
	return store.Ticket{}, store.ErrNotFound
}

func (noMatching) TicketsOf(context.Context, string, int) ([]store.Ticket, error) { return nil, nil }

func (noMatching) CancelTicket(context.Context, string, string, time.Time) (store.Ticket, error) {
	return store.Ticket{}, store.ErrNotFound
}

func (noMatching) AnswerOffer(context.Context, string, string, bool, time.Time) (store.Ticket, error) {
	return store.Ticket{}, store.ErrNotFound
}

// Consume is for lobbies that find no players.
func (b *logBroker) Consume(context.Context, broker.Consumption) (broker.Pipe, error) {
	return nil, broker.ErrClosed
}
