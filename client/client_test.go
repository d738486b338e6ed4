package client_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/madang-games/madang/client"
)

func join(t *testing.T, conn *client.Conn, p client.Place) *client.Room {
	t.Helper()
	room, err := conn.Join(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if m := next(t, room); m.Type != "$snapshot" {
		t.Fatalf("got %s first, want $snapshot", m.Type)
	}
	return room
}

func next(t *testing.T, r *client.Room) *client.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	m, err := r.Next(ctx)
	if err != nil {
		t.Fatalf("wait for a message: %v", err)
	}
	return m
}

func wantBodies(t *testing.T, r *client.Room, want ...string) {
	t.Helper()
	for _, body := range want {
		if m := next(t, r); string(m.Body) != body {
			t.Fatalf("got message %s %q, want %q", m.ID, m.Body, body)
		}
	}
}

func TestSignInErrorHasCode(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	c, err := client.New(client.Config{URL: g.url})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.SignInGuest(t.Context(), "taken", "")
	var e *client.Error
	want := client.Error{Status: 409, Code: "name_taken", Detail: "Another player has this name.", RetryAfter: 2 * time.Second}
	if !errors.As(err, &e) || *e != want {
		t.Errorf("got %v, want %v", err, &want)
	}
	if _, err := c.Connect(t.Context()); client.CodeOf(err) != "not_signed_in" {
		t.Errorf("got %v, want not_signed_in", err)
	}
}

func TestURLMustBeHTTP(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "localhost:8080", "ws://localhost", "http://"} {
		if _, err := client.New(client.Config{URL: url}); err == nil {
			t.Errorf("%q: got no error", url)
		}
	}
}

func TestSendIsEchoedInOrder(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	conn, place := g.player(t, client.Config{})
	room := join(t, conn, place)
	for i := range 20 {
		seq, err := room.Send(t.Context(), "say", []byte(fmt.Sprint(i)))
		if err != nil || seq != uint64(i+1) {
			t.Fatalf("got seq %d, %v, want %d", seq, err, i+1)
		}
	}
	for i := range 20 {
		m := next(t, room)
		got := client.Message{ID: m.ID, Type: m.Type, From: m.From, Request: m.Request, Body: m.Body, Time: m.Time}
		want := client.Message{ID: fmt.Sprintf("1-%d", i+1), Type: "say", From: "u1", Request: uint64(i + 1), Body: []byte(fmt.Sprint(i)), Time: time.UnixMilli(1700000000000)}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	}
}

func TestLostReceiptResendsTheSameSeq(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]bool{"handled before the cut": false, "lost with the connection": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t)
			conn, place := g.player(t, client.Config{})
			room := join(t, conn, place)
			g.set(func() { g.cutAfter, g.loseSend = 2, lost })
			for _, body := range []string{"a", "b", "c"} {
				if _, err := room.Send(t.Context(), "say", []byte(body)); err != nil {
					t.Fatal(err)
				}
			}
			wantBodies(t, room, "a", "b", "c")
			g.mu.Lock()
			defer g.mu.Unlock()
			if want := []string{"1 a", "2 b", "2 b", "3 c"}; !reflect.DeepEqual(g.received, want) {
				t.Errorf("the gateway got %q, want %q", g.received, want)
			}
		})
	}
}

func TestUnreceiptedMessagesAreResentInOrder(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	conn, place := g.player(t, client.Config{})
	room := join(t, conn, place)
	g.set(func() { g.cutAfter, g.loseSend = 3, true })
	var want []string
	for i := range 30 {
		body := fmt.Sprint("m", i)
		want = append(want, body)
		if _, err := room.SendAsync("say", []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	wantBodies(t, room, want...)
}

func TestResumeMissesNothingAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	conn, place := g.player(t, client.Config{})
	room := join(t, conn, place)
	var want []string
	for i := range 50 {
		if i%10 == 5 {
			g.cut()
		}
		body := fmt.Sprint("m", i)
		g.say("news", body)
		want = append(want, body)
	}
	wantBodies(t, room, want...)
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.resumes) < 2 || g.resumes[0] != "-" || !strings.HasPrefix(g.resumes[1], "1-") {
		t.Errorf("got resumes %q, want none at first and then a position", g.resumes)
	}
}

