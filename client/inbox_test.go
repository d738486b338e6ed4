package client_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/madang-games/madang/client"
	"github.com/madang-games/madang/lobby"
	"github.com/madang-games/madang/web/stomp"
)

// teller is an app by which players tell themselves something.
func teller() *lobby.App {
	app := lobby.New()
	app.POST("/tell", func(c *lobby.Context) error {
		var n int
		if err := c.Bind(&n); err != nil {
			return err
		}
		return c.Notify(c.User().ID, "told", n)
	})
	return app
}

func tell(t *testing.T, url string, player *client.Client, n int) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "POST", url+"/v1/tell", bytes.NewReader(fmt.Append(nil, n)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+player.Token())
	r.Header.Set("Content-Type", "application/json")
	alone := &http.Transport{DisableKeepAlives: true} // the server is another one next time
	answer, err := alone.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != 204 {
		t.Fatalf("got %s", answer.Status)
	}
}

func TestInboxMissesNothingAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	url, stop := serve(t, "127.0.0.1:0", data, teller())
	player, err := client.New(client.Config{URL: url, Backoff: client.Backoff{Min: 5 * time.Millisecond, Max: 50 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := player.SignInGuest(t.Context(), "Mina", "a-secret-of-my-own"); err != nil {
		t.Fatal(err)
	}
	tell(t, url, player, 1)
	conn, err := player.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	inbox, err := conn.Inbox(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Inbox(t.Context()); err == nil {
		t.Error("a second inbox was opened")
	}
	notes, last, err := player.Notes(t.Context(), "")
	if err != nil || len(notes) != 1 || string(notes[0].Body) != "1" || last != "lobby-1" {
		t.Errorf("got %+v, %s, %v, want note 1", notes, last, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	hear := func(n int) {
		t.Helper()
		m, err := inbox.Next(ctx)
		if err != nil || m.Type != "told" || m.ID != fmt.Sprint("lobby-", n) || string(m.Body) != fmt.Sprint(n) {
			t.Fatalf("got %+v, %v, want %d", m, err, n)
		}
	}
	stop() // before the first note
	url, stop = serve(t, url[len("http://"):], data, teller())
	for n := 2; n <= 4; n++ {
		tell(t, url, player, n)
	}
	for n := 2; n <= 4; n++ {
		hear(n)
	}
	stop()
	url, stop = serve(t, url[len("http://"):], data, teller())
	defer stop()
	tell(t, url, player, 5)
	hear(5)
	inbox.Close()
	if _, err := inbox.Next(ctx); err != client.ErrClosed {
		t.Errorf("got %v after the end, want ErrClosed", err)
	}
	if inbox, err = conn.Inbox(ctx); err != nil {
		t.Fatal(err)
	}
	tell(t, url, player, 6)
	hear(6)
	if err := player.SignOut(ctx); err != nil {
		t.Error(err)
	}
	if _, err := inbox.Next(ctx); client.CodeOf(err) != "not_signed_in" {
		t.Errorf("got %v after signing out, want not_signed_in", err)
	}
}

// agree sends the receipt, which says that note n was the last.
func (q question) agree(n int) {
	q.s.write(&stomp.Frame{Command: "RECEIPT", Fields: []header{
		{Name: "receipt-id", Value: q.receipt}, {Name: "message-id", Value: fmt.Sprint("lobby-", n)}}})
}

func (q question) tell(n int) {
	q.s.write(&stomp.Frame{Command: "MESSAGE", Body: fmt.Append(nil, n), Fields: []header{
		{Name: "subscription", Value: q.id}, {Name: "type", Value: "told"}, {Name: "message-id", Value: fmt.Sprint("lobby-", n)}}})
}

// An inbox is open once the gateway has agreed to it, and not by what it says late of the one before.
func TestInboxIsNotOpenedByWhatWasForTheOneBefore(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	conn, _ := g.player(t, client.Config{})
	opened := make(chan *client.Inbox)
	open := func() {
		inbox, err := conn.Inbox(t.Context())
		if err != nil {
			t.Error(err)
		}
		opened <- inbox
	}
	next := func(inbox *client.Inbox, want int) {
		t.Helper()
		m, err := inbox.Next(t.Context())
		if err != nil || string(m.Body) != fmt.Sprint(want) {
			t.Fatalf("got %+v, %v, want %d", m, err, want)
		}
	}

	go open()
	(<-g.inboxes).agree(0)
	first := <-opened
	g.cut()
	late := <-g.inboxes // the first one's again
	late.tell(1)        // what it has missed comes before the receipt
	next(first, 1)
	first.Close()

	go open()
	asked := <-g.inboxes
	late.agree(1)
	late.tell(2)
	asked.agree(5)
	asked.tell(6)
	next(<-opened, 6)
}
