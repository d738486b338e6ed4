package system

import (
	"context"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/go-stomp/stomp/v3"

	"github.com/madang-games/madang/internal/testservers"
)

// A trusted client straight on RabbitMQ's Web STOMP plugin plays in a room beside a player of our gateway.
func TestWebSTOMPPluginClientTakesPartBesideAGatewayClient(t *testing.T) {
	t.Parallel()
	rabbit := testservers.RabbitMQ(t)
	if rabbit.WebSTOMP == "" {
		t.Fatalf("%s is not set, though RabbitMQ is there", testservers.EnvWebSTOMP)
	}
	p := start(t, "--broker", rabbit.URL).ready()
	ours, direct := guest(t, p.URL), guest(t, p.URL)
	var room, again joined
	rest(t, "POST", p.URL+"/v1/rooms", ours.Token, map[string]string{"game": "relay"}, &room)
	rest(t, "POST", p.URL+"/v1/rooms/"+room.Room.ID+"/join", direct.Token, nil, &again)

	gateway := dialSTOMP(t, room.Stomp.URL, ours.Token)
	hears := gateway.subscribe(t, room.Stomp.Topic)
	hears.next(t, "$snapshot")

	plugin := dialPlugin(t, rabbit)
	topic, err := plugin.Subscribe(room.Stomp.Topic, stomp.AckAuto)
	if err != nil {
		t.Fatal(err)
	}
	listens := &subscription{topic}
	// The plugin gives no receipt that a binding is live: speak until it hears.
	heard := make(chan struct{})
	go func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-heard:
				return
			case <-tick.C:
				_ = gateway.Send(room.Stomp.Queue, "text/plain", []byte("?"), stomp.SendOpt.Header("type", "probe"))
			}
		}
	}()
	listens.next(t, "probe")
	close(heard)

	const n = 100
	for i := range n {
		body := fmt.Sprintf("direct %d", i)
		err := plugin.Send("/amq/queue/room."+room.Room.ID, "text/plain", []byte(body),
			stomp.SendOpt.Header("type", "say"), stomp.SendOpt.Header("from", direct.User.ID))
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, sub := range map[string]*subscription{"gateway client": hears, "plugin client": listens} {
		for i := range n {
			m := sub.next(t, "say")
			if want := fmt.Sprintf("direct %d", i); string(m.Body) != want || m.Header.Get("from") != direct.User.ID {
				t.Fatalf("%s: got %q from %q, want %q from %q", name, m.Body, m.Header.Get("from"), want, direct.User.ID)
			}
		}
	}
	gateway.send(t, room.Stomp.Queue, "answer", "heard you")
	if got := listens.next(t, "answer"); string(got.Body) != "heard you" || got.Header.Get("from") != ours.User.ID {
		t.Errorf("answer: got %q from %q", got.Body, got.Header.Get("from"))
	}
}

func dialPlugin(t *testing.T, rabbit testservers.Rabbit) *stomp.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	socket, _, err := websocket.Dial(ctx, rabbit.WebSTOMP, &websocket.DialOptions{Subprotocols: []string{"v12.stomp"}})
	if err != nil {
		t.Fatalf("dial the plugin: %v", err)
	}
	socket.SetReadLimit(1 << 20)
	u, err := url.Parse(rabbit.URL)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	c, err := stomp.Connect(websocket.NetConn(context.Background(), socket, websocket.MessageText),
		stomp.ConnOpt.Login(u.User.Username(), password), stomp.ConnOpt.Host(rabbit.VHost), stomp.ConnOpt.HeartBeat(0, 0))
	if err != nil {
		t.Fatalf("STOMP connect to the plugin: %v", err)
	}
	t.Cleanup(func() { _ = c.MustDisconnect() })
	return c
}
