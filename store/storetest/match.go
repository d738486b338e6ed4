package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/madang-games/madang/store"
)

// ticketOf is a ticket of users, who are a party unless that is "".
func ticketOf(id, party string, users ...string) store.Ticket {
	t := store.Ticket{ID: id, Game: "othello", Mode: "duel", Party: party, Wants: []byte(`{}`), Gateway: "ws://here/stomp", Since: begin}
	for i, user := range users {
		t.Players = append(t.Players, store.TicketPlayer{User: user, Rating: 1500.5 + float64(i)})
	}
	return t
}

// ticket is a ticket's state, reason, offer, room, and players: with + if they have accepted.
func (t *suite) ticket(s store.Store, id string) string {
	t.Helper()
	k, err := s.Ticket(t.ctx(), id)
	t.fatal("find ticket", err)
	return ticketLine(k)
}

func ticketLine(k store.Ticket) string {
	parts := []string{string(k.State)}
	for _, word := range []string{k.Reason, k.Offer, k.Room} {
		if word != "" {
			parts = append(parts, word)
		}
	}
	for _, p := range k.Players {
		parts = append(parts, p.User+map[bool]string{true: "+", false: "-"}[p.Accepted])
	}
	return strings.Join(parts, " ")
}

// waiting adds n tickets of a player each, "t0", "t1"..., and returns the players, and a pool.
func (t *suite) waiting(s store.Store, n int) ([]string, store.Pool) {
	t.Helper()
	users := make([]string, n)
	for i := range users {
		users[i] = t.user(s)
		t.fatal("add ticket", s.AddTicket(t.ctx(), ticketOf(fmt.Sprint("t", i), "", users[i])))
	}
	pool, err := s.TakePool(t.ctx(), "othello", "duel")
	t.fatal("take pool", err)
	return users, pool
}

// placement is a new room for two, "m", for tickets.
func placement(offer string, tickets ...string) store.Placement {
	return store.Placement{Tickets: tickets, Offer: offer, Memory: []byte("begin"),
		Room: store.Room{ID: "m", Game: "othello", Version: "1", Capacity: 2, CreatedAt: begin}}
}

// wantTicket: err is about the ticket.
func (t *suite) wantTicket(doing string, err error, ticket string, want error) {
	t.Helper()
	t.want(doing, err, want)
	if of, ok := errors.AsType[*store.TicketError](err); !ok || of.Ticket != ticket {
		t.Errorf("%s: got %v, want it to be about ticket %s", doing, err, ticket)
	}
}