func TestNewEpochBringsASnapshot(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	conn, place := g.player(t, client.Config{})
	room := join(t, conn, place)
	g.say("news", "old 1")
	g.say("news", "old 2")
	wantBodies(t, room, "old 1", "old 2")
	g.set(func() { g.epoch, g.line = 2, nil })
	g.cut()
	if m := next(t, room); m.Type != "$snapshot" || m.ID != "2-0" {
		t.Fatalf("got %s %s, want $snapshot 2-0", m.Type, m.ID)
	}
	g.say("news", "new 1")
	wantBodies(t, room, "new 1")
}

func TestClientWithoutMemoryGoesOnWhereTheRoomIs(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.handled["u1"] = 41
	conn, place := g.player(t, client.Config{})
	room := join(t, conn, place)
	if seq, err := room.Send(t.Context(), "say", []byte("x")); err != nil || seq != 42 {
		t.Errorf("got seq %d, %v, want 42", seq, err)
	}
	wantBodies(t, room, "x")
}

func TestRefusedSendTellsItsCaller(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.refuseSend = "queue_full"
	conn, place := g.player(t, client.Config{})
	room := join(t, conn, place)
	_, err := room.Send(t.Context(), "refused", nil)
	if e := (*client.Error)(nil); !errors.As(err, &e) || e.Code != "queue_full" || e.Detail != "too many wait" {
		t.Errorf("got %v, want queue_full with its text", err)
	}
	if m := next(t, room); m.Type != "error" || m.Code != "queue_full" || m.Request != 1 {
		t.Errorf("got %+v, want the refusal", m)
	}
	if _, err := room.Send(t.Context(), "say", []byte("y")); err != nil {
		t.Error(err)
	}
	wantBodies(t, room, "y")
}

func TestFinalCodesEndTheConn(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"not_signed_in", "session_replaced", "version_not_supported"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t)
			conn, place := g.player(t, client.Config{})
			room := join(t, conn, place)
			g.set(func() { g.refuse[code] = true })
			g.cut()
			<-conn.Done()
			if got := client.CodeOf(conn.Err()); got != code {
				t.Errorf("got Conn.Err %v, want %s", conn.Err(), code)
			}
			if _, err := room.Next(t.Context()); client.CodeOf(err) != code {
				t.Errorf("got Next %v, want %s", err, code)
			}
			if _, err := room.Send(t.Context(), "say", nil); client.CodeOf(err) != code {
				t.Errorf("got Send %v, want %s", err, code)
			}
			if _, err := conn.Join(t.Context(), place); client.CodeOf(err) != code {
				t.Errorf("got Join %v, want %s", err, code)
			}
		})
	}
}

func TestPassingCodesAreComeBackFrom(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	conn, place := g.player(t, client.Config{})
	room := join(t, conn, place)
	g.set(func() { g.refuse["draining"], g.refuse["unavailable"], g.refuse["slow_reader"] = true, true, true })
	g.cut()
	if _, err := room.Send(t.Context(), "say", []byte("still here")); err != nil {
		t.Fatal(err)
	}
	wantBodies(t, room, "still here")
}

func TestRefusedRoomLeavesTheConn(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	conn, place := g.player(t, client.Config{})
	g.set(func() { g.refuseSub = "not_seated" })
	if _, err := conn.Join(t.Context(), place); client.CodeOf(err) != "not_seated" {
		t.Fatalf("got %v, want not_seated", err)
	}
	room := join(t, conn, place) // the connection comes back for others
	if _, err := room.Send(t.Context(), "say", []byte("x")); err != nil {
		t.Error(err)
	}
}

func TestClosedAndLeftEndTheRoomAfterTheirMessage(t *testing.T) {
	t.Parallel()
	for typ, c := range map[string]struct{ body, code string }{
		"$closed": {"{}", "room_closed"},
		"$left":   {`{"user":"u1","reason":"kicked"}`, "not_seated"},
	} {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t)
			conn, place := g.player(t, client.Config{})
			room := join(t, conn, place)
			g.say("$left", `{"user":"somebody","reason":"bored"}`)
			g.say(typ, c.body)
			if m := next(t, room); m.Type != "$left" {
				t.Fatalf("got %s, want $left", m.Type)
			}
			if m := next(t, room); m.Type != typ {
				t.Fatalf("got %s, want %s", m.Type, typ)
			}
			if _, err := room.Next(t.Context()); client.CodeOf(err) != c.code {
				t.Errorf("got %v, want %s", err, c.code)
			}
		})
	}
}

