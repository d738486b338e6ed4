package web_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/web"
)

// atGateway is a gateway with a name, of which the board hears.
var atGateway = web.Config{Process: "gateway"}

// alive has processes announce themselves each second from now on, and makes everybody friends.
func (b *bench) alive(processes ...string) {
	b.desk.register.set(func() { b.desk.social = true })
	ctx := b.Context()
	go func() {
		for ctx.Err() == nil {
			for _, p := range processes {
				body, _ := json.Marshal(broker.Process{ID: p, Roles: []string{"web"}})
				_ = b.pipes.Post(ctx, broker.Notice{Kind: broker.NoticeProcess, From: p, Body: body})
			}
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
			}
		}
	}()
}

func (b *bench) wantRows(want string) {
	b.Helper()
	synctest.Wait()
	if got := b.desk.register.String(); got != want {
		b.Errorf("got presences %q, want %q", got, want)
	}
}

// present expects what a friend is told of a user.
func (c *client) present(user, room string) {
	c.b.Helper()
	f := c.expect("MESSAGE", "type", "$presence", "message-id", "")
	var p broker.Present
	if err := json.Unmarshal(f.Body, &p); err != nil || p.User != user || !p.Online || p.Room != room || (p.Game == "relay") != (room != "") && room != "" {
		c.b.Fatalf("got %s, want %s in %q", f.Body, user, room)
	}
}

func (c *client) offline(user string) {
	c.b.Helper()
	c.message("$presence", fmt.Sprintf(`{"user":%q,"online":false}`, user), "message-id", "")
}

func TestFriendsSeeWhoComesMovesAndGoes(t *testing.T) {
	play(t, atGateway, func(b *bench) {
		b.alive("gateway")
		r := b.open()
		ann := b.listening("ann", "")
		ann.live()
		time.Sleep(time.Second)
		b.wantRows("ann@gateway=")
		ann.silent()
		bob := b.signIn("bob")
		time.Sleep(time.Second)
		ann.present("bob", "")
		bob.send("SUBSCRIBE\nid:s1\ndestination:/topic/room.r1\n\n\x00")
		r.next(broker.Attach)
		bob.message("$snapshot", "all of it")
		time.Sleep(time.Second)
		b.wantRows("ann@gateway= bob@gateway=r1")
		ann.silent() // not so soon after the last news
		time.Sleep(5 * time.Second)
		ann.present("bob", "r1")

		bob.send("UNSUBSCRIBE\nid:s1\n\n\x00")
		time.Sleep(3 * time.Second)
		b.wantRows("ann@gateway= bob@gateway=r1")
		bob.send("SUBSCRIBE\nid:s2\ndestination:/topic/room.r1\n\n\x00")
		time.Sleep(10 * time.Second)
		ann.silent()
		bob.send("UNSUBSCRIBE\nid:s2\n\n\x00")
		time.Sleep(6 * time.Second)
		ann.present("bob", "")
		bob.send("DISCONNECT\n\n\x00")
		time.Sleep(4 * time.Second)
		ann.silent()
		time.Sleep(2 * time.Second)
		ann.offline("bob")
		b.wantRows("ann@gateway=")
	})
}

func TestAReconnectIsNoNews(t *testing.T) {
	play(t, atGateway, func(b *bench) {
		b.alive("gateway", "other")
		r := b.open()
		ann := b.listening("ann", "")
		ann.live()
		bob := b.subscribed(r, "bob")
		time.Sleep(time.Second)
		ann.present("bob", "r1")
		time.Sleep(time.Minute)
		for range 3 {
			bob.conn.CloseNow()
			time.Sleep(2 * time.Second)
			bob = b.signIn("bob")
			time.Sleep(200 * time.Millisecond)
			bob.send("SUBSCRIBE\nid:s1\ndestination:/topic/room.r1\n\n\x00")
		}
		time.Sleep(time.Minute)
		ann.silent()
		b.wantRows("ann@gateway= bob@gateway=r1")

		// From another gateway, where it was in the same room.
		b.desk.register.set(func() {
			b.desk.rows[[2]string{"cho", "other"}] = store.Presence{User: "cho", Room: "r1", Game: "relay", Since: time.Now()}
		})
		cho := b.signIn("cho")
		time.Sleep(time.Second)
		b.desk.set(func() { b.desk.seats["r1 cho"] = true })
		cho.send("SUBSCRIBE\nid:s1\ndestination:/topic/room.r1\n\n\x00")
		time.Sleep(time.Minute)
		ann.silent()
		b.wantRows("ann@gateway= bob@gateway=r1 cho@gateway=r1 cho@other=r1")
		cho.send("DISCONNECT\n\n\x00")
		time.Sleep(time.Minute)
		ann.silent() // it is still there
	})
}

