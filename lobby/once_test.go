package lobby

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/madang-games/madang/internal/testservers"
	"github.com/madang-games/madang/store"
)

// shop is a game's own routes that take gold, and fail in all ways.
type shop struct {
	runs  atomic.Int64
	after atomic.Int64
	fail  atomic.Bool // the tax office is closed
}

func (s *shop) routes(app *App) {
	bazaar(app)
	app.POST("/test/tax", func(c *Context) error {
		s.runs.Add(1)
		c.After(func(context.Context) { s.after.Add(1) })
		if s.fail.Load() {
			return errors.New("the office is closed")
		}
		r, err := c.Wallet(c.User().ID).Change("tax", "", Amount{Gold, -10})
		if err != nil {
			return err
		}
		return c.JSON(201, map[string]any{"left": r.Left[Gold], "run": s.runs.Load()})
	})
	app.POST("/test/fine/:how", func(c *Context) error {
		s.runs.Add(1)
		c.After(func(context.Context) { s.after.Add(1) })
		if _, err := c.Wallet(c.User().ID).Change("fine", "", Amount{Gold, -1}); err != nil {
			return err
		}
		switch c.Param("how") {
		case "refused":
			return Problem(409, "too_honest", fmt.Sprintf("Refused for the time %d.", s.runs.Load()))
		case "signed-out":
			return notSignedIn
		case "limited":
			return rateLimited
		case "panic":
			panic("the judge is mad")
		case "nothing":
			return nil
		}
		return errors.New("the judge is away")
	})
}

// two are two lobbies of one deployment, with a fresh database.
type two struct {
	*fixture // one of them
	other    *fixture
	shop     *shop
}

func newTwo(t *testing.T, dsn string, change ...func(*App, *Config)) two {
	t.Helper()
	tokens, err := newRing()
	if err != nil {
		t.Fatal(err)
	}
	w := two{shop: &shop{}}
	one := func() *fixture {
		s := database(t, dsn)
		return newFixture(t, append([]func(*App, *Config){func(app *App, c *Config) {
			w.shop.routes(app)
			c.Store, c.Tokens = s, tokens
		}}, change...)...)
	}
	w.fixture, w.other = one(), one()
	return w
}

func onBoth(t *testing.T, test func(t *testing.T, dsn string)) {
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		test(t, "sqlite:"+filepath.Join(t.TempDir(), "madang.db"))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		test(t, testservers.Postgres(t))
	})
}

func keyed(key string) func(*http.Request) {
	return func(r *http.Request) { r.Header["Idempotency-Key"] = []string{key} }
}

func (r reply) String() string {
	return fmt.Sprintf("%d %s %s %s", r.status, r.header.Get("Content-Type"), r.header.Get("Retry-After"), r.body)
}

// gold is how much the player has.
func (f *fixture) gold(in signedIn) (have int64) {
	f.t.Helper()
	inventory, err := f.lobby.config.Store.Inventory(f.t.Context(), in.User.ID)
	if err != nil {
		f.t.Fatal(err)
	}
	return inventory.Gold
}

func TestAHundredOfOnePurchaseAtTwoLobbies(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		w := newTwo(t, dsn)
		in := w.guest()
		w.change(in, "", Amount{Gold, 1000})
		for _, call := range []struct{ path, body string }{
			{"/v1/items/potion/purchase", `{"count":2}`}, {"/v1/test/tax", ``},
		} {
			replies := make([]reply, 100)
			var all sync.WaitGroup
			start := make(chan struct{})
			for i := range replies {
				all.Go(func() {
					<-start
					replies[i] = []*fixture{w.fixture, w.other}[i%2].do("POST", call.path, in.Token, call.body, keyed(call.path))
				})
			}
			close(start)
			all.Wait()
			for _, r := range replies {
				if r.String() != replies[0].String() || r.status > 299 {
					t.Errorf("%s: got %s\nand %s", call.path, r, replies[0])
				}
			}
		}
		if got := w.gold(in); got != 1000-60-10 {
			t.Errorf("got %d gold left, want %d", got, 1000-60-10)
		}
		if after := w.shop.after.Load(); after != 1 {
			t.Errorf("got %d done after the commit, want 1", after)
		}
	})
}

