package lobby

import (
	"maps"
	"regexp"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/madang-games/madang/store"
)

type grantJSON struct {
	Items     map[string]int64 `json:"items" check:"required,min=1,max=32" doc:"What is given, or taken where it is less than zero, by item; gold is one."`
	Reference string           `json:"reference" check:"max=100" doc:"What the grant is made for, such as ticket/4711: of one reference only the first is made. Left out: a new one."`
	because
}

type grantedJSON struct {
	Reference string           `json:"reference" doc:"The posting's in the ledger."`
	Repeated  bool             `json:"repeated" doc:"The same was granted before by this reference, and nothing was done now."`
	Left      map[string]int64 `json:"left" doc:"What the account had of each afterwards."`
}

// ledgerLineJSON is a line of an account's ledger as operators see it.
type ledgerLineJSON struct {
	entryJSON
	Reference string `json:"reference"`
}

type ledgerJSON struct {
	Entries []ledgerLineJSON `json:"entries"`
	Next    string           `json:"next" doc:"The cursor of the next page; empty after the last."`
}

type checkedJSON struct {
	Faults []string `json:"faults" doc:"Sentences, at most 100; none is good."`
}

var referenceUsed = adminEntry(409, "reference_used", "The reference was used for something else", "By this reference something else was granted, or somebody else.")

var goodReference = regexp.MustCompile(`^[A-Za-z0-9._/-]{1,100}$`)

// reasonAdmin is what players see in their ledger.
const reasonAdmin = "admin"

func (a *Admin) addLedger() {
	adminDo(a, "POST", "/accounts/:id/grants", "account.grant", "Give an account gold and items, or take them, all of it or nothing", a.grant, nil)
	adminGet(a, "/accounts/:id/ledger", "How an account came by what it has, newest first", a.ledger)
	adminGet(a, "/ledger/check", "Look whether the whole ledger explains all balances. It reads everything.", a.checkLedger)
}

func (a *Admin) grant(c *Context, in grantJSON) (out grantedJSON, _ deed, err error) {
	user, err := pathID(c, userNotFound)
	if err != nil {
		return out, deed{}, err
	}
	out.Reference = reasonAdmin + "/" + in.Reference
	switch {
	case in.Reference == "":
		fresh, err := uuid.NewV7()
		if err != nil {
			return out, deed{}, err
		}
		out.Reference += fresh.String()
	case !goodReference.MatchString(in.Reference):
		return out, deed{}, badRequest.because("A reference has letters, digits and . _ / - only.")
	}
	p := store.Posting{Reference: out.Reference, Reason: reasonAdmin, At: c.now()}
	for _, item := range slices.Sorted(maps.Keys(in.Items)) {
		count := in.Items[item]
		if count == 0 || count < -MaxCount || count > MaxCount {
			return out, deed{}, badRequest.because("An amount is 1 to %d, or as much below zero.", int64(MaxCount))
		}
		both, ok := c.shelf.entries(user, store.House, Amount{item, count})
		if !ok {
			return out, deed{}, unknownItem
		}
		p.Entries = append(p.Entries, both...)
	}
	posted, err := c.ledger.Post(c.ctx, p)
	if err != nil {
		return out, deed{}, orNotFound(err, userNotFound)
	}
	out.Repeated, out.Left = posted.Repeated, map[string]int64{}
	same := true
	for _, l := range posted.Lines {
		if l.Account == user {
			out.Left[l.Item] = l.Balance
			same = same && in.Items[l.Item] == l.Amount
		}
	}
	if !same || len(out.Left) != len(in.Items) {
		return out, deed{}, referenceUsed
	}
	return out, deed{user: user, target: out.Reference, none: posted.Repeated}, nil
}

func (a *Admin) ledger(c *Context, in pageJSON) (out ledgerJSON, err error) {
	cursor, limit, err := in.page()
	if err != nil {
		return out, err
	}
	user, err := a.findUser(c)
	if err != nil {
		return out, err
	}
	lines, next, err := a.store.Ledger(c.ctx, user, cursor, limit)
	if err != nil {
		return out, orNotFound(err, badCursor)
	}
	out = ledgerJSON{Entries: make([]ledgerLineJSON, len(lines)), Next: next}
	for i, l := range lines {
		out.Entries[i] = ledgerLineJSON{
			entryJSON{strconv.FormatInt(l.Posting, 10), l.At.UTC(), l.Reason, l.Item, l.Amount, l.Asked, l.Balance}, l.Reference,
		}
	}
	return out, nil
}

func (a *Admin) checkLedger(c *Context, _ struct{}) (checkedJSON, error) {
	faults, err := a.store.CheckLedger(c.ctx)
	return checkedJSON{append([]string{}, faults...)}, err
}
