package storetest

import (
	"strings"
	"sync/atomic"
	"time"

	"github.com/madang-games/madang/store"
)

// party makes a party of size 4 of the users, the first of whom leads.
func (t *suite) party(s store.Store, id string, users ...string) store.Party {
	t.Helper()
	p, err := s.CreateParty(t.ctx(), store.Party{ID: id, Code: "code-" + id, Size: 4}, users[0], begin)
	t.fatal("create party", err)
	for i, user := range users[1:] {
		p, err = s.JoinPartyByCode(t.ctx(), "code-"+id, user, after(time.Duration(i+1)*time.Second))
		t.fatal("join party", err)
	}
	return p
}

// members are the users of a party, in order.
func members(p store.Party) string {
	var users []string
	for _, m := range p.Members {
		users = append(users, m.User)
	}
	return strings.Join(users, " ")
}

var partyCases = []testCase{
	{"BeginsWithItsMaker", func(t *suite) {
		s := t.open()
		user := t.user(s)
		p, err := s.CreateParty(t.ctx(), store.Party{ID: "p", Code: "abc", Size: 4}, user, begin)
		t.fatal("create", err)
		equal(t, "created", words(p), words(store.Party{ID: "p", Code: "abc", Size: 4, Members: []store.Member{{User: user, Name: "Player 1", Since: begin}}}))
		found, err := s.Party(t.ctx(), "p")
		t.fatal("find", err)
		equal(t, "found", words(found), words(p))
		found, err = s.PartyOf(t.ctx(), user)
		t.fatal("find by member", err)
		equal(t, "found by member", words(found), words(p))
		_, err = s.CreateParty(t.ctx(), store.Party{ID: "q", Code: "def", Size: 4}, user, begin)
		t.want("create another", err, store.ErrInParty)
		_, err = s.Party(t.ctx(), "q")
		t.want("find what was refused", err, store.ErrNotFound)
		_, err = s.CreateParty(t.ctx(), store.Party{ID: "q", Code: "abc", Size: 4}, t.user(s), begin)
		t.want("create with the same code", err, store.ErrCodeTaken)
		_, err = s.CreateParty(t.ctx(), store.Party{ID: "q", Code: "def", Size: 4}, "nobody", begin)
		t.want("create for nobody", err, store.ErrNotFound)
		_, err = s.PartyOf(t.ctx(), "nobody")
		t.want("of nobody", err, store.ErrNotFound)
	}},
	{"WhoIsInvitedJoinsOnce", func(t *suite) {
		s := t.open()
		leader, user := t.user(s), t.user(s)
		t.party(s, "p", leader)
		_, err := s.JoinParty(t.ctx(), "p", user, begin)
		t.want("join uninvited", err, store.ErrNotFound)
		t.fatal("invite", s.InviteToParty(t.ctx(), "p", leader, user, begin))
		t.fatal("invite again", s.InviteToParty(t.ctx(), "p", leader, user, after(time.Minute)))
		invites, err := s.PartyInvites(t.ctx(), user)
		t.fatal("list invites", err)
		equal(t, "invites", words(invites), words([]store.PartyInvite{{Party: "p", By: leader, Name: "Player 1", At: after(time.Minute)}}))
		p, err := s.JoinParty(t.ctx(), "p", user, begin)
		t.fatal("join", err)
		equal(t, "members", members(p), leader+" "+user)
		p, err = s.JoinParty(t.ctx(), "p", user, begin)
		t.fatal("join again", err)
		equal(t, "members after joining again", members(p), leader+" "+user)
		invites, err = s.PartyInvites(t.ctx(), user)
		t.fatal("list invites", err)
		equal(t, "invites left", len(invites), 0)
		t.want("invite a member", s.InviteToParty(t.ctx(), "p", leader, user, begin), store.ErrInParty)
		_, _, err = s.LeaveParty(t.ctx(), "p", user, begin)
		t.fatal("leave", err)
		_, err = s.JoinParty(t.ctx(), "p", user, begin)
		t.want("join after leaving", err, store.ErrNotFound)
		t.fatal("invite", s.InviteToParty(t.ctx(), "p", leader, user, begin))
		t.fatal("drop", s.DropPartyInvite(t.ctx(), "p", user))
		t.fatal("drop again", s.DropPartyInvite(t.ctx(), "p", user))
		_, err = s.JoinParty(t.ctx(), "p", user, begin)
		t.want("join after the invitation was dropped", err, store.ErrNotFound)
		t.want("invite to an unknown one", s.InviteToParty(t.ctx(), "q", leader, user, begin), store.ErrNotFound)
		t.want("invite by a stranger", s.InviteToParty(t.ctx(), "p", user, t.user(s), begin), store.ErrNotFound)
		t.want("invite nobody", s.InviteToParty(t.ctx(), "p", leader, "nobody", begin), store.ErrNotFound)
		for range store.MaxPartyInvites {
			t.fatal("invite", s.InviteToParty(t.ctx(), "p", leader, t.user(s), begin))
		}
		t.want("invite one too many", s.InviteToParty(t.ctx(), "p", leader, user, begin), store.ErrFull)
	}},
	{"LeadershipPassesOn", func(t *suite) {
		s := t.open()
		a, b, c := t.user(s), t.user(s), t.user(s)
		t.party(s, "p", a, b, c)
		_, _, err := s.KickFromParty(t.ctx(), "p", b, c, begin)
		t.want("kick by a member", err, store.ErrNotLeader)
		_, _, err = s.KickFromParty(t.ctx(), "p", t.user(s), c, begin)
		t.want("kick by a stranger", err, store.ErrNotFound)
		left, cancelled, err := s.LeaveParty(t.ctx(), "p", a, begin)
		t.fatal("leave", err)
		equal(t, "left", members(left), b+" "+c)
		equal(t, "cancelled", cancelled, nil)
		_, _, err = s.LeaveParty(t.ctx(), "p", a, begin)
		t.want("leave again", err, store.ErrNotFound)
		_, _, err = s.KickFromParty(t.ctx(), "p", b, a, begin)
		t.want("kick who has left", err, store.ErrNotFound)
		left, _, err = s.KickFromParty(t.ctx(), "p", b, c, begin)
		t.fatal("kick", err)
		equal(t, "left", members(left), b)
		_, err = s.JoinPartyByCode(t.ctx(), "code-p", a, begin)
		t.fatal("come back", err)
		left, _, err = s.LeaveParty(t.ctx(), "p", b, begin)
		t.fatal("leave", err)
		equal(t, "who came back leads", members(left), a)
		left, _, err = s.LeaveParty(t.ctx(), "p", a, begin)
		t.fatal("leave", err)
		equal(t, "left", members(left), "")
		_, err = s.Party(t.ctx(), "p")
		t.want("find what has ended", err, store.ErrNotFound)
		_, err = s.JoinPartyByCode(t.ctx(), "code-p", a, begin)
		t.want("join what has ended", err, store.ErrNotFound)
	}},
	{"ItsSizeHoldsWhoeverComesAtOnce", func(t *suite) {
		stores := []store.Store{t.open(), t.open()}
		ctx := t.ctx()
		t.party(stores[0], "p", t.user(stores[0]))
		var users []string
		for range 12 {
			users = append(users, t.user(stores[0]))
		}
		var in, full atomic.Int64
		together(len(users), func(i int) {
			switch _, err := stores[i%2].JoinPartyByCode(ctx, "code-p", users[i], begin); {
			case err == nil:
				in.Add(1)
			default:
				t.want("join", err, store.ErrPartyFull)
				full.Add(1)
			}
		})
		equal(t, "joined and refused", words(in.Load(), full.Load()), words(3, 9))
		p, err := stores[0].Party(ctx, "p")
		t.fatal("find", err)
		equal(t, "members", len(p.Members), 4)
	}},
	{"NobodyIsInTwo", func(t *suite) {
		stores := []store.Store{t.open(), t.open()}
		ctx := t.ctx()
		t.party(stores[0], "p", t.user(stores[0]))
		t.party(stores[0], "q", t.user(stores[0]))
		for range 10 {
			user := t.user(stores[0])
			var in atomic.Int64
			together(2, func(i int) {
				party := []string{"p", "q"}[i]
				switch _, err := stores[i].JoinPartyByCode(ctx, "code-"+party, user, begin); {
				case err == nil:
					in.Add(1)
				default:
					t.want("join", err, store.ErrInParty)
				}
			})
			equal(t, "parties joined", in.Load(), 1)
			p, err := stores[0].PartyOf(ctx, user)
			t.fatal("find", err)
			_, _, err = stores[0].LeaveParty(ctx, p.ID, user, begin)
			t.fatal("leave", err)
		}
	}},
	{"WhileItSearchesNobodyJoins", func(t *suite) {
		s := t.open()
		a, b := t.user(s), t.user(s)
		t.party(s, "p", a, b)
		t.fatal("add", s.AddTicket(t.ctx(), ticketOf("t", "p", a, b)))
		_, err := s.JoinPartyByCode(t.ctx(), "code-p", t.user(s), begin)
		t.want("join", err, store.ErrSearching)
		left, cancelled, err := s.LeaveParty(t.ctx(), "p", b, after(time.Minute))
		t.fatal("leave", err)
		equal(t, "left", members(left), a)
		if cancelled == nil {
			t.Fatalf("leaving cancelled no ticket")
		}
		equal(t, "cancelled", words(cancelled.ID, cancelled.State, cancelled.Reason), words("t", store.TicketCancelled, "player_left"))
		equal(t, "ticket", t.ticket(s, "t"), words("cancelled player_left", a+"-", b+"-"))
		_, err = s.JoinPartyByCode(t.ctx(), "code-p", b, begin)
		t.fatal("join again", err)
	}},
	{"OldOnesAreDropped", func(t *suite) {
		s := t.open()
		a, b, c, d := t.user(s), t.user(s), t.user(s), t.user(s)
		t.party(s, "old", a)
		t.party(s, "searches", b)
		t.fatal("add", s.AddTicket(t.ctx(), ticketOf("t", "searches", b)))
		t.party(s, "young", c, d) // changed a second after begin
		t.fatal("invite", s.InviteToParty(t.ctx(), "old", a, d, begin))
		gone, err := s.DropParties(t.ctx(), after(time.Second), 10)
		t.fatal("drop", err)
		equal(t, "dropped", gone, 1)
		_, err = s.PartyOf(t.ctx(), a)
		t.want("of the old one", err, store.ErrNotFound)
		_, err = s.PartyOf(t.ctx(), b)
		t.fatal("of the one that searches", err)
		_, err = s.PartyOf(t.ctx(), c)
		t.fatal("of the young one", err)
	}},
	{"DeletedAccountsLeaveIt", func(t *suite) {
		s := t.open()
		a, b := t.user(s), t.user(s)
		t.party(s, "p", a, b)
		t.fatal("add", s.AddTicket(t.ctx(), ticketOf("t", "p", a, b)))
		_, err := s.DeleteAccount(t.ctx(), a, after(time.Minute))
		t.fatal("delete", err)
		p, err := s.Party(t.ctx(), "p")
		t.fatal("find", err)
		equal(t, "members", members(p), b)
		equal(t, "ticket", t.ticket(s, "t"), words("cancelled player_left", b+"-"))
		t.fatal("the other searches on", s.AddTicket(t.ctx(), ticketOf("u", "p", b)))
		_, err = s.DeleteAccount(t.ctx(), b, after(time.Minute))
		t.fatal("delete", err)
		_, err = s.JoinPartyByCode(t.ctx(), "code-p", t.user(s), begin)
		t.want("join a party without members", err, store.ErrNotFound)
		gone, err := s.DropParties(t.ctx(), after(time.Hour), 10)
		t.fatal("drop", err)
		equal(t, "dropped", gone, 1)
	}},
}