func TestWhatAKeyNames(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		w := newTwo(t, dsn)
		in, friend := w.guest(), w.guest()
		for _, who := range []signedIn{in, friend} {
			w.change(who, "", Amount{Gold, 100})
		}
		first := w.do("POST", "/v1/test/tax", in.Token, `{}`, keyed("k 1"))
		if want := `{"left":90,"run":1}`; first.status != 201 || string(first.body) != want {
			t.Fatalf("got %s, want %s", first, want)
		}
		for name, again := range map[string]reply{
			"here": w.do("POST", "/v1/test/tax", in.Token, `{}`, keyed("k 1")), "there": w.other.do("POST", "/v1/test/tax", in.Token, `{}`, keyed("k 1")),
		} {
			if again.String() != first.String() {
				t.Errorf("again %s: got %s, want %s", name, again, first)
			}
		}
		w.other.do("POST", "/v1/test/tax", in.Token, `{ }`, keyed("k 1")).refused(t, 422, "idempotency_key_reused")
		w.do("POST", "/v1/test/tax?a=b", in.Token, `{}`, keyed("k 1")).refused(t, 422, "idempotency_key_reused")
		w.do("POST", "/v1/items/potion/purchase", in.Token, `{}`, keyed("k 1")).refused(t, 422, "idempotency_key_reused")
		w.do("POST", "/v1/test/tax", friend.Token, `{}`, keyed("k 1")).into(t, 201, &struct{ Left, Run int }{})
		w.do("POST", "/v1/test/tax", in.Token, `{}`, keyed("k 2")).into(t, 201, &struct{ Left, Run int }{})
		for range 2 {
			w.do("POST", "/v1/test/tax", in.Token, `{}`).into(t, 201, &struct{ Left, Run int }{})
		}
		if got := [2]int64{w.gold(in), w.gold(friend)}; got != [2]int64{60, 90} {
			t.Errorf("got %d gold, want 60 and 90", got)
		}
		long := strings.Repeat("~", maxKey)
		w.do("POST", "/v1/test/tax", in.Token, ``, keyed(long)).into(t, 201, &struct{ Left, Run int }{})
		for _, key := range []string{"", long + "~", "a\x7f", "a\tb", "ä"} {
			w.do("POST", "/v1/test/tax", in.Token, ``, keyed(key)).refused(t, 400, "bad_request")
		}
		w.do("POST", "/v1/test/tax", in.Token, ``, func(r *http.Request) { r.Header["Idempotency-Key"] = []string{"a", "b"} }).refused(t, 400, "bad_request")
	})
}

func TestWhatIsKeptOfACallThatFails(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		w := newTwo(t, dsn)
		in := w.guest()
		w.change(in, "", Amount{Gold, 100})
		fine := func(how string) reply { return w.do("POST", "/v1/test/fine/"+how, in.Token, ``, keyed(how)) }
		first := fine("refused")
		first.refused(t, 409, "too_honest")
		if again := fine("refused"); again.String() != first.String() || w.shop.runs.Load() != 1 {
			t.Errorf("got %s the second time and %d runs, want %s and 1", again, w.shop.runs.Load(), first)
		}
		for how, want := range map[string]int{"signed-out": 401, "limited": 429, "panic": 500, "away": 500} {
			before := w.shop.runs.Load()
			for range 2 {
				if r := fine(how); r.status != want {
					t.Errorf("%s: got %s, want %d", how, r, want)
				}
			}
			if ran := w.shop.runs.Load() - before; ran != 2 {
				t.Errorf("%s: ran %d times, want each time: nothing is kept", how, ran)
			}
		}
		if got, after := w.gold(in), w.shop.after.Load(); got != 100 || after != 0 {
			t.Errorf("got %d gold and %d done after the commit, want 100 and 0: all was undone", got, after)
		}
		for range 2 {
			if r := fine("nothing"); r.status != 204 || len(r.body) != 0 {
				t.Errorf("got %s, want 204", r)
			}
		}
		if got := w.gold(in); got != 99 {
			t.Errorf("got %d gold, want 99", got)
		}
		w.shop.fail.Store(true)
		w.do("POST", "/v1/test/tax", in.Token, ``, keyed("t")).refused(t, 500, "internal")
		w.shop.fail.Store(false)
		w.other.do("POST", "/v1/test/tax", in.Token, ``, keyed("t")).into(t, 201, &struct{ Left, Run int }{})
	})
}

func TestARouteOfTheGamesIsOneTransaction(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		w := newTwo(t, dsn)
		in := w.guest()
		w.change(in, "", Amount{Gold, 100})
		for _, how := range []string{"refused", "panic", "away"} {
			w.do("POST", "/v1/test/fine/"+how, in.Token, ``)
			if got := w.gold(in); got != 100 {
				t.Errorf("%s: got %d gold, want 100", how, got)
			}
		}
		if w.do("POST", "/v1/test/fine/nothing", in.Token, ``); w.gold(in) != 99 || w.shop.after.Load() != 1 {
			t.Errorf("got %d gold and %d done after, want 99 and 1", w.gold(in), w.shop.after.Load())
		}
	})
}

