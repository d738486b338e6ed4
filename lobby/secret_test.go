package lobby

import (
	"context"
	"fmt"
	"testing"

	"github.com/madang-games/madang/store"
)

func TestSecretsAreChanged(t *testing.T) {
	t.Parallel()
	for platform, c := range map[string]struct{ old, fresh, other, stranger string }{
		"password": {"mina:correct horse", "Mina:another horse", "bora:another horse", "bora:correct horse"},
		"custom":   {"device-1:0123456789abcdef", "device-1:fedcba9876543210", "device-2:fedcba9876543210", "device-2:0123456789abcdef"},
	} {
		t.Run(platform, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			token := func(text string) string { return fmt.Sprintf(`{"platform":%q,"token":%q}`, platform, text) }
			var in, other signedIn
			f.do("POST", "/v1/register", "", token(c.old)).into(t, 201, &in)
			f.do("POST", "/v1/register", "", token(c.stranger)).into(t, 201, &other)
			change := func(session, old, fresh string) reply {
				return f.do("PUT", "/v1/user/identities/"+platform, session, fmt.Sprintf(`{"token":%q,"new":%q}`, old, fresh))
			}
			change(in.Token, c.old+"x", c.fresh).refused(t, 401, "wrong_token")
			change(other.Token, c.old, c.fresh).refused(t, 401, "wrong_token")
			change(in.Token, c.old, c.other).refused(t, 400, "bad_request")
			change(in.Token, c.old, "x").refused(t, 400, "bad_request")
			change(in.Token, c.old, c.fresh).into204(t)
			change(in.Token, c.old, c.fresh).refused(t, 401, "wrong_token")
			if got := f.do("GET", "/v1/user", in.Token, "").status; got != 200 {
				t.Errorf("the session gets %d", got)
			}
			f.do("POST", "/v1/login", "", token(c.old)).refused(t, 401, "wrong_token")
			f.do("POST", "/v1/login", "", token(c.fresh)).into(t, 200, &in)
			f.store.fail(store.ErrUnavailable)
			change(in.Token, c.fresh, c.old).refused(t, 503, "unavailable")
		})
	}
	f := newFixture(t)
	in := f.guest()
	f.do("PUT", "/v1/user/identities/guest", in.Token, `{"token":"x","new":"y"}`).refused(t, 404, "identity_not_found")
	f.do("PUT", "/v1/user/identities/custom", in.Token, `{"token":"device-9:0123456789abcdef","new":"device-9:0123456789abcdeX"}`).refused(t, 401, "wrong_token")
}

// changingStore lets another change of a password come in once the old one has been read.
type changingStore struct {
	*mapStore
	then func()
}

func (s *changingStore) Credentials(ctx context.Context, id store.Identity) (store.Account, string, error) {
	a, kept, err := s.mapStore.Credentials(ctx, id)
	s.then()
	return a, kept, err
}

func TestAChangeOfPasswordUndoesNoNewerOne(t *testing.T) {
	t.Parallel()
	changing := &changingStore{then: func() {}}
	f := newFixture(t, func(_ *App, c *Config) {
		changing.mapStore = c.Store.(*mapStore)
		c.Store = changing
	})
	var in signedIn
	f.do("POST", "/v1/register", "", `{`+passwordMina+`}`).into(t, 201, &in)
	p, err := passwordProof("mina@example.org:correct horse")
	if err != nil {
		t.Fatal(err)
	}
	newer, err := f.lobby.hasher.hash(t.Context(), "192.0.2.1", "a newer horse")
	if err != nil {
		t.Fatal(err)
	}
	changing.then = func() { f.store.secrets[p.id] = newer }
	f.do("PUT", "/v1/user/identities/password", in.Token, `{"token":"mina@example.org:correct horse","new":"mina@example.org:older horse"}`).refused(t, 401, "wrong_token")
	if got := f.store.secrets[p.id]; got != newer {
		t.Errorf("the newer password is gone")
	}
}
