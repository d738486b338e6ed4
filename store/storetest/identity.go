package storetest

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/madang-games/madang/store"
)

func identity(platform, subject string) store.Identity {
	return store.Identity{Platform: platform, Subject: subject}
}

// platforms is those of the account's identities, in their order.
func (t *suite) platforms(s store.Store, user string) string {
	t.Helper()
	linked, err := s.IdentitiesOf(t.ctx(), user)
	t.fatal("list identities", err)
	var names []any
	for _, l := range linked {
		names = append(names, l.Platform)
	}
	return words(names...)
}

// known makes an account with an identity and returns its id.
func (t *suite) known(s store.Store, name string, id store.Identity) string {
	t.Helper()
	a, created, err := s.CreateAccount(t.ctx(), store.Account{
		ID: "id of " + name, Name: name, Guest: id.Platform == "guest", CreatedAt: begin}, id)
	t.fatal("create account", err)
	equal(t, "created", created, true)
	return a.ID
}

var identityCases = []testCase{
	{"KeepsTheSecret", func(t *suite) {
		s := t.open()
		user := t.known(s, "Mina", store.Identity{Platform: "password", Subject: "mina", Secret: "hash 1"})
		a, secret, err := s.Credentials(t.ctx(), identity("password", "mina"))
		t.fatal("find", err)
		equal(t, "account", a.ID, user)
		equal(t, "secret", secret, "hash 1")
		_, _, err = s.Credentials(t.ctx(), identity("password", "nobody"))
		t.want("find nobody", err, store.ErrNotFound)
		t.fatal("change", s.SetSecret(t.ctx(), store.Identity{Platform: "password", Subject: "mina", Secret: "hash 2"}, "hash 1"))
		t.want("change again", s.SetSecret(t.ctx(), store.Identity{Platform: "password", Subject: "mina", Secret: "hash 3"}, "hash 1"), store.ErrNotFound)
		t.want("change nobody's", s.SetSecret(t.ctx(), store.Identity{Platform: "password", Subject: "nobody", Secret: "hash 3"}, ""), store.ErrNotFound)
		_, secret, err = s.Credentials(t.ctx(), identity("password", "mina"))
		t.fatal("find", err)
		equal(t, "secret", secret, "hash 2")
	}},
	{"AGuestThatLinksKeepsEverything", func(t *suite) {
		s := t.open()
		user := t.known(s, "Mina", identity("guest", "aa"))
		before, err := s.Account(t.ctx(), user)
		t.fatal("find", err)
		a, err := s.LinkIdentity(t.ctx(), user, store.Identity{Platform: "google", Subject: "123", Secret: ""}, after(time.Hour))
		t.fatal("link", err)
		before.Guest = false
		equal(t, "account", a, before)
		for _, id := range []store.Identity{identity("guest", "aa"), identity("google", "123")} {
			got, err := s.AccountByIdentity(t.ctx(), id)
			t.fatal("find by "+id.Platform, err)
			equal(t, "by "+id.Platform, got, a)
		}
		linked, err := s.IdentitiesOf(t.ctx(), user)
		t.fatal("list", err)
		equal(t, "identities", words(linked[0], linked[1]), words(store.Linked{Platform: "google", LinkedAt: after(time.Hour)}, store.Linked{Platform: "guest", LinkedAt: begin}))
		a, err = s.UnlinkIdentity(t.ctx(), user, "google")
		t.fatal("unlink", err)
		equal(t, "guest again", a.Guest, true)
		_, err = s.AccountByIdentity(t.ctx(), identity("google", "123"))
		t.want("find by what was unlinked", err, store.ErrNotFound)
	}},
	{"LinkingIsRefused", func(t *suite) {
		s := t.open()
		user, other := t.known(s, "Mina", identity("guest", "aa")), t.known(s, "Bora", identity("google", "123"))
		_, err := s.LinkIdentity(t.ctx(), user, identity("google", "123"), begin)
		t.want("another's", err, store.ErrIdentityTaken)
		_, err = s.LinkIdentity(t.ctx(), "nobody", identity("google", "9"), begin)
		t.want("nobody", err, store.ErrNotFound)
		_, err = s.LinkIdentity(t.ctx(), other, identity("google", "456"), begin)
		t.want("a second one of the platform", err, store.ErrPlatformLinked)
		_, err = s.LinkIdentity(t.ctx(), other, identity("google", "123"), begin)
		t.fatal("its own again", err)
		equal(t, "identities", t.platforms(s, user), "guest")
		equal(t, "identities", t.platforms(s, other), "google")
		a, err := s.Account(t.ctx(), user)
		t.fatal("find", err)
		equal(t, "still a guest", a.Guest, true)
	}},
	{"TheLastIdentityStays", func(t *suite) {
		s := t.open()
		user := t.known(s, "Mina", identity("google", "123"))
		_, err := s.UnlinkIdentity(t.ctx(), user, "google")
		t.want("unlink the last", err, store.ErrLastIdentity)
		_, err = s.UnlinkIdentity(t.ctx(), user, "apple")
		t.want("unlink what it has not", err, store.ErrNotFound)
		_, err = s.UnlinkIdentity(t.ctx(), "nobody", "apple")
		t.want("unlink nobody", err, store.ErrNotFound)
		equal(t, "identities", t.platforms(s, user), "google")
		equal(t, "identities of nobody", t.platforms(s, "nobody"), "")
	}},
	{"OneIdentityAtOnceGoesToOne", func(t *suite) {
		stores := []store.Store{t.open(), t.open()}
		ctx := t.ctx()
		users := make([]string, 20)
		for i := range users {
			users[i] = t.known(stores[0], fmt.Sprintf("Mina %d", i), identity("guest", fmt.Sprint(i)))
		}
		var mu sync.Mutex
		won := 0
		together(len(users), func(i int) {
			_, err := stores[i%2].LinkIdentity(ctx, users[i], identity("google", "123"), begin)
			switch {
			case err == nil:
				mu.Lock()
				won++
				mu.Unlock()
			case !errors.Is(err, store.ErrIdentityTaken):
				t.Errorf("link: %v", err)
			}
		})
		equal(t, "linked", won, 1)
	}},
	{"UnlinkingTwoAtOnceLeavesOne", func(t *suite) {
		stores := []store.Store{t.open(), t.open()}
		ctx := t.ctx()
		for i := range 10 {
			user := t.known(stores[0], fmt.Sprintf("Mina %d", i), identity("apple", fmt.Sprint(i)))
			_, err := stores[0].LinkIdentity(ctx, user, identity("google", fmt.Sprint(i)), begin)
			t.fatal("link", err)
			errs := make([]error, 2)
			together(2, func(i int) { _, errs[i] = stores[i].UnlinkIdentity(ctx, user, []string{"apple", "google"}[i]) })
			if (errs[0] == nil) == (errs[1] == nil) || !errors.Is(errors.Join(errs...), store.ErrLastIdentity) {
				t.Errorf("got %v and %v, want one %v", errs[0], errs[1], store.ErrLastIdentity)
			}
		}
	}},
}