// Rooms are told of seats when these are in the store, and once.
func TestRoomsUnderAKey(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		w := newTwo(t, dsn)
		in := w.guest()
		var made, again placeJSON
		w.do("POST", "/v1/rooms", in.Token, `{"game":"pair"}`, keyed("1")).into(t, 201, &made)
		if sent, _ := w.broker.take(); len(sent) != 1 || sent[0].Room != made.Room.ID {
			t.Errorf("sent %v, want one message to room %s", sent, made.Room.ID)
		}
		w.do("POST", "/v1/rooms", in.Token, `{"game":"pair"}`, keyed("1")).into(t, 201, &again)
		if sent, _ := w.broker.take(); len(sent) != 0 || again.Room.ID != made.Room.ID {
			t.Errorf("again: sent %v, room %s, want nothing and %s", sent, again.Room.ID, made.Room.ID)
		}
		w.do("POST", "/v1/rooms", in.Token, `{"game":"nothing"}`, keyed("2")).refused(t, 404, "unknown_game")
		path := "/v1/rooms/" + made.Room.ID
		for range 2 {
			w.do("POST", path+"/leave", in.Token, ``, keyed("3"))
			w.do("POST", path+"/join", in.Token, ``, keyed("4")).into(t, 200, &again)
		}
		if sent, _ := w.broker.take(); len(sent) != 2 {
			t.Errorf("left and joined: sent %v, want 2 messages", sent)
		}

		guests := make([]signedIn, 10) // at random, at once: nobody waits for another in a circle
		for i := range guests {
			guests[i] = w.guest()
		}
		rooms := make([]placeJSON, 2*len(guests))
		var all sync.WaitGroup
		for i := range rooms {
			all.Go(func() {
				r := w.do("POST", "/v1/rooms/random", guests[i%len(guests)].Token, `{"game":"talk"}`, keyed("r"))
				if r.status != 201 {
					r.into(t, 200, &rooms[i])
					return
				}
				r.into(t, 201, &rooms[i])
			})
		}
		all.Wait()
		took := map[string]int{}
		for i, g := range guests {
			if a, b := rooms[i].Room.ID, rooms[i+len(guests)].Room.ID; a != b {
				t.Errorf("one key gave rooms %s and %s", a, b)
			}
			seats, err := w.lobby.config.Store.SeatsOf(t.Context(), g.User.ID)
			if err != nil || len(seats) != 1 {
				t.Errorf("got seats %v, %v, want one", seats, err)
				continue
			}
			took[seats[0].Room]++
		}
		if len(took) != 4 { // 3 seats each
			t.Errorf("10 players sit in %v, want 4 rooms", took)
		}
	})
}

func TestSignInsUnderAKey(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		w := newTwo(t, dsn)
		const key = "0123456789abcdef"
		device := `{"platform":"custom","token":"device-1:a-secret-of-sixteen","name":"Mina"}`
		first := w.do("POST", "/v1/register", "", device, keyed(key))
		var in signedIn
		first.into(t, 201, &in)
		if again := w.other.do("POST", "/v1/register", "", device, keyed(key)); again.String() != first.String() {
			t.Errorf("registered again: got %s\nwant %s", again, first)
		}
		if r := w.do("GET", "/v1/user", in.Token, ``); r.status != 200 {
			t.Errorf("the token that was given twice: got %s", r)
		}
		w.do("POST", "/v1/register", "", device, keyed(key+"2")).refused(t, 409, "already_registered")
		w.do("POST", "/v1/register", "", device).refused(t, 409, "already_registered")
		// Who has another secret has proved nothing, whatever the key.
		other := strings.Replace(device, "sixteen", "another", 1)
		if r := w.do("POST", "/v1/register", "", other, keyed(key)); r.status < 400 || strings.Contains(string(r.body), "token\":") {
			t.Errorf("another secret: got %s", r)
		}

		login := `{"platform":"custom","token":"device-1:a-secret-of-sixteen"}`
		first = w.do("POST", "/v1/login", "", login, keyed(key+"3"))
		first.into(t, 200, &in)
		if again := w.do("POST", "/v1/login", "", login, keyed(key+"3")); again.String() != first.String() {
			t.Errorf("signed in again: got %s\nwant %s", again, first)
		}
		w.do("POST", "/v1/login", "", strings.Replace(login, "sixteen", "another", 1), keyed(key+"3")).refused(t, 401, "wrong_token")
		if r := w.do("POST", "/v1/login", "", login, keyed("short")); r.String() == w.do("POST", "/v1/login", "", login, keyed("short")).String() {
			t.Errorf("a short key: got %s twice, want a session each", r)
		}
		var a, b signedIn // nobody's: each is a guest of its own
		w.do("POST", "/v1/login", "", `{"platform":"guest"}`, keyed(key)).into(t, 200, &a)
		w.do("POST", "/v1/login", "", `{"platform":"guest"}`, keyed(key)).into(t, 200, &b)
		if a.User.ID == b.User.ID || a.Token == b.Token {
			t.Errorf("two strangers with one key: got %+v and %+v", a.User, b.User)
		}
		var linked struct{ Identities []linkedJSON }
		link := `{"platform":"password","token":"mina:correct horse"}`
		for range 2 {
			w.do("POST", "/v1/user/identities", a.Token, link, keyed(key)).into(t, 200, &linked)
		}
		if len(linked.Identities) != 1 {
			t.Errorf("got identities %+v", linked)
		}
		change := `{"token":"mina:correct horse","new":"mina:another horse"}`
		for range 2 {
			if r := w.do("PUT", "/v1/user/identities/password", a.Token, change, keyed("change")); r.status != 204 {
				t.Errorf("change of the password: got %s", r)
			}
		}
		w.do("PUT", "/v1/user/identities/password", a.Token, change, keyed("change 2")).refused(t, 401, "wrong_token")
	})
}

