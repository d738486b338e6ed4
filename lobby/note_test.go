package lobby

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

// onDatabases runs a test with a lobby on each database.
func onDatabases(t *testing.T, do func(t *testing.T, f *fixture, s store.Store), change ...func(*App, *Config)) {
	t.Helper()
	onBoth(t, func(t *testing.T, dsn string) {
		s := database(t, dsn)
		do(t, newFixture(t, append(change, func(_ *App, c *Config) { c.Store = s })...), s)
	})
}

// empty checks for 204.
func (r reply) empty(t *testing.T) {
	t.Helper()
	if r.status != 204 || len(r.body) > 0 {
		t.Errorf("got %d %s, want 204", r.status, r.body)
	}
}

// told is what was posted to gateways since the last call, each as "user type n body".
func (f *fixture) told() (all []string) {
	f.t.Helper()
	_, notices := f.broker.take()
	for _, n := range notices {
		if n.Kind != broker.NoticeNotes {
			continue
		}
		if len(n.Body) > 64<<10 {
			f.t.Errorf("a notice has %d bytes", len(n.Body))
		}
		var notes broker.Notes
		if err := json.Unmarshal(n.Body, &notes); err != nil {
			f.t.Fatal(err)
		}
		for _, told := range notes.Notes {
			all = append(all, fmt.Sprintf("%s %s %d %s", told.User, told.Type, told.N, told.Body))
		}
	}
	return all
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s:\ngot  %v\nwant %v", what, got, want)
	}
}

func TestAGameTellsAPlayer(t *testing.T) {
	onDatabases(t, func(t *testing.T, f *fixture, _ store.Store) {
		ann, bob := f.guest(), f.guest()
		f.do("POST", "/v1/tell/"+bob.User.ID, ann.Token, `{"text":"hello"}`).empty(t)
		same(t, "told", f.told(), []string{bob.User.ID + ` tale.1 1 {"text":"hello"}`})
		f.do("POST", "/v1/tell/"+bob.User.ID, ann.Token, `{"text":"undone"}`).refused(t, 409, "undone")
		f.do("POST", "/v1/tell/nobody", ann.Token, `{"text":"hello"}`).empty(t)
		same(t, "told then", f.told(), "[]")
		f.do("POST", "/v1/tell/"+bob.User.ID, ann.Token, `{"text":"again"}`).empty(t)

		var page struct {
			Notes []noteJSON
			Last  string
		}
		f.do("GET", "/v1/user/notes", bob.Token, "").into(t, 200, &page)
		if len(page.Notes) != 2 || page.Last != "lobby-2" || page.Notes[1].ID != "lobby-2" || page.Notes[1].Type != "tale.1" || string(page.Notes[1].Body) != `{"text":"again"}` {
			t.Errorf("got %+v", page)
		}
		f.do("GET", "/v1/user/notes?after=lobby-1&limit=1", bob.Token, "").into(t, 200, &page)
		same(t, "after 1", fmt.Sprintf("%d %s %s", len(page.Notes), page.Notes[0].ID, page.Last), "1 lobby-2 lobby-2")
		f.do("GET", "/v1/user/notes", ann.Token, "").into(t, 200, &page)
		same(t, "the other's", fmt.Sprintf("%d %s", len(page.Notes), page.Last), "0 lobby-0")
		for _, query := range []string{"after=2", "after=lobby-", "after=lobby-x", "after=lobby--1", "limit=0", "limit=101"} {
			f.do("GET", "/v1/user/notes?"+query, bob.Token, "").refused(t, 400, "bad_request")
		}
	}, func(app *App, _ *Config) {
		app.POST("/tell/:user", func(c *Context) error {
			var in struct {
				Text string `json:"text"`
			}
			if err := c.Bind(&in); err != nil {
				return err
			}
			if err := c.Notify(c.Param("user"), "tale.1", in); err != nil {
				return err
			}
			if in.Text == "undone" {
				return Problem(409, "undone", "It is undone.")
			}
			return c.NoContent()
		})
	})
}

func TestNotifyRefusesWhatIsNoNote(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(app *App, _ *Config) {
		app.POST("/tell", func(c *Context) error {
			for _, typ := range []string{"", "$friend", "a b", "a:b", strings.Repeat("x", 65)} {
				if c.Notify("u", typ, 1) == nil {
					t.Errorf("type %q: got no error", typ)
				}
			}
			if c.Notify("u", "x", func() {}) == nil {
				t.Error("a function: got no error")
			}
			return nil
		})
	})
	f.do("POST", "/v1/tell", f.guest().Token, "").empty(t)
}

func TestNotesArePostedWhenTheirTransactionIsKept(t *testing.T) {
	onDatabases(t, func(t *testing.T, f *fixture, s store.Store) {
		ann, own := f.guest().User.ID, errors.New("own")
		tell := func(ctx context.Context, body string) error {
			return f.lobby.notify(ctx, store.Note{User: ann, Type: "$x", Body: json.RawMessage(body)})
		}
		if err := tell(t.Context(), "1"); err != nil {
			t.Fatal(err)
		}
		same(t, "without a transaction", f.told(), []string{ann + " $x 1 1"})
		err := f.lobby.transact(t.Context(), func(ctx context.Context) error {
			for i, fails := range []bool{false, true, false} {
				err := f.lobby.transact(ctx, func(ctx context.Context) error {
					if err := tell(ctx, fmt.Sprint(10+i)); err != nil {
						return err
					}
					if fails {
						return own
					}
					return nil
				})
				if fails != errors.Is(err, own) {
					t.Errorf("part %d: got %v", i, err)
				}
			}
			same(t, "before the end", f.told(), "[]")
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		same(t, "a part undone", f.told(), []string{ann + " $x 2 10", ann + " $x 3 12"})
		_ = f.lobby.transact(t.Context(), func(ctx context.Context) error {
			_ = tell(ctx, "20")
			return own
		})
		same(t, "undone", f.told(), "[]")
	})
}

func TestManyNotesAreSeveralNotices(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	told := make([]broker.Told, 30)
	for i := range told {
		told[i] = broker.Told{User: "u", N: uint64(i + 1), Type: "$x", Body: json.RawMessage(`"` + strings.Repeat("x", 5000) + `"`)}
	}
	if err := f.lobby.say(t.Context(), told); err != nil {
		t.Fatal(err)
	}
	if got := f.told(); len(got) != 30 || !strings.HasPrefix(got[29], "u $x 30 ") {
		t.Errorf("got %d, want 30 in order", len(got))
	}
}

func TestGatewaysHearThatTheyHaveMissedNotes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.broker.setDown(true)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.lobby.say(ctx, []broker.Told{{User: "u"}}); err == nil {
		t.Fatal("say: got no error")
	}
	f.lobby.untold.Store(true)
	f.lobby.tellMissed(ctx)
	f.broker.setDown(false)
	for range 3 {
		f.lobby.tellMissed(t.Context())
	}
	_, notices := f.broker.take()
	if len(notices) != 1 || notices[0].Kind != broker.NoticeMissed || notices[0].From != "l1" {
		t.Errorf("got %+v, want one missed", notices)
	}
}
