package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/madang-games/madang/store"
)

// posting is one of entries, and of what the house must give or take so that they sum to zero.
func posting(reference string, entries ...store.Entry) store.Posting {
	p := store.Posting{Reference: reference, Reason: "test", At: begin, Entries: entries}
	sums := map[string]int64{}
	for _, e := range entries {
		sums[e.Item] -= e.Amount
	}
	for item, sum := range sums {
		if sum != 0 {
			p.Entries = append(p.Entries, store.Entry{Account: store.House, Item: item, Amount: sum})
		}
	}
	return p
}

func entry(user, item string, amount int64) store.Entry {
	return store.Entry{Account: user, Item: item, Amount: amount}
}

func (t *suite) post(s store.Store, p store.Posting) store.Posted {
	t.Helper()
	posted, err := s.Post(t.ctx(), p)
	t.fatal("post "+p.Reference, err)
	equal(t, p.Reference+" repeated", posted.Repeated, false)
	return posted
}

// has is what an account has, as "gold 5 sword 1".
func (t *suite) has(s store.Store, user string) string {
	t.Helper()
	have, err := s.Inventory(t.ctx(), user)
	t.fatal("read inventory", err)
	text := fmt.Sprint("gold ", have.Gold)
	for _, h := range have.Items {
		text += fmt.Sprint(" ", h.Item, " ", h.Count)
	}
	return text
}

// sound checks the whole ledger.
func (t *suite) sound(s store.Store) {
	t.Helper()
	faults, err := s.CheckLedger(t.ctx())
	if err != nil || len(faults) > 0 {
		t.Errorf("check ledger: got %v and faults\n%s", err, strings.Join(faults, "\n"))
	}
}

// told is lines as "item amount/asked=balance (reason)".
func told(lines []store.LedgerLine) string {
	var text []string
	for _, l := range lines {
		text = append(text, fmt.Sprintf("%s %+d/%+d=%d (%s)", l.Item, l.Amount, l.Asked, l.Balance, l.Reason))
	}
	return strings.Join(text, ", ")
}

func (t *suite) ledger(s store.Store, user string) []store.LedgerLine {
	t.Helper()
	var lines []store.LedgerLine
	for cursor := ""; ; {
		page, next, err := s.Ledger(t.ctx(), user, cursor, 2)
		t.fatal("list ledger", err)
		lines = append(lines, page...)
		if cursor = next; next == "" {
			return lines
		}
	}
}

