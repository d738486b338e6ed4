package system

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/madang-games/madang/client"
	"github.com/madang-games/madang/internal/testservers"
)

// notice is what is announced of a maintenance.
type notice struct {
	Kind, Text string
	N          uint64
	Over       bool
	Begins     time.Time
}

func TestMaintenanceFromTheFirstWordToTheLast(t *testing.T) {
	t.Parallel()
	deployment := []string{"--broker", testservers.RabbitMQ(t).URL, "--store", testservers.Postgres(t)}
	one := start(t, deployment...).ready()
	other := start(t, deployment...).ready()
	operate := func(args ...string) string {
		t.Helper()
		return tool(t, append(append([]string{"maintenance"}, args...), deployment...)...)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	ann, bob := newFriend(t, one.URL, "Ann", "the-secret-of-ann"), newFriend(t, other.URL, "Bob", "the-secret-of-bob")
	place, err := ann.me.CreateRoom(ctx, "relay", nil)
	if err != nil {
		t.Fatal(err)
	}
	room, err := ann.conn.Join(ctx, place)
	if err != nil {
		t.Fatal(err)
	}

	operate("announce", "New maps!", "--in", "1h", "--end-rooms", "--close", "1h", "--exempt", bob.me.Me().ID)
	late := newFriend(t, other.URL, "Cho", "the-secret-of-cho")
	for _, f := range []*friend{ann, bob, late} {
		var n notice
		if f.told("$notice", &n); n.Kind != "maintenance" || n.Text != "New maps!" || n.Over || time.Until(n.Begins) < 50*time.Minute {
			t.Errorf("got %+v", n)
		}
	}

	operate("begin")
	for _, base := range []string{one.URL, other.URL} {
		eventually(t, "sign-ins are refused", func() error { return refusedBy(base, "maintenance") })
	}
	if _, err := late.me.CreateRoom(ctx, "relay", nil); !strings.Contains(errorText(err), "maintenance") {
		t.Errorf("a room was made: %v", err)
	}
	if _, err := bob.me.CreateRoom(ctx, "relay", nil); err != nil { // before it closes, so it ends too
		t.Errorf("a tester: %v", err)
	}
	if _, err := room.Send(ctx, "chat", "still here"); err != nil {
		t.Errorf("who is there plays on: %v", err)
	}

	operate("close")
	for closed := false; !closed; {
		m, err := room.Next(ctx)
		if err != nil {
			t.Fatalf("wait for the room's end: %v", err)
		}
		if closed = m.Type == "$closed"; closed && !strings.Contains(string(m.Body), "maintenance") {
			t.Errorf("the room ended with %s", m.Body)
		}
	}
	if _, err := bob.me.CreateRoom(ctx, "relay", nil); err != nil {
		t.Errorf("a tester: %v", err)
	}

	operate("end")
	for _, base := range []string{one.URL, other.URL} {
		eventually(t, "everybody is let in", func() error { return refusedBy(base, "") })
	}
	for n := (notice{}); !n.Over; { // ann was disconnected, and comes back by herself
		bob.told("$notice", &n)
	}
	if _, err := ann.me.CreateRoom(ctx, "relay", nil); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if text := operate("status"); !strings.Contains(text, "no maintenance") {
		t.Errorf("status: %s", text)
	}
}

// A process alone, with its own broker, hears of the operator through its database only.
func TestMaintenanceOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	operate := func(args ...string) {
		t.Helper()
		tool(t, append(append([]string{"maintenance"}, args...), "--data", data)...)
	}
	first := start(t, "--data", data).ready()
	ann := newFriend(t, first.URL, "Ann", "the-secret-of-ann")
	operate("announce", "New maps!", "--in", "1h")
	var n notice
	if ann.told("$notice", &n); n.Text != "New maps!" || n.Over {
		t.Errorf("got %+v", n)
	}
	first.kill()
	operate("begin")
	next := start(t, "--data", data).ready()
	if err := refusedBy(next.URL, "maintenance"); err != nil { // from the first moment
		t.Errorf("after a start: %v", err)
	}
	next.kill()
	next = start(t, "--data", data).ready()
	if err := refusedBy(next.URL, "maintenance"); err != nil {
		t.Errorf("after another: %v", err)
	}
	operate("end")
	eventually(t, "everybody is let in", func() error { return refusedBy(next.URL, "") })
}

// refusedBy checks that a new guest is refused with the code, or taken if it is "".
func refusedBy(base, code string) error {
	c, err := client.New(client.Config{URL: base, HTTP: http.DefaultClient})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err = c.SignInGuest(ctx, "", "")
	if text := errorText(err); (code == "") != (err == nil) || !strings.Contains(text, code) {
		return errors.New("got " + text)
	}
	return nil
}

func errorText(err error) string {
	if err == nil {
		return "no error"
	}
	return err.Error()
}

func TestPlayersSeeThatThereWillBeMaintenance(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	p := start(t, "--data", data).ready()
	open := browser(t)
	desk, phone := open("maintenance-desktop", 1280, 860, p.URL), open("maintenance-phone", 390, 844, p.URL)
	for _, b := range []*tab{desk, phone} {
		b.click("play-othello")
		b.run(chromedp.WaitVisible(hook("square-a1")))
	}
	operate := func(args ...string) { tool(t, append([]string{"maintenance", "--data", data}, args...)...) }
	shows := func(b *tab, words string) {
		t.Helper()
		b.until(`!document.getElementById('notice').hidden && document.getElementById('notice').textContent.includes('` + words + `')`)
	}
	operate("announce", "New stones!", "--in", "10m", "--close", "5m", "--for", "30m")
	for _, b := range []*tab{desk, phone} {
		shows(b, "New stones! The yard closes for maintenance. We expect to be back at")
		b.until(`/^(10:00|9:[0-5][0-9])$/.test(document.querySelector('[data-testid="notice-time"]').textContent)`)
		b.picture("announced")
	}
	phone.click("notice-away")
	phone.until(`document.getElementById('notice').hidden`)
	operate("begin")
	for _, b := range []*tab{desk, phone} { // also where it was put away
		shows(b, "Maintenance has begun: no new games.")
		b.picture("begun")
	}
	late := open("maintenance-late", 390, 844, p.URL)
	late.click("play-othello")
	late.until(`document.getElementById('toast').dataset.shown === 'true' && document.getElementById('toast').textContent.includes('closed for maintenance')`)
	late.picture("refused")
	operate("close")
	shows(desk, "The yard is closed for maintenance.")
	operate("end")
	shows(desk, "The yard is open again.")
	desk.until(`document.querySelector('[data-testid="conn-state"]').textContent === 'live'`)
	desk.picture("over")
}