var profileCases = []testCase{
	{"ChangesWhatIsGiven", func(t *suite) {
		s := t.open()
		user := t.user(s)
		before, err := s.Account(t.ctx(), user)
		t.fatal("find", err)
		name, look, about, picture := "Mina", "look of mina", "밤나무 아래", int64(7)
		a, err := s.ChangeProfile(t.ctx(), user, store.Profile{About: &about, Picture: &picture})
		t.fatal("change", err)
		want := before
		want.About, want.Picture = about, picture
		equal(t, "account", a, want)
		a, err = s.ChangeProfile(t.ctx(), user, store.Profile{Name: &name, Look: &look})
		t.fatal("rename", err)
		want.Name, want.Look = name, look
		equal(t, "account", a, want)
		empty := ""
		a, err = s.ChangeProfile(t.ctx(), user, store.Profile{About: &empty})
		t.fatal("empty", err)
		want.About = ""
		equal(t, "account", a, want)
		a, err = s.ChangeProfile(t.ctx(), user, store.Profile{})
		t.fatal("change nothing", err)
		equal(t, "account", a, want)
		_, err = s.ChangeProfile(t.ctx(), "nobody", store.Profile{About: &about})
		t.want("change nobody", err, store.ErrNotFound)
	}},
	{"NamesAndLooksAreUnique", func(t *suite) {
		s := t.open()
		for i, name := range []string{"Mina", "Bora"} {
			_, _, err := s.CreateAccount(t.ctx(), store.Account{ID: fmt.Sprint("u", i), Name: name, Look: "look of " + name, CreatedAt: begin}, store.Identity{})
			t.fatal("create", err)
		}
		_, created, err := s.CreateAccount(t.ctx(), store.Account{ID: "u3", Name: "another", Look: "look of Mina", CreatedAt: begin}, store.Identity{})
		t.want("create one that looks alike", err, store.ErrNameTaken)
		equal(t, "created", created, false)
		for _, c := range []struct{ name, look string }{{"mINA", "x"}, {"Other", "look of Mina"}} {
			_, err := s.ChangeProfile(t.ctx(), "u1", store.Profile{Name: &c.name, Look: &c.look})
			t.want("rename to "+c.name, err, store.ErrNameTaken)
		}
		name, look := "BORA", "look of Bora"
		a, err := s.ChangeProfile(t.ctx(), "u1", store.Profile{Name: &name, Look: &look})
		t.fatal("change its own case", err)
		equal(t, "name", a.Name, "BORA")
	}},
}