var ledgerCases = []testCase{
	{"APostingChangesBalancesAndIsListed", func(t *suite) {
		s := t.open()
		ann, bob := t.user(s), t.user(s)
		equal(t, "at first", t.has(s, ann), "gold 0")
		t.post(s, posting("r1", entry(ann, store.Gold, 100), entry(ann, "hat", 2)))
		got := t.post(s, posting("r2", entry(ann, store.Gold, -30), entry(ann, "sword", 1)))
		equal(t, "posted", told(got.Lines), "gold +30/+30=0 (test), sword -1/-1=0 (test), gold -30/-30=70 (test), sword +1/+1=1 (test)")
		p := posting("r3", entry(ann, "hat", -2), entry(bob, "hat", 2))
		p.Reason, p.At = "gift", after(time.Hour)
		t.post(s, p)
		equal(t, "ann", t.has(s, ann), "gold 70 sword 1")
		equal(t, "bob", t.has(s, bob), "gold 0 hat 2")
		lines := t.ledger(s, ann)
		equal(t, "ann's ledger", told(lines), "hat -2/-2=0 (gift), sword +1/+1=1 (test), gold -30/-30=70 (test), hat +2/+2=2 (test), gold +100/+100=100 (test)")
		equal(t, "newest", words(lines[0].Account, lines[0].Reference, lines[0].At), words(ann, "r3", after(time.Hour)))
		equal(t, "account", t.gold(s, ann), 70)
		t.sound(s)
	}},
	{"AReferenceIsPostedOnce", func(t *suite) {
		s := t.open()
		ann, bob := t.user(s), t.user(s)
		first := t.post(s, posting("r1", entry(ann, store.Gold, 100)))
		t.post(s, posting("r2", entry(ann, store.Gold, -99)))
		for _, again := range []store.Posting{
			posting("r1", entry(ann, store.Gold, 100)),
			posting("r1", entry(ann, store.Gold, -50)), // would be refused
			posting("r1", entry(bob, "hat", 7)),        // is something else
		} {
			got, err := s.Post(t.ctx(), again)
			t.fatal("post again", err)
			equal(t, "repeated", got.Repeated, true)
			equal(t, "first result", fmt.Sprint(got.Lines), fmt.Sprint(first.Lines))
		}
		equal(t, "ann", t.has(s, ann), "gold 1")
		equal(t, "bob", t.has(s, bob), "gold 0")
		t.sound(s)
	}},
	{"ManyPostTheSameReferenceAtOnce", func(t *suite) {
		stores := []store.Store{t.open(), t.open()}
		ctx, ann, bob := t.ctx(), t.user(stores[0]), t.user(stores[0])
		firsts := make([]bool, 40)
		together(len(firsts), func(i int) {
			user := ann
			if i%4 == 3 {
				user = bob // whoever comes first
			}
			got, err := stores[i%2].Post(ctx, posting("r1", entry(user, store.Gold, 5)))
			if err != nil {
				t.Errorf("post: %v", err)
			}
			firsts[i] = err == nil && !got.Repeated
		})
		n := 0
		for _, first := range firsts {
			if first {
				n++
			}
		}
		equal(t, "firsts", n, 1)
		equal(t, "gold", t.gold(stores[0], ann)+t.gold(stores[0], bob), 5)
		t.sound(stores[0])
	}},
	{"ABalanceIsNeverBelowZeroOrAboveItsLimit", func(t *suite) {
		s := t.open()
		ann, bob := t.user(s), t.user(s)
		t.post(s, posting("r1", entry(ann, store.Gold, 10), entry(ann, "hat", 3), entry(bob, "hat", 4)))
		limited := func(e store.Entry, most int64) store.Entry { e.Limit = most; return e }
		for _, c := range []struct {
			entries       []store.Entry
			want          error
			account, item string
		}{
			{[]store.Entry{entry(ann, store.Gold, -11), entry(ann, "hat", 1)}, store.ErrShort, ann, store.Gold},
			{[]store.Entry{entry(ann, "hat", -4), entry(bob, "hat", 4)}, store.ErrShort, ann, "hat"},
			{[]store.Entry{entry(ann, "ring", -1)}, store.ErrShort, ann, "ring"},
			{[]store.Entry{entry(ann, store.Gold, -5), limited(entry(ann, "hat", 1), 3)}, store.ErrFull, ann, "hat"},
			{[]store.Entry{entry(ann, "hat", -2), limited(entry(bob, "hat", 2), 5)}, store.ErrFull, bob, "hat"},
			{[]store.Entry{entry(ann, store.Gold, store.MaxBalance-9)}, store.ErrFull, ann, store.Gold},
			{[]store.Entry{entry(ann, "hat", store.MaxBalance)}, store.ErrFull, ann, "hat"},
			{[]store.Entry{limited(entry(ann, "ring", 2), 1)}, store.ErrFull, ann, "ring"},
		} {
			_, err := s.Post(t.ctx(), posting("refused", c.entries...))
			t.want("post", err, c.want)
			short, _ := errors.AsType[*store.BalanceError](err)
			if short == nil || short.Account != c.account || short.Item != c.item {
				t.Errorf("post %v: got %v, want it to name %s of %s", c.entries, err, c.item, c.account)
			}
		}
		equal(t, "ann", t.has(s, ann), "gold 10 hat 3")
		equal(t, "bob", t.has(s, bob), "gold 0 hat 4")
		t.sound(s)
		// What was refused has left its reference free; who is above a lowered limit may still give.
		t.post(s, posting("refused", limited(entry(bob, "hat", -1), 2), limited(entry(ann, "hat", 1), 4), entry(ann, store.Gold, store.MaxBalance-10)))
		equal(t, "ann", t.has(s, ann), fmt.Sprint("gold ", store.MaxBalance, " hat 4"))
		t.sound(s)
	}},
	{"NobodyHasNothing", func(t *suite) {
		s := t.open()
		ann := t.user(s)
		for _, nobody := range []string{"nobody", "\x00", "\xff"} {
			_, err := s.Post(t.ctx(), posting("r1", entry(ann, "hat", 1), entry(nobody, "hat", 1)))
			t.want("post", err, store.ErrNotFound)
			_, err = s.Inventory(t.ctx(), nobody)
			t.want("inventory", err, store.ErrNotFound)
			lines, next, err := s.Ledger(t.ctx(), nobody, "", 5)
			t.fatal("ledger", err)
			equal(t, "lines", len(lines), 0)
			equal(t, "next", next, "")
		}
		equal(t, "ann", t.has(s, ann), "gold 0")
		t.sound(s)
	}},
	{"WhatIsNoPostingIsRefused", func(t *suite) {
		s := t.open()
		ann := t.user(s)
		long := strings.Repeat("x", store.MaxReference+1)
		good := posting("r", entry(ann, "hat", 1))
		for name, spoil := range map[string]func(p *store.Posting){
			"no reference":     func(p *store.Posting) { p.Reference = "" },
			"long reference":   func(p *store.Posting) { p.Reference = long },
			"binary reference": func(p *store.Posting) { p.Reference = "a\x00" },
			"no reason":        func(p *store.Posting) { p.Reason = "" },
			"long reason":      func(p *store.Posting) { p.Reason = long },
			"no entries":       func(p *store.Posting) { p.Entries = nil },
			"one-sided":        func(p *store.Posting) { p.Entries = p.Entries[:1] },
			"sum not zero":     func(p *store.Posting) { p.Entries = []store.Entry{entry(ann, "hat", 2), entry("", "hat", -1)} },
			"another item":     func(p *store.Posting) { p.Entries = []store.Entry{entry(ann, "hat", 2), entry("", "cap", -2)} },
			"amount 0":         func(p *store.Posting) { p.Entries = append(p.Entries, entry(ann, "cap", 0)) },
			"too much": func(p *store.Posting) {
				p.Entries = []store.Entry{entry(ann, "a", store.MaxBalance+1), entry("", "a", -store.MaxBalance-1)}
			},
			"twice":     func(p *store.Posting) { p.Entries = append(p.Entries, p.Entries...) },
			"no item":   func(p *store.Posting) { p.Entries = []store.Entry{entry(ann, "", 1), entry("", "", -1)} },
			"long item": func(p *store.Posting) { p.Entries = []store.Entry{entry(ann, long, 1), entry("", long, -1)} },
			"negative limit": func(p *store.Posting) {
				p.Entries = []store.Entry{{Account: ann, Item: "hat", Amount: 1, Limit: -1}, entry("", "hat", -1)}
			},
			"too many": func(p *store.Posting) {
				p.Entries = nil
				for i := range store.MaxEntries/2 + 1 {
					p.Entries = append(p.Entries, entry(ann, fmt.Sprint(i), 1), entry("", fmt.Sprint(i), -1))
				}
			},
		} {
			p := good
			spoil(&p)
			if _, err := s.Post(t.ctx(), p); err == nil {
				t.Errorf("%s: got no error", name)
			}
		}
		equal(t, "ann", t.has(s, ann), "gold 0")
		var many []store.Entry
		for i := range store.MaxEntries / 2 {
			many = append(many, entry(ann, fmt.Sprintf("item-%02d", i), 1))
		}
		equal(t, "lines", len(t.post(s, posting("r", many...)).Lines), store.MaxEntries)
		equal(t, "listed", len(t.ledger(s, ann)), store.MaxEntries/2)
		t.sound(s)
	}},
	{"ACursorOfNoLedgerIsRefused", func(t *suite) {
		s := t.open()
		for _, cursor := range []string{"x", "1", "1.", ".hat", "0.hat", "-1.hat", "99999999999999999999.hat", "1.\x00", "1.\xff"} {
			_, _, err := s.Ledger(t.ctx(), "u", cursor, 5)
			t.want("cursor "+cursor, err, store.ErrNotFound)
		}
	}},
	{"TwoWayTransfersNeitherLockNorLose", func(t *suite) {
		stores := []store.Store{t.open(), t.open()}
		ctx := t.ctx()
		users := []string{t.user(stores[0]), t.user(stores[0]), t.user(stores[0])}
		for i, u := range users {
			t.post(stores[0], posting(fmt.Sprint("begin", i), entry(u, "coin", 100)))
		}
		together(12, func(i int) {
			from, to := users[i%3], users[(i+1+i/3%2)%3]
			for n := range 20 {
				_, err := stores[i%2].Post(ctx, posting(fmt.Sprintf("t%d-%d", i, n), entry(from, "coin", -1), entry(to, "coin", 1)))
				if err != nil {
					t.Errorf("transfer: %v", err)
				}
			}
		})
		sum := int64(0)
		for _, u := range users {
			have, err := stores[0].Inventory(ctx, u)
			t.fatal("inventory", err)
			for _, h := range have.Items {
				sum += h.Count
			}
		}
		equal(t, "coins", sum, 300)
		t.sound(stores[0])
	}},
	{"AwardsAndGrantsAreInTheLedger", func(t *suite) {
		s := t.open()
		ann, bob := t.user(s), t.user(s)
		r := t.held(s, 2)
		c := commit(r)
		c.N = 7
		c.Awards = []store.Award{{User: ann, Exp: 3, Gold: 10, Win: 1}, {User: bob, Exp: 1, Lose: 1}, {User: "nobody", Gold: 4}, {User: "\x00", Gold: 4}}
		c.Grants = []store.Grant{{User: bob, Item: "hat", Count: 2}, {User: ann, Item: "hat", Count: 5, Limit: 3}, {User: "nobody", Item: "hat", Count: 1}, {User: ann, Item: "\x00", Count: 1}}
		t.commit(s, c)
		c.Awards, c.Grants = []store.Award{{User: ann, Gold: -25}, {User: ann, Gold: 5}}, []store.Grant{
			{User: bob, Item: "hat", Count: -3}, {User: bob, Item: "cap", Count: 1}, {User: bob, Item: "cap", Count: 1}, {User: ann, Item: "cap", Count: -1},
		}
		t.commit(s, c) // of the same number: nothing was said
		equal(t, "ann", t.has(s, ann), "gold 0 hat 3")
		equal(t, "bob", t.has(s, bob), "gold 0 cap 2")
		lines := t.ledger(s, ann)
		equal(t, "ann's ledger", told(lines), "gold -10/-20=0 (room), cap +0/-1=0 (room), hat +3/+5=3 (room), gold +10/+10=10 (room)")
		equal(t, "bob's ledger", told(t.ledger(s, bob)), "hat -2/-3=0 (room), cap +2/+2=2 (room), hat +2/+2=2 (room)")
		for _, l := range lines {
			if !strings.HasPrefix(l.Reference, "room/"+r.Room.ID+"/1-7/") {
				t.Errorf("reference: got %q", l.Reference)
			}
		}
		a, err := s.Account(t.ctx(), ann)
		t.fatal("find", err)
		equal(t, "results", words(a.Exp, a.Win, a.Gold), "3 1 0")
		t.sound(s)
		c.Term++ // a worker that never was
		_, err = s.Commit(t.ctx(), c)
		t.want("commit", err, store.ErrStaleTerm)
		equal(t, "bob", t.has(s, bob), "gold 0 cap 2")
		t.sound(s)
	}},
	{"WhatAnAwardCantGiveIsCut", func(t *suite) {
		s := t.open()
		ann := t.user(s)
		r := t.held(s, 2)
		c := commit(r)
		for range 2 {
			c.Awards = []store.Award{{User: ann, Gold: 1<<63 - 1}}
			c.Grants = []store.Grant{{User: ann, Item: "hat", Count: 1<<63 - 1, Limit: 1 << 62}}
			t.commit(s, c)
		}
		equal(t, "ann", t.has(s, ann), fmt.Sprint("gold ", store.MaxBalance, " hat ", store.MaxBalance))
		c.Awards = []store.Award{{User: ann, Gold: -1 << 63}}
		c.Grants = []store.Grant{{User: ann, Item: "hat", Count: -1 << 63}}
		t.commit(s, c)
		equal(t, "ann", t.has(s, ann), "gold 0")
		t.sound(s)
	}},
	{"AnAccountMayBeginWithGold", func(t *suite) {
		s := t.open()
		_, _, err := s.CreateAccount(t.ctx(), store.Account{ID: "rich", Name: "Rich", Gold: 50, CreatedAt: begin}, store.Identity{})
		t.fatal("create", err)
		equal(t, "rich", t.has(s, "rich"), "gold 50")
		equal(t, "ledger", told(t.ledger(s, "rich")), "gold +50/+50=50 (opening)")
		t.sound(s)
	}},
	{"PostingsAreUndoneWithTheirTransaction", func(t *suite) {
		s := t.open()
		ann := t.user(s)
		t.post(s, posting("begin", entry(ann, store.Gold, 10)))
		stop := errors.New("stop")
		for _, end := range []error{stop, nil} {
			err := s.Transact(t.ctx(), func(ctx context.Context) error {
				if _, err := s.Post(ctx, posting("buy", entry(ann, store.Gold, -8), entry(ann, "hat", 1))); err != nil {
					return err
				}
				// A refusal undoes itself alone, and leaves its reference free.
				if _, err := s.Post(ctx, posting("more", entry(ann, "cap", 1), entry(ann, store.Gold, -8))); !errors.Is(err, store.ErrShort) {
					t.Errorf("post: got error %v, want %v", err, store.ErrShort)
				}
				if _, err := s.Post(ctx, posting("more", entry(ann, store.Gold, -1))); err != nil {
					return err
				}
				again, err := s.Post(ctx, posting("buy", entry(ann, store.Gold, -8), entry(ann, "hat", 1)))
				if err != nil || !again.Repeated || len(again.Lines) != 4 {
					t.Errorf("post again: got %+v, %v", again, err)
				}
				return end
			})
			t.want("transact", err, end)
			want := "gold 10"
			if end == nil {
				want = "gold 1 hat 1"
			}
			equal(t, "ann", t.has(s, ann), want)
			t.sound(s)
		}
	}},
}
