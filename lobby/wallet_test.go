package lobby

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/madang-games/madang/internal/testservers"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/store/sql"
)

// database opens a fresh one.
func database(t testing.TB, dsn string) store.Store {
	t.Helper()
	s, err := sql.Open(t.Context(), sql.Config{DSN: dsn, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if faults, err := s.CheckLedger(context.Background()); len(faults) > 0 || err != nil {
			t.Errorf("ledger: got %q, %v", faults, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// bazaar is an app with items, and with routes of a game's own that use the wallet.
func bazaar(app *App) {
	app.Item(Item{ID: "potion", Name: "Potion", PerPlayer: 20, PerStack: 8, Price: 30})
	app.Item(Item{ID: "crown", PerPlayer: 1, Bound: true})
	app.Item(Item{ID: "yacht", Price: MaxCount, PerPlayer: MaxCount})
	app.POST("/test/change", func(c *Context) error {
		var in struct {
			User, Reference string
			Amounts         []Amount
		}
		if err := c.Bind(&in); err != nil {
			return err
		}
		r, err := c.Wallet(in.User).Change("quest", in.Reference, in.Amounts...)
		if err != nil {
			return err
		}
		return c.JSON(200, r)
	})
	app.POST("/test/give", func(c *Context) error {
		var in struct {
			To, Reference string
			Amounts       []Amount
		}
		if err := c.Bind(&in); err != nil {
			return err
		}
		r, err := c.Wallet(c.User().ID).Give(in.To, "trade", in.Reference, in.Amounts...)
		if err != nil {
			return err
		}
		return c.JSON(200, r)
	})
	app.GET("/test/balance/:user", func(c *Context) error {
		balance, err := c.Wallet(c.Param("user")).Balance()
		if err != nil {
			return err
		}
		return c.JSON(200, balance)
	})
}

func newBazaar(t *testing.T) *fixture {
	t.Helper()
	s := database(t, "sqlite:"+filepath.Join(t.TempDir(), "madang.db"))
	return newFixture(t, func(app *App, c *Config) { bazaar(app); c.Store = s })
}

// body is v as JSON.
func body(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// change is what a game's route gives a player; it must succeed.
func (f *fixture) change(in signedIn, reference string, amounts ...Amount) (r Receipt) {
	f.t.Helper()
	f.do("POST", "/v1/test/change", in.Token, body(map[string]any{"User": in.User.ID, "Reference": reference, "Amounts": amounts})).into(f.t, 200, &r)
	return r
}

// owns is what the player's inventory says, as JSON.
func (f *fixture) owns(in signedIn) string {
	f.t.Helper()
	r := f.do("GET", "/v1/user/items", in.Token, "")
	if r.status != 200 {
		f.t.Errorf("inventory: got %d %s", r.status, r.body)
	}
	return string(r.body)
}

func (f *fixture) mustOwn(in signedIn, want string) {
	f.t.Helper()
	if got := f.owns(in); got != want {
		f.t.Errorf("inventory: got %s, want %s", got, want)
	}
}

func TestItemsAreListed(t *testing.T) {
	t.Parallel()
	f := newBazaar(t)
	r := f.do("GET", "/v1/items", f.guest().Token, "")
	want := `{"items":[{"id":"potion","name":"Potion","per_player":20,"per_stack":8,"price":30},` +
		`{"id":"crown","name":"crown","per_player":1,"per_stack":1,"bound":true},` +
		`{"id":"yacht","name":"yacht","per_player":1000000000,"per_stack":1000000000,"price":1000000000}]}`
	if r.status != 200 || string(r.body) != want {
		t.Errorf("got %d %s, want %s", r.status, r.body, want)
	}
	f.do("GET", "/v1/items", "", "").refused(t, 401, "not_signed_in")
}

func TestPlayersBuyUseUpAndTransfer(t *testing.T) {
	t.Parallel()
	f := newBazaar(t)
	ann, bob := f.guest(), f.guest()
	f.mustOwn(ann, `{"gold":0,"items":[]}`)
	f.do("POST", "/v1/items/potion/purchase", ann.Token, "").refused(t, 409, "not_enough_gold")
	f.change(ann, "", Amount{Gold, 1000})
	r := f.do("POST", "/v1/items/potion/purchase", ann.Token, `{"count":9}`)
	if string(r.body) != `{"item":{"id":"potion","count":9,"stacks":2},"gold":730}` {
		t.Errorf("purchase: got %d %s", r.status, r.body)
	}
	r = f.do("POST", "/v1/items/potion/consume", ann.Token, "")
	if string(r.body) != `{"item":{"id":"potion","count":8,"stacks":1}}` {
		t.Errorf("consume: got %d %s", r.status, r.body)
	}
	r = f.do("POST", "/v1/items/potion/transfer", ann.Token, body(map[string]any{"to": bob.User.ID, "count": 3}))
	if string(r.body) != `{"item":{"id":"potion","count":5,"stacks":1}}` {
		t.Errorf("transfer: got %d %s", r.status, r.body)
	}
	f.mustOwn(ann, `{"gold":730,"items":[{"id":"potion","count":5,"stacks":1}]}`)
	f.mustOwn(bob, `{"gold":0,"items":[{"id":"potion","count":3,"stacks":1}]}`)

	var page struct {
		Entries []entryJSON
		Next    string
	}
	var got []string
	for cursor := ""; ; cursor = page.Next {
		f.do("GET", "/v1/user/ledger?limit=2&cursor="+cursor, ann.Token, "").into(t, 200, &page)
		for _, e := range page.Entries {
			got = append(got, fmt.Sprint(e.Reason, " ", e.Item, " ", e.Amount, " ", e.Asked, " ", e.Balance))
		}
		if page.Next == "" {
			break
		}
	}
	want := "transfer potion -3 -3 5, consume potion -1 -1 8, purchase potion 9 9 9, purchase gold -270 -270 730, quest gold 1000 1000 1000"
	if all := strings.Join(got, ", "); all != want {
		t.Errorf("ledger:\ngot  %s\nwant %s", all, want)
	}
}

func TestWhatCantBeIsRefusedAndChangesNothing(t *testing.T) {
	t.Parallel()
	f := newBazaar(t)
	ann, bob := f.guest(), f.guest()
	f.change(ann, "", Amount{Gold, 600}, Amount{"potion", 5}, Amount{"crown", 1})
	f.change(bob, "", Amount{"potion", 19})
	before := f.owns(ann)
	to := func(user string, count int) string { return body(map[string]any{"to": user, "count": count}) }
	for _, c := range []struct {
		path, body string
		status     int
		code       string
	}{
		{"/v1/items/potion/purchase", `{"count":16}`, 409, "inventory_full"},
		{"/v1/items/potion/purchase", `{"count":21}`, 409, "inventory_full"},
		{"/v1/items/yacht/purchase", `{"count":1}`, 409, "not_enough_gold"},
		{"/v1/items/yacht/purchase", `{"count":1000000000}`, 409, "not_enough_gold"},
		{"/v1/items/crown/purchase", `{}`, 409, "not_for_sale"},
		{"/v1/items/gold/purchase", `{}`, 404, "unknown_item"},
		{"/v1/items/none/purchase", `{}`, 404, "unknown_item"},
		{"/v1/items/potion/purchase", `{"count":0}`, 400, "bad_request"},
		{"/v1/items/potion/purchase", `{"count":-5}`, 400, "bad_request"},
		{"/v1/items/potion/purchase", `{"count":1000000001}`, 400, "bad_request"},
		{"/v1/items/potion/purchase", `{"count":1.5}`, 400, "bad_request"},
		{"/v1/items/potion/purchase", `{"count":1e30}`, 400, "bad_request"},
		{"/v1/items/potion/purchase", `{"count":"1"}`, 400, "bad_request"},
		{"/v1/items/potion/purchase", `{"count":1,"price":0}`, 400, "bad_request"},
		{"/v1/items/potion/purchase", `[]`, 400, "bad_request"},
		{"/v1/items/potion/consume", `{"count":6}`, 409, "not_enough_items"},
		{"/v1/items/yacht/consume", `{}`, 409, "not_enough_items"},
		{"/v1/items/none/consume", `{}`, 404, "unknown_item"},
		{"/v1/items/potion/consume", `{"to":"x"}`, 400, "bad_request"},
		{"/v1/items/potion/transfer", to(bob.User.ID, 2), 409, "inventory_full"},
		{"/v1/items/potion/transfer", to(bob.User.ID, 6), 409, "not_enough_items"},
		{"/v1/items/crown/transfer", to(bob.User.ID, 1), 409, "not_transferable"},
		{"/v1/items/potion/transfer", to(ann.User.ID, 1), 400, "bad_request"},
		{"/v1/items/potion/transfer", to("nobody", 1), 404, "user_not_found"},
		{"/v1/items/potion/transfer", to("", 1), 404, "user_not_found"},
		{"/v1/items/potion/transfer", to("no body\x00", 1), 404, "user_not_found"},
		{"/v1/items/potion/transfer", to(bob.User.ID, -1), 400, "bad_request"},
		{"/v1/items/none/transfer", to(bob.User.ID, 1), 404, "unknown_item"},
	} {
		f.do("POST", c.path, ann.Token, c.body).refused(t, c.status, c.code)
		f.do("POST", c.path, "", c.body).refused(t, 401, "not_signed_in")
	}
	for _, query := range []string{"cursor=x", "cursor=%00", "cursor=" + strings.Repeat("1", 201)} {
		f.do("GET", "/v1/user/ledger?"+query, ann.Token, "").refused(t, 400, "bad_cursor")
	}
	for _, query := range []string{"limit=0", "limit=101", "limit=x"} {
		f.do("GET", "/v1/user/ledger?"+query, ann.Token, "").refused(t, 400, "bad_request")
	}
	f.mustOwn(ann, before)
	f.mustOwn(bob, `{"gold":0,"items":[{"id":"potion","count":19,"stacks":3}]}`)
}

func TestAGamesOwnRoutesUseTheWallet(t *testing.T) {
	t.Parallel()
	f := newBazaar(t)
	ann, bob := f.guest(), f.guest()
	first := f.change(ann, "quest/1", Amount{Gold, 50}, Amount{"crown", 1})
	again := f.change(ann, "quest/1", Amount{Gold, 50}, Amount{"crown", 1})
	if first.Repeated || !again.Repeated || again.Left[Gold] != 50 || again.Left["crown"] != 1 || len(first.Left) != 2 {
		t.Errorf("got %+v and then %+v", first, again)
	}
	f.change(ann, "", Amount{Gold, -20}, Amount{"potion", 2}) // a recipe
	give := func(amounts ...Amount) reply {
		return f.do("POST", "/v1/test/give", ann.Token, body(map[string]any{"To": bob.User.ID, "Amounts": amounts}))
	}
	var r Receipt
	give(Amount{"crown", 1}, Amount{Gold, 10}).into(t, 200, &r)
	if r.Left[Gold] != 20 || r.Left["crown"] != 0 {
		t.Errorf("give: got %+v", r)
	}
	give(Amount{Gold, 21}).refused(t, 409, "not_enough_gold")
	give(Amount{"crown", 1}).refused(t, 409, "not_enough_items")
	give(Amount{"none", 1}).refused(t, 500, "internal")
	give(Amount{Gold, -5}).refused(t, 500, "internal")
	give().refused(t, 500, "internal")
	f.do("POST", "/v1/test/give", ann.Token, body(map[string]any{"To": ann.User.ID, "Amounts": []Amount{{Gold, 1}}})).refused(t, 500, "internal")
	f.do("POST", "/v1/test/give", ann.Token, body(map[string]any{"To": "nobody", "Amounts": []Amount{{Gold, 1}}})).refused(t, 404, "user_not_found")
	f.do("POST", "/v1/test/change", ann.Token, body(map[string]any{"User": "nobody", "Amounts": []Amount{{Gold, 1}}})).refused(t, 404, "user_not_found")
	f.do("POST", "/v1/test/change", ann.Token, body(map[string]any{"User": bob.User.ID, "Amounts": []Amount{{"crown", 1}}})).refused(t, 409, "inventory_full")
	f.do("GET", "/v1/test/balance/nobody", ann.Token, "").refused(t, 404, "user_not_found")
	if got := f.do("GET", "/v1/test/balance/"+ann.User.ID, bob.Token, ""); string(got.body) != `{"gold":20,"potion":2}` {
		t.Errorf("balance: got %s", got.body)
	}
	f.mustOwn(bob, `{"gold":10,"items":[{"id":"crown","count":1,"stacks":1}]}`)
}

// An item whose definition is gone is still the player's; only what needs the definition is refused.
func TestWhatIsNotDefinedAnyMoreIsKept(t *testing.T) {
	t.Parallel()
	f := newBazaar(t)
	ann := f.guest()
	_, err := f.lobby.config.Store.Post(t.Context(), store.Posting{Reference: "r", Reason: "test", Entries: []store.Entry{
		{Account: ann.User.ID, Item: "relic", Amount: 3}, {Item: "relic", Amount: -3},
	}})
	if err != nil {
		t.Fatal(err)
	}
	f.mustOwn(ann, `{"gold":0,"items":[{"id":"relic","count":3,"stacks":3}]}`)
	f.do("POST", "/v1/items/relic/consume", ann.Token, "").refused(t, 404, "unknown_item")
}

func TestAGameMayAnswerUserItemsItself(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(app *App, _ *Config) {
		app.GET("/user/items", func(c *Context) error { return c.JSON(http.StatusOK, "mine") })
	})
	if r := f.do("GET", "/v1/user/items", f.guest().Token, ""); string(r.body) != `"mine"` {
		t.Errorf("got %d %s", r.status, r.body)
	}
}

// Two lobbies of one database sell to the same players at once: no gold is spent twice, and no limit is passed.
func TestTwoLobbiesSellAtOnce(t *testing.T) {
	t.Parallel()
	for name, dsn := range map[string]func(t *testing.T) string{
		"SQLite":     func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "madang.db") },
		"PostgreSQL": func(t *testing.T) string { return testservers.Postgres(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := dsn(t)
			keys, err := newRing()
			if err != nil {
				t.Fatal(err)
			}
			var lobbies [2]*fixture
			for i := range lobbies {
				s := database(t, dsn)
				lobbies[i] = newFixture(t, func(app *App, c *Config) { bazaar(app); c.Store, c.Tokens = s, keys })
			}
			rich, poor := lobbies[0].guest(), lobbies[0].guest()
			lobbies[0].change(rich, "", Amount{Gold, 10_000})
			lobbies[0].change(poor, "", Amount{Gold, 100})
			var sold, refused atomic.Int64
			var all sync.WaitGroup
			for i := range 100 {
				all.Go(func() {
					in := rich
					if i%4 > 1 {
						in = poor
					}
					switch r := lobbies[i%2].do("POST", "/v1/items/potion/purchase", in.Token, ""); {
					case r.status == 200:
						sold.Add(1)
					case r.code(t) == "inventory_full" && in.Token == rich.Token, r.code(t) == "not_enough_gold" && in.Token == poor.Token:
						refused.Add(1)
					default:
						t.Errorf("got %d %s", r.status, r.body)
					}
				})
			}
			all.Wait()
			if sold.Load() != 23 || refused.Load() != 77 {
				t.Errorf("%d sold and %d refused, want 23 and 77", sold.Load(), refused.Load())
			}
			lobbies[1].mustOwn(rich, `{"gold":9400,"items":[{"id":"potion","count":20,"stacks":3}]}`)
			lobbies[1].mustOwn(poor, `{"gold":10,"items":[{"id":"potion","count":3,"stacks":1}]}`)
		})
	}
}

// TestItemAnswersAreAsDescribed holds the answers of the items' calls against the description.
func TestItemAnswersAreAsDescribed(t *testing.T) {
	t.Parallel()
	doc := described(t)
	f := newBazaar(t)
	ann, bob := f.guest(), f.guest()
	f.change(ann, "", Amount{Gold, 100}, Amount{"crown", 1})
	for _, c := range []struct {
		method, path, described, body string
		status                        string
	}{
		{"GET", "/v1/items", "/v1/items", "", "200"},
		{"POST", "/v1/items/potion/purchase", "/v1/items/{id}/purchase", `{"count":2}`, "200"},
		{"POST", "/v1/items/potion/purchase", "/v1/items/{id}/purchase", `{"count":2}`, "409"},
		{"POST", "/v1/items/potion/consume", "/v1/items/{id}/consume", ``, "200"},
		{"POST", "/v1/items/potion/consume", "/v1/items/{id}/consume", `{"count":2}`, "409"},
		{"POST", "/v1/items/potion/transfer", "/v1/items/{id}/transfer", body(map[string]string{"to": bob.User.ID}), "200"},
		{"POST", "/v1/items/potion/transfer", "/v1/items/{id}/transfer", `{"to":"nobody"}`, "404"},
		{"GET", "/v1/user/items", "/v1/user/items", "", "200"},
		{"GET", "/v1/user/ledger", "/v1/user/ledger", "", "200"},
		{"GET", "/v1/user/ledger?cursor=x", "/v1/user/ledger", "", "400"},
	} {
		r := f.do(c.method, c.path, ann.Token, c.body)
		response := at(doc, "paths", c.described, strings.ToLower(c.method), "responses", c.status)
		if ref, ok := at(response, "$ref").(string); ok {
			response = resolve(doc, ref)
		}
		schema := at(response, "content", r.header.Get("Content-Type"), "schema")
		var value any
		if err := json.Unmarshal(r.body, &value); err != nil || fmt.Sprint(r.status) != c.status || schema == nil {
			t.Errorf("%s %s: got %d %s, %v, schema %v", c.method, c.path, r.status, r.body, err, schema)
			continue
		}
		if err := fits(doc, schema, value); err != nil {
			t.Errorf("%s %s: %s: %v", c.method, c.path, r.body, err)
		}
	}
}
