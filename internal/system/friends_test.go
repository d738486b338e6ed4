package system

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/madang-games/madang/client"
	"github.com/madang-games/madang/internal/testservers"
)

// friend is a player with an open inbox.
type friend struct {
	t     *testing.T
	base  string
	me    *client.Client
	conn  *client.Conn
	inbox *client.Inbox
}

func newFriend(t *testing.T, base, name, secret string) *friend {
	t.Helper()
	me, err := client.New(client.Config{URL: base, Backoff: client.Backoff{Min: 5 * time.Millisecond, Max: 100 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := me.SignInGuest(t.Context(), name, secret); err != nil {
		t.Fatal(err)
	}
	conn, err := me.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	inbox, err := conn.Inbox(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return &friend{t, base, me, conn, inbox}
}

// told waits for the next message of a type; $presence comes at any time.
func (f *friend) told(kind string, body any) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), time.Minute)
	defer cancel()
	for {
		m, err := f.inbox.Next(ctx)
		switch {
		case err != nil:
			f.t.Fatalf("wait for %s: %v", kind, err)
		case m.Type == kind:
			if err := m.Decode(body); err != nil {
				f.t.Fatal(err)
			}
			return
		case m.Type != "$presence":
			f.t.Fatalf("got %s %s, want %s", m.Type, m.Body, kind)
		}
	}
}

func (f *friend) call(base, method, path string, in, out any) {
	f.t.Helper()
	rest(f.t, method, base+"/v1/user/"+path, f.me.Token(), in, out)
}

func TestFriendsOfTwoProcesses(t *testing.T) {
	t.Parallel()
	rabbit, database := testservers.RabbitMQ(t), testservers.Postgres(t)
	one := start(t, "--broker", rabbit.URL, "--store", database).ready()
	other := start(t, "--broker", rabbit.URL, "--store", database).ready()
	ann := newFriend(t, one.URL, "Ann", "the-secret-of-ann")
	bob := newFriend(t, other.URL, "Bob", "the-secret-of-bob")

	var news struct{ State, User, Name string }
	ann.call(one.URL, http.MethodPost, "friends", map[string]string{"name": "bob"}, nil)
	bob.told("$friend", &news)
	if news.State != "asking" || news.User != ann.me.Me().ID {
		t.Errorf("bob was told %+v", news)
	}
	bob.call(other.URL, http.MethodPost, "friends/"+ann.me.Me().ID+"/accept", struct{}{}, nil)
	ann.told("$friend", &news)
	if news.State != "friends" || news.Name != "Bob" {
		t.Errorf("ann was told %+v", news)
	}

	// Messages by way of either lobby reach the gateway of the other process, in order.
	var took []time.Duration
	for n := 1; n <= 15; n++ { // more would be limited
		at := []string{one.URL, other.URL}[n%2]
		begun := time.Now()
		ann.call(at, http.MethodPost, "messages/"+bob.me.Me().ID, map[string]string{"text": fmt.Sprint("message ", n)}, nil)
		var m struct {
			N    uint64
			Text string
		}
		bob.told("$message", &m)
		took = append(took, time.Since(begun))
		if m.N != uint64(n) || m.Text != fmt.Sprint("message ", n) {
			t.Fatalf("got %+v, want message %d", m, n)
		}
	}
	slices.Sort(took)
	t.Logf("from the call to the other process's socket: median %v, longest %v", took[len(took)/2], took[len(took)-1])

	online := func(want bool) {
		t.Helper()
		eventually(t, fmt.Sprint("bob online: ", want), func() error {
			var page struct {
				Friends []struct{ Presence struct{ Online bool } }
			}
			ann.call(one.URL, http.MethodGet, "friends", nil, &page)
			if len(page.Friends) != 1 || page.Friends[0].Presence.Online != want {
				return fmt.Errorf("got %+v", page)
			}
			return nil
		})
	}
	online(true)
	other.kill()
	ann.call(one.URL, http.MethodPost, "messages/"+bob.me.Me().ID, map[string]string{"text": "are you there?"}, nil)
	online(false)
	var p struct {
		User   string
		Online bool
	}
	for p.Online = true; p.Online; {
		ann.told("$presence", &p)
	}
	if p.User != bob.me.Me().ID {
		t.Errorf("told of %+v, want bob", p)
	}
	back := newFriend(t, one.URL, "Bob", "the-secret-of-bob")
	notes, last, err := back.me.Notes(t.Context(), "lobby-16") // a request and 15 messages
	if err != nil || len(notes) != 1 || !strings.Contains(string(notes[0].Body), "are you there?") || last != "lobby-17" {
		t.Errorf("got %v, %s, %v, want the last message", notes, last, err)
	}
	online(true)
}