var matchCases = []testCase{
	{"ATicketIsKept", func(t *suite) {
		s := t.open()
		a, b := t.user(s), t.user(s)
		t.party(s, "p", a, b)
		want := ticketOf("t", "p", a, b)
		t.fatal("add", s.AddTicket(t.ctx(), want))
		want.State, want.Players[0].Name, want.Players[1].Name = store.TicketWaiting, "Player 1", "Player 2"
		got, err := s.Ticket(t.ctx(), "t")
		t.fatal("find", err)
		equal(t, "found", words(got), words(want))
		for _, user := range []string{a, b} {
			list, err := s.TicketsOf(t.ctx(), user, 10)
			t.fatal("list", err)
			equal(t, "tickets of player", words(list), words([]store.Ticket{want}))
		}
		_, err = s.Ticket(t.ctx(), "u")
		t.want("find an unknown one", err, store.ErrNotFound)
		open, rooms, err := s.OpenTickets(t.ctx(), "othello", "duel")
		t.fatal("count", err)
		equal(t, "open", words(open, rooms), words(1, 0))
		open, _, err = s.OpenTickets(t.ctx(), "othello", "")
		t.fatal("count", err)
		equal(t, "open of another mode", open, 0)
	}},
	{"OneOpenTicketOfAPlayer", func(t *suite) {
		s := t.open()
		a, b, c := t.user(s), t.user(s), t.user(s)
		t.party(s, "p", a, b)
		t.want("of a part of the party", s.AddTicket(t.ctx(), ticketOf("t", "p", a)), store.ErrPartyChanged)
		t.want("in another order", s.AddTicket(t.ctx(), ticketOf("t", "p", b, a)), store.ErrPartyChanged)
		t.want("of no party", s.AddTicket(t.ctx(), ticketOf("t", "q", a, b)), store.ErrNotFound)
		t.want("of nobody", s.AddTicket(t.ctx(), ticketOf("t", "", "nobody")), store.ErrNotFound)
		t.fatal("add", s.AddTicket(t.ctx(), ticketOf("t", "p", a, b)))
		t.want("again", s.AddTicket(t.ctx(), ticketOf("u", "p", a, b)), store.ErrSearching)
		other := ticketOf("u", "", b)
		other.Game = "chess"
		t.want("for another game", s.AddTicket(t.ctx(), other), store.ErrSearching)
		_, err := s.Ticket(t.ctx(), "u")
		t.want("find what was refused", err, store.ErrNotFound)
		_, err = s.CancelTicket(t.ctx(), "t", c, begin)
		t.want("cancel a stranger's", err, store.ErrNotFound)
		k, err := s.CancelTicket(t.ctx(), "t", b, after(time.Minute))
		t.fatal("cancel", err)
		equal(t, "cancelled", words(ticketLine(k), k.EndedAt.UTC()), words("cancelled", a+"-", b+"-", after(time.Minute)))
		k, err = s.CancelTicket(t.ctx(), "t", a, after(time.Hour))
		t.want("cancel again", err, store.ErrTicketOver)
		equal(t, "cancelled again", words(k.State, k.EndedAt.UTC()), words("cancelled", after(time.Minute)))
		t.fatal("add another", s.AddTicket(t.ctx(), other))
		t.room(s, 2, c)
		t.want("while seated", s.AddTicket(t.ctx(), ticketOf("v", "", c)), store.ErrSeated)
	}},
	{"SoManyTicketsOfAPlayer", func(t *suite) {
		s := t.open()
		user := t.user(s)
		for n := range store.MaxTicketsKept {
			id := fmt.Sprint("t", n)
			t.fatal("add", s.AddTicket(t.ctx(), ticketOf(id, "", user)))
			_, err := s.CancelTicket(t.ctx(), id, user, begin)
			t.fatal("cancel", err)
		}
		t.want("add one more", s.AddTicket(t.ctx(), ticketOf("more", "", user)), store.ErrTooMany)
		_, err := s.DropTickets(t.ctx(), after(time.Second), 10)
		t.fatal("drop", err)
		t.fatal("add after some were dropped", s.AddTicket(t.ctx(), ticketOf("more", "", user)))
	}},
	{"OneOpenTicketWhoeverAsksAtOnce", func(t *suite) {
		stores := []store.Store{t.open(), t.open()}
		ctx, user := t.ctx(), t.user(stores[0])
		var added atomic.Int64
		together(8, func(i int) {
			switch err := stores[i%2].AddTicket(ctx, ticketOf(fmt.Sprint("t", i), "", user)); {
			case err == nil:
				added.Add(1)
			default:
				t.want("add", err, store.ErrSearching)
			}
		})
		equal(t, "added", added.Load(), 1)
	}},
	{"OldTicketsAreDropped", func(t *suite) {
		s := t.open()
		users, _ := t.waiting(s, 3)
		for i := range 2 {
			_, err := s.CancelTicket(t.ctx(), fmt.Sprint("t", i), users[i], after(time.Duration(i)*time.Minute))
			t.fatal("cancel", err)
		}
		gone, err := s.DropTickets(t.ctx(), after(time.Second), 10)
		t.fatal("drop", err)
		equal(t, "dropped", gone, 1)
		_, err = s.Ticket(t.ctx(), "t0")
		t.want("find", err, store.ErrNotFound)
		equal(t, "over", t.ticket(s, "t1"), words("cancelled", users[1]+"-"))
		equal(t, "open", t.ticket(s, "t2"), words("waiting", users[2]+"-"))
	}},
	{"APoolIsListedByPages", func(t *suite) {
		s := t.open()
		users, pool := t.waiting(s, 5)
		_, err := s.CancelTicket(t.ctx(), "t1", users[1], begin)
		t.fatal("cancel", err)
		var ids []string
		for after := ""; ; {
			page, err := s.PoolTickets(t.ctx(), pool, after, 2)
			t.fatal("list", err)
			for _, k := range page {
				ids = append(ids, k.ID+" "+k.Players[0].User)
			}
			if len(page) < 2 {
				break
			}
			after = page[1].ID
		}
		equal(t, "tickets", words(ids), words([]string{"t0 " + users[0], "t2 " + users[2], "t3 " + users[3], "t4 " + users[4]}))
	}},
	{"PlacesTicketsInANewRoom", func(t *suite) {
		s := t.open()
		users, pool := t.waiting(s, 3)
		t.fatal("place", s.PlaceMatch(t.ctx(), pool, placement("", "t0", "t2"), after(time.Minute)))
		room, err := s.Room(t.ctx(), "m")
		t.fatal("find room", err)
		equal(t, "room", words(room), words(store.Room{ID: "m", Game: "othello", Version: "1", State: store.Playing, Players: 2, Capacity: 2, CreatedAt: begin}))
		for i, id := range []string{"t0", "t2"} {
			user := users[2*i]
			seat, err := s.Seat(t.ctx(), "m", user)
			t.fatal("find seat", err)
			equal(t, "seat", words(seat.State, seat.Since.UTC()), words(store.Joining, after(time.Minute)))
			equal(t, "ticket", t.ticket(s, id), words("placed m", user+"-"))
		}
		rec, err := s.TakeUp(t.ctx(), "m")
		t.fatal("take up", err)
		equal(t, "memory", string(rec.Memory), "begin")
		again := placement("", "t0", "t1")
		again.Room.ID = "n"
		t.wantTicket("place again", s.PlaceMatch(t.ctx(), pool, again, begin), "t0", store.ErrTicketOver)
		_, err = s.Room(t.ctx(), "n")
		t.want("find the room that was not made", err, store.ErrNotFound)
		equal(t, "the other ticket", t.ticket(s, "t1"), words("waiting", users[1]+"-"))
		too := placement("", "t1")
		too.Room.ID, too.Room.Capacity = "n", 0
		t.want("place in too small a room", s.PlaceMatch(t.ctx(), pool, too, begin), store.ErrRoomFull)
		t.wantTicket("place an unknown one", s.PlaceMatch(t.ctx(), pool, placement("", "t9"), begin), "t9", store.ErrTicketOver)
		pool.Mode = "other"
		t.want("of a pool that nobody has taken", s.PlaceMatch(t.ctx(), pool, placement("", "t1"), begin), store.ErrNotFound)
		pool, err = s.TakePool(t.ctx(), "othello", "other")
		t.fatal("take another pool", err)
		t.wantTicket("place a ticket of another pool", s.PlaceMatch(t.ctx(), pool, placement("", "t1"), begin), "t1", store.ErrTicketOver)
	}},
	{"WhoSitsElsewhereIsNotPlaced", func(t *suite) {
		s := t.open()
		users, pool := t.waiting(s, 2)
		_, err := s.TakeSeat(t.ctx(), t.room(s, 2, ""), users[1], begin)
		t.fatal("take a seat", err)
		t.wantTicket("place", s.PlaceMatch(t.ctx(), pool, placement("", "t0", "t1"), begin), "t1", store.ErrSeated)
		k, err := s.EndTicket(t.ctx(), pool, "t1", store.TicketCancelled, "seated", after(time.Minute))
		t.fatal("end", err)
		equal(t, "ended", words(ticketLine(k), k.EndedAt.UTC()), words("cancelled seated", users[1]+"-", after(time.Minute)))
		_, err = s.EndTicket(t.ctx(), pool, "t1", store.TicketExpired, "", after(time.Minute))
		t.want("end again", err, store.ErrTicketOver)
		equal(t, "the other ticket", t.ticket(s, "t0"), words("waiting", users[0]+"-"))
	}},
	{"OnlyWhoHasThePoolPairs", func(t *suite) {
		s, other := t.open(), t.open()
		users, old := t.waiting(s, 2)
		t.fatal("offer", s.OfferMatch(t.ctx(), old, store.Offer{ID: "o", Until: after(time.Minute)}, []string{"t1"}))
		pool, err := other.TakePool(t.ctx(), "othello", "duel")
		t.fatal("take pool", err)
		equal(t, "term", pool.Term, old.Term+1)
		t.want("place", s.PlaceMatch(t.ctx(), old, placement("", "t0"), begin), store.ErrStaleTerm)
		t.want("offer", s.OfferMatch(t.ctx(), old, store.Offer{ID: "p", Until: begin}, []string{"t0"}), store.ErrStaleTerm)
		_, err = s.WithdrawOffer(t.ctx(), old, "o", "", begin)
		t.want("withdraw", err, store.ErrStaleTerm)
		_, err = s.EndTicket(t.ctx(), old, "t0", store.TicketExpired, "", begin)
		t.want("end", err, store.ErrStaleTerm)
		equal(t, "tickets", t.ticket(s, "t0")+", "+t.ticket(s, "t1"), words("waiting", users[0]+"-,", "found o", users[1]+"-"))
		t.fatal("place with the new term", other.PlaceMatch(t.ctx(), pool, placement("", "t0"), begin))
	}},
	{"AnOfferIsAccepted", func(t *suite) {
		s := t.open()
		users, pool := t.waiting(s, 3)
		offer := store.Offer{ID: "o", Group: []byte("who with whom"), Until: after(time.Minute)}
		t.fatal("offer", s.OfferMatch(t.ctx(), pool, offer, []string{"t0", "t1"}))
		k, err := s.Ticket(t.ctx(), "t0")
		t.fatal("find", err)
		equal(t, "ticket", words(ticketLine(k), k.Until.UTC()), words("found o", users[0]+"-", after(time.Minute)))
		offers, err := s.PoolOffers(t.ctx(), pool)
		t.fatal("list offers", err)
		equal(t, "offers", words(len(offers), offers[0].ID, string(offers[0].Group), offers[0].Until.UTC()), words(1, "o", "who with whom", after(time.Minute)))
		t.wantTicket("offer one again", s.OfferMatch(t.ctx(), pool, store.Offer{ID: "p", Until: begin}, []string{"t2", "t1"}), "t1", store.ErrTicketOver)
		_, err = s.AnswerOffer(t.ctx(), "t2", users[2], true, begin)
		t.want("accept what was not found", err, store.ErrTicketOver)
		_, err = s.AnswerOffer(t.ctx(), "t0", users[1], true, begin)
		t.want("accept for another", err, store.ErrNotFound)
		for range 2 {
			k, err = s.AnswerOffer(t.ctx(), "t0", users[0], true, begin)
			t.fatal("accept", err)
			equal(t, "accepted", ticketLine(k), words("found o", users[0]+"+"))
		}
		t.wantTicket("place before all have accepted", s.PlaceMatch(t.ctx(), pool, placement("o", "t0", "t1"), begin), "t1", store.ErrTicketOver)
		t.wantTicket("place as if it waited", s.PlaceMatch(t.ctx(), pool, placement("", "t0"), begin), "t0", store.ErrTicketOver)
		_, err = s.AnswerOffer(t.ctx(), "t1", users[1], true, begin)
		t.fatal("accept", err)
		list, err := s.WithdrawOffer(t.ctx(), pool, "o", "silent", begin)
		t.fatal("withdraw what all have accepted", err)
		equal(t, "tickets", ticketLine(list[0])+", "+ticketLine(list[1]), words("found o", users[0]+"+,", "found o", users[1]+"+"))
		t.fatal("place", s.PlaceMatch(t.ctx(), pool, placement("o", "t0", "t1"), begin))
		equal(t, "ticket", t.ticket(s, "t1"), words("placed m", users[1]+"+"))
		offers, err = s.PoolOffers(t.ctx(), pool)
		t.fatal("list offers", err)
		equal(t, "offers left", len(offers), 0)
	}},
	{"AnOfferIsNotAccepted", func(t *suite) {
		s := t.open()
		users, pool := t.waiting(s, 4)
		offer := func() {
			t.Helper()
			t.fatal("offer", s.OfferMatch(t.ctx(), pool, store.Offer{ID: "o", Until: after(time.Minute)}, []string{"t0", "t1", "t2", "t3"}))
			_, err := s.AnswerOffer(t.ctx(), "t0", users[0], true, begin)
			t.fatal("accept", err)
		}
		offer()
		list, err := s.WithdrawOffer(t.ctx(), pool, "o", "", begin) // nobody's fault
		t.fatal("withdraw", err)
		equal(t, "withdrawn", len(list), 4)
		equal(t, "tickets", t.ticket(s, "t0")+", "+t.ticket(s, "t3"), words("waiting", users[0]+"-,", "waiting", users[3]+"-"))
		offer()
		k, err := s.AnswerOffer(t.ctx(), "t1", users[1], false, begin)
		t.fatal("decline", err)
		equal(t, "declined", ticketLine(k), words("declined", users[1]+"-"))
		_, err = s.AnswerOffer(t.ctx(), "t1", users[1], true, begin)
		t.want("accept after all", err, store.ErrTicketOver)
		_, err = s.CancelTicket(t.ctx(), "t2", users[2], begin)
		t.fatal("cancel", err)
		list, err = s.WithdrawOffer(t.ctx(), pool, "o", "silent", after(time.Minute))
		t.fatal("withdraw", err)
		equal(t, "withdrawn", ticketLine(list[0])+", "+ticketLine(list[1]), words("waiting", users[0]+"-,", "declined silent", users[3]+"-"))
		equal(t, "who had accepted", t.ticket(s, "t0"), words("waiting", users[0]+"-"))
		k, err = s.Ticket(t.ctx(), "t0")
		t.fatal("find", err)
		equal(t, "waits since", k.Since.UTC(), begin)
		list, err = s.WithdrawOffer(t.ctx(), pool, "o", "silent", begin)
		t.fatal("withdraw again", err)
		equal(t, "withdrawn again", len(list), 0)
	}},
	{"PlayersChangeTheirMindsWhileTheyArePlaced", func(t *suite) {
		stores := []store.Store{t.open(), t.open(), t.open()}
		ctx := t.ctx()
		for n := range 15 {
			a, b := t.user(stores[0]), t.user(stores[0])
			ids := []string{fmt.Sprintf("t%d-a", n), fmt.Sprintf("t%d-b", n)}
			for i, user := range []string{a, b} {
				t.fatal("add", stores[0].AddTicket(ctx, ticketOf(ids[i], "", user)))
			}
			pool, err := stores[0].TakePool(ctx, "othello", "duel")
			t.fatal("take pool", err)
			var mu sync.Mutex
			placed, cancelled := false, false
			together(3, func(i int) {
				switch i {
				case 0:
					m := placement("", ids...)
					m.Room.ID = fmt.Sprint("m", n)
					err := stores[0].PlaceMatch(ctx, pool, m, begin)
					if err != nil {
						t.want("place", err, store.ErrTicketOver)
					}
					mu.Lock()
					placed = err == nil
					mu.Unlock()
				case 1:
					_, err := stores[1].CancelTicket(ctx, ids[1], b, begin)
					if err != nil {
						t.want("cancel", err, store.ErrTicketOver)
					}
					mu.Lock()
					cancelled = err == nil
					mu.Unlock()
				case 2:
					if _, err := stores[2].AnswerOffer(ctx, ids[0], a, true, begin); err != nil {
						t.want("accept", err, store.ErrTicketOver)
					}
				}
			})
			if placed == cancelled {
				t.Errorf("placed %t, cancelled %t: want one of the two", placed, cancelled)
			}
			_, err = stores[0].Seat(ctx, fmt.Sprint("m", n), b)
			if (err == nil) != placed {
				t.Errorf("placed %t, and its seat: %v", placed, err)
			}
			if !placed {
				_, err := stores[0].CancelTicket(ctx, ids[0], a, begin)
				t.fatal("cancel the other", err)
			}
		}
	}},
	{"TwoWhoPairPlaceATicketOnce", func(t *suite) {
		stores := []store.Store{t.open(), t.open()}
		ctx := t.ctx()
		for n := range 15 {
			user, id := t.user(stores[0]), fmt.Sprint("t", n)
			t.fatal("add", stores[0].AddTicket(ctx, ticketOf(id, "", user)))
			var placed atomic.Int64
			together(2, func(i int) {
				pool, err := stores[i].TakePool(ctx, "othello", "duel")
				if err != nil {
					t.Errorf("take pool: %v", err)
				}
				m := placement("", id)
				m.Room.ID = fmt.Sprintf("m%d-%d", n, i)
				err = stores[i].PlaceMatch(ctx, pool, m, begin)
				switch {
				case err == nil:
					placed.Add(1)
				case !errors.Is(err, store.ErrStaleTerm):
					t.want("place", err, store.ErrTicketOver)
				}
			})
			seats, err := stores[0].SeatsOf(ctx, user)
			t.fatal("list seats", err)
			equal(t, "placed, and seats", words(placed.Load(), len(seats)), words(1, 1))
		}
	}},
	{"DeletedAccountsWaitForNothing", func(t *suite) {
		s := t.open()
		users, pool := t.waiting(s, 2)
		_, err := s.DeleteAccount(t.ctx(), users[0], after(time.Minute))
		t.fatal("delete", err)
		equal(t, "ticket", t.ticket(s, "t0"), "cancelled player_left")
		t.wantTicket("place", s.PlaceMatch(t.ctx(), pool, placement("", "t0", "t1"), begin), "t0", store.ErrTicketOver)
		gone, err := s.DropTickets(t.ctx(), after(time.Hour), 10)
		t.fatal("drop", err)
		equal(t, "dropped", gone, 1)
	}},
	{"IsPartOfATransaction", func(t *suite) {
		s := t.open()
		users, pool := t.waiting(s, 2)
		undo := errors.New("undo")
		err := s.Transact(t.ctx(), func(ctx context.Context) error {
			if err := s.PlaceMatch(ctx, pool, placement("", "t0", "t1"), begin); err != nil {
				return err
			}
			return undo
		})
		t.want("transact", err, undo)
		equal(t, "ticket", t.ticket(s, "t0"), words("waiting", users[0]+"-"))
		err = s.Transact(t.ctx(), func(ctx context.Context) error {
			t.want("place an unknown one", s.PlaceMatch(ctx, pool, placement("", "t0", "t9"), begin), store.ErrTicketOver)
			return s.PlaceMatch(ctx, pool, placement("", "t0", "t1"), begin)
		})
		t.fatal("transact", err)
		equal(t, "ticket", t.ticket(s, "t0"), words("placed m", users[0]+"-"))
	}},
}