func TestWhoFlapsIsNewsOnceInAWhile(t *testing.T) {
	play(t, atGateway, func(b *bench) {
		b.alive("gateway")
		for i := range 20 {
			b.desk.rooms[fmt.Sprint("x", i)] = store.Room{ID: fmt.Sprint("x", i), State: store.Open}
			b.desk.seats[fmt.Sprint("x", i, " bob")] = true
			if err := b.pipes.Open(t.Context(), broker.Spec{Room: fmt.Sprint("x", i)}); err != nil {
				t.Fatal(err)
			}
		}
		ann := b.listening("ann", "")
		ann.live()
		bob := b.signIn("bob")
		for i := range 20 {
			bob.send(fmt.Sprintf("SUBSCRIBE\nid:%d\ndestination:/topic/room.x%d\n\n\x00", i, i))
			time.Sleep(time.Second)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := len(ann.frames); got < 3 || got > 6 {
			t.Errorf("got %d news in 20 s, want one in 5 s", got)
		}
	})
}

func TestAGatewayThatIsGoneLeavesNoGhosts(t *testing.T) {
	play(t, atGateway, func(b *bench) {
		b.alive("gateway")
		ann := b.listening("ann", "")
		ann.live()
		time.Sleep(10 * time.Second)
		b.desk.register.set(func() {
			for i := range 250 {
				user := fmt.Sprintf("u%03d", i)
				b.desk.rows[[2]string{user, "dead"}] = store.Presence{User: user}
			}
			b.desk.rows[[2]string{"ann", "dead"}] = store.Presence{User: "ann"} // it has come here
		})
		body, _ := json.Marshal(broker.Process{ID: "dead", Roles: []string{"web"}})
		if err := b.pipes.Post(t.Context(), broker.Notice{Kind: broker.NoticeProcess, From: "dead", Body: body}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		ann.silent()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := len(ann.frames); got != 250 {
			t.Errorf("got %d news, want 250", got)
		}
		b.wantRows("ann@gateway=")
	})
}

func TestPresencesAreWrittenAgainWhenTheyWereTakenAway(t *testing.T) {
	play(t, atGateway, func(b *bench) {
		b.alive("gateway")
		ann := b.listening("ann", "")
		ann.live()
		b.signIn("bob")
		time.Sleep(10 * time.Second)
		ann.present("bob", "")
		b.desk.register.set(func() { clear(b.desk.rows) })
		time.Sleep(35 * time.Second)
		b.wantRows("ann@gateway= bob@gateway=")
		ann.silent()
	})
}

func TestPresencesWaitForTheStore(t *testing.T) {
	play(t, atGateway, func(b *bench) {
		b.alive("gateway")
		b.desk.register.set(func() { b.desk.away = errors.New("away") })
		ann, bob := b.listening("ann", ""), b.signIn("bob")
		ann.live()
		time.Sleep(10 * time.Second)
		b.desk.register.set(func() { b.desk.away = nil })
		time.Sleep(2 * time.Second)
		b.wantRows("ann@gateway= bob@gateway=")
		ann.present("bob", "")
		b.desk.register.set(func() { b.desk.away = errors.New("away") })
		bob.send("DISCONNECT\n\n\x00")
		time.Sleep(time.Minute)
		b.desk.register.set(func() { b.desk.away = nil })
		time.Sleep(2 * time.Second)
		b.wantRows("ann@gateway=")
		ann.offline("bob")
	})
}

func TestManyWhoComeAtOnceAreFewTransactions(t *testing.T) {
	play(t, atGateway, func(b *bench) {
		b.alive("gateway")
		for i := range 300 {
			user := fmt.Sprint("user-", i)
			b.desk.signIn(user, "s-"+user)
			b.signIn(user)
		}
		time.Sleep(time.Second)
		b.desk.register.set(func() {
			if got := len(b.desk.rows); got != 300 || b.desk.writes > 4 {
				t.Errorf("got %d rows after %d transactions, want 300 after a few", got, b.desk.writes)
			}
		})
	})
}

func TestNothingIsDroppedWhileTheBoardIsSilent(t *testing.T) {
	play(t, atGateway, func(b *bench) {
		b.desk.register.set(func() { b.desk.rows = map[[2]string]store.Presence{{"cho", "other"}: {User: "cho"}} })
		time.Sleep(2 * time.Minute)
		b.wantRows("cho@other=")
	})
}