// What is kept is of no use to who reads the database without the call.
func TestAKeptAnswerHidesItsCall(t *testing.T) {
	t.Parallel()
	sealed, err := seal(&answer{status: 200, body: []byte("a secret")}, []byte("call"))
	if err != nil || strings.Contains(string(sealed), "secret") {
		t.Errorf("got %q, %v", sealed, err)
	}
	if a, err := unseal(sealed, []byte("call")); err != nil || string(a.body) != "a secret" || a.status != 200 {
		t.Errorf("got %+v, %v", a, err)
	}
	for _, bad := range [][]byte{nil, sealed[:20], append([]byte("x"), sealed...)} {
		if a, err := unseal(bad, []byte("call")); err == nil {
			t.Errorf("unsealed %q: got %+v", bad, a)
		}
	}
	if a, err := unseal(sealed, []byte("another")); err == nil {
		t.Errorf("unsealed with another call: got %+v", a)
	}
}

func TestAnswersAreForgottenAfterADay(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		var ahead atomic.Int64
		w := newTwo(t, dsn, func(_ *App, c *Config) {
			c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		})
		in := w.guest()
		w.change(in, "", Amount{Gold, 100})
		tax := func() {
			t.Helper()
			w.do("POST", "/v1/test/tax", in.Token, ``, keyed("k")).into(t, 201, &struct{ Left, Run int }{})
		}
		tax()
		ahead.Store(int64(keepAnswers - time.Minute))
		w.lobby.forgetAnswers(t.Context())
		tax()
		if got := w.gold(in); got != 90 {
			t.Errorf("within a day: got %d gold, want 90", got)
		}
		ahead.Store(int64(keepAnswers + time.Second))
		tax()
		if got := w.gold(in); got != 80 {
			t.Errorf("after a day: got %d gold, want 80", got)
		}
		ahead.Store(int64(3 * keepAnswers))
		w.lobby.forgetAnswers(t.Context())
		if n, err := w.lobby.config.Store.ForgetAnswers(t.Context(), time.Now().Add(100*keepAnswers), 10); n != 0 || err != nil {
			t.Errorf("left %d, %v, want nothing", n, err)
		}
	})
}

// cutStore loses the connection when the transaction is to be committed.
type cutStore struct {
	store.Store
	cut atomic.Bool
}

func (s *cutStore) Transact(ctx context.Context, do func(context.Context) error) error {
	return s.Store.Transact(ctx, func(ctx context.Context) error {
		if err := do(ctx); err != nil || !s.cut.Load() {
			return err
		}
		return store.ErrUnavailable
	})
}

func TestNothingIsToldOfWhatWasNotCommitted(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		s := &cutStore{Store: database(t, dsn)}
		f := newFixture(t, func(_ *App, c *Config) { c.Store = s })
		in := f.guest()
		s.cut.Store(true)
		f.do("POST", "/v1/rooms", in.Token, `{"game":"pair"}`, keyed("k")).refused(t, 503, "unavailable")
		if sent, notices := f.broker.take(); len(sent)+len(notices)+len(f.broker.specs()) != 0 {
			t.Errorf("told %v %v", sent, notices)
		}
		s.cut.Store(false)
		f.do("POST", "/v1/rooms", in.Token, `{"game":"pair"}`, keyed("k")).into(t, 201, &placeJSON{})
		if sent, _ := f.broker.take(); len(sent) != 1 {
			t.Errorf("told %v, want one message", sent)
		}
	})
}

func TestEveryChangeTakesAKey(t *testing.T) {
	t.Parallel()
	doc := described(t)
	for path, item := range at(doc, "paths").(map[string]any) {
		for method, op := range item.(map[string]any) {
			list, _ := at(op, "parameters").([]any)
			takes := false
			for _, p := range list {
				takes = takes || at(p, "$ref") == "#/components/parameters/IdempotencyKey"
			}
			if changes := method != "get"; takes != changes || (at(op, "responses", "422") != nil) != changes {
				t.Errorf("%s %s: takes a key: %v, want %v, with the response 422", method, path, takes, changes)
			}
		}
	}
}