func TestJoinWaitsForAWorkerUntilItsContextEnds(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.silent = true
	conn, place := g.player(t, client.Config{})
	stop := errors.New("waited enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	if _, err := conn.Join(ctx, place); !errors.Is(err, stop) {
		t.Errorf("got %v, want %v", err, stop)
	}
}

func TestJoinTwiceIsRefused(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	conn, place := g.player(t, client.Config{})
	room := join(t, conn, place)
	if _, err := conn.Join(t.Context(), place); err == nil {
		t.Error("got no error for a second Join of the same room")
	}
	room.Close()
	if _, err := room.Next(t.Context()); !errors.Is(err, client.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
	join(t, conn, place)
}

func TestOutboxIsBounded(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	conn, place := g.player(t, client.Config{Outbox: 3})
	room := join(t, conn, place)
	g.mu.Lock() // the gateway answers nothing
	for range 3 {
		if _, err := room.SendAsync("say", nil); err != nil {
			t.Error(err)
		}
	}
	_, err := room.SendAsync("say", nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, waited := room.Send(ctx, "say", nil)
	g.mu.Unlock()
	if !errors.Is(err, client.ErrOutboxFull) || !errors.Is(waited, context.Canceled) {
		t.Errorf("got %v and %v, want ErrOutboxFull and the context's error", err, waited)
	}
	if _, err := room.Send(t.Context(), "say", []byte("room again")); err != nil {
		t.Error(err)
	}
	wantBodies(t, room, "", "", "", "room again")
}

func TestTooLargeIsNotSent(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	conn, place := g.player(t, client.Config{})
	room := join(t, conn, place)
	if _, err := room.Send(t.Context(), "say", make([]byte, 64<<10+1)); !errors.Is(err, client.ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
	if _, err := room.Send(t.Context(), "say", func() {}); err == nil {
		t.Error("got no error for a body that is no JSON")
	}
}

func TestFullInboxHoldsTheReaderUpAndLosesNothing(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	conn, place := g.player(t, client.Config{Inbox: 1})
	room := join(t, conn, place)
	var want []string
	for i := range 100 {
		want = append(want, fmt.Sprint(i))
		g.say("news", want[i])
		if i == 50 {
			g.cut()
		}
	}
	wantBodies(t, room, want...)
}

func TestHeartBeatsAreSent(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.player(t, client.Config{HeartBeat: 100 * time.Millisecond})
	<-g.beats
	<-g.beats
}

func TestSilentGatewayIsLeft(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.noHeartBeat = true
	conn, place := g.player(t, client.Config{HeartBeat: 100 * time.Millisecond})
	room := join(t, conn, place)
	for { // it says nothing more: only a connection that was given up and made again brings a resume
		g.mu.Lock()
		n := len(g.resumes)
		g.mu.Unlock()
		if n > 1 {
			break
		}
		<-g.beats // comes every so often
	}
	g.say("news", "here again")
	wantBodies(t, room, "here again")
}

func TestConnectSaysWhyItFailed(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	c, err := client.New(client.Config{URL: g.url, Backoff: client.Backoff{Min: time.Millisecond, Max: time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.SignInGuest(t.Context(), "Mina", ""); err != nil {
		t.Fatal(err)
	}
	g.refuse["session_replaced"] = true
	if _, err := c.Connect(t.Context()); client.CodeOf(err) != "session_replaced" {
		t.Errorf("got %v, want session_replaced", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Connect(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestCloseEndsEverything(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	conn, place := g.player(t, client.Config{})
	room := join(t, conn, place)
	conn.Close()
	conn.Close()
	if _, err := room.Next(t.Context()); !errors.Is(err, client.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
	if err := conn.Err(); !errors.Is(err, client.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}
