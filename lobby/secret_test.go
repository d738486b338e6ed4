package lobby

import (
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
