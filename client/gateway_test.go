package client_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/madang-games/madang/client"
	"github.com/madang-games/madang/web/stomp"
)

// gateway is a server with one room, which echoes what is said. It forgets connections, loses receipts and refuses as
// a test asks.
type gateway struct {
	t   *testing.T
	url string

	mu       sync.Mutex
	conns    map[*serving]bool
	line     []*stomp.Frame // MESSAGEs without subscription, number i+1
	epoch    int
	handled  map[string]uint64
	received []string // "<seq> <body>" of each SEND that came, doubles included
	resumes  []string // resume header of each SUBSCRIBE, "-" for none
	connects int
	inboxes  chan question // SUBSCRIBEs to what players are told outside of rooms; the test answers them

	// what goes wrong
	cutAfter    int             // cut the connection that brings this SEND (counted from 1 over all), before its receipt
	loseSend    bool            // and don't handle it
	refuse      map[string]bool // codes of ERROR with which the next CONNECT is answered
	refuseSub   string          // code for the next SUBSCRIBE
	refuseSend  string          // code for SENDs of type "refused"
	silent      bool            // no worker answers a SUBSCRIBE
	noHeartBeat bool            // promises heart-beats and sends none
	beats       chan struct{}   // takes a client's heart-beats
}

type serving struct {
	g   *gateway
	ws  *websocket.Conn
	sub string
}

// question is a SUBSCRIBE that the test answers.
type question struct {
	s           *serving
	id, receipt string
}

func newGateway(t *testing.T) *gateway {
	g := &gateway{t: t, conns: map[*serving]bool{}, epoch: 1, handled: map[string]uint64{}, refuse: map[string]bool{}, beats: make(chan struct{}, 100),
		inboxes: make(chan question, 10)}
	mux := http.NewServeMux()
	mux.HandleFunc("/stomp", g.serve)
	mux.HandleFunc("POST /v1/login", func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Platform, Name, Token string }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		if in.Name == "taken" {
			w.Header().Set("Retry-After", "2")
			w.WriteHeader(409)
			fmt.Fprint(w, `{"code":"name_taken","title":"The name is taken","detail":"Another player has this name."}`)
			return
		}
		fmt.Fprintf(w, `{"user":{"id":"u1","name":%q},"token":"secret"}`, in.Name)
	})
	mux.HandleFunc("POST /v1/rooms", func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "Bearer secret" {
			t.Errorf("got Authorization %q", got)
		}
		w.WriteHeader(201)
		fmt.Fprintf(w, `{"room":{"id":"r1","game":"echo","capacity":2},"seat":{"user":"u1"},"stomp":{"url":%q,"topic":"/topic/room.r1","queue":"/queue/room.r1"}}`,
			"ws"+strings.TrimPrefix(g.url, "http")+"/stomp")
	})
	server := httptest.NewServer(mux)
	g.url = server.URL
	t.Cleanup(func() {
		g.cut()
		server.Close()
	})
	return g
}

// player signs in, makes the room and connects.
func (g *gateway) player(t *testing.T, c client.Config) (*client.Conn, client.Place) {
	t.Helper()
	c.URL = g.url
	c.Backoff = client.Backoff{Min: time.Millisecond, Max: 10 * time.Millisecond}
	player, err := client.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := player.SignInGuest(t.Context(), "Mina", ""); err != nil {
		t.Fatal(err)
	}
	place, err := player.CreateRoom(t.Context(), "echo", nil)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := player.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn, place
}

func (g *gateway) serve(w http.ResponseWriter, r *http.Request) {
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"v12.stomp"}})
	if err != nil {
		return
	}
	s := &serving{g: g, ws: ws}
	g.mu.Lock()
	g.conns[s] = true
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		delete(g.conns, s)
		g.mu.Unlock()
		_ = ws.CloseNow()
	}()
	d := stomp.NewDecoder(stomp.Limits{})
	for {
		_, p, err := ws.Read(context.Background())
		if err != nil {
			return
		}
		if string(p) == "\n" {
			select {
			case g.beats <- struct{}{}:
			default:
			}
		}
		if d.Push(p, s.take) != nil {
			return
		}
	}
}

func (s *serving) write(f *stomp.Frame) {
	_ = s.ws.Write(context.Background(), websocket.MessageBinary, stomp.AppendFrame(nil, stomp.V12, f))
}

type header = stomp.Field

var errCut = fmt.Errorf("cut")

func (s *serving) error(code, receipt string) error {
	f := &stomp.Frame{Command: "ERROR", Fields: []header{{Name: "code", Value: code}, {Name: "message", Value: "because"}}}
	if receipt != "" {
		f.Fields = append(f.Fields, header{Name: "receipt-id", Value: receipt})
	}
	s.write(f)
	return errCut
}

func (s *serving) take(f *stomp.Frame) error {
	g := s.g
	g.mu.Lock()
	defer g.mu.Unlock()
	receipt, asked := f.Get("receipt")
	switch f.Command {
	case "CONNECT":
		g.connects++
		for code := range g.refuse {
			delete(g.refuse, code)
			return s.error(code, "")
		}
		beat := "10,10"
		if !g.noHeartBeat {
			beat = "0,10"
		}
		s.write(&stomp.Frame{Command: "CONNECTED", Fields: []header{{Name: "version", Value: "1.2"}, {Name: "user-name", Value: "u1"}, {Name: "heart-beat", Value: beat}}})
	case "SUBSCRIBE":
		if code := g.refuseSub; code != "" {
			g.refuseSub = ""
			return s.error(code, receipt)
		}
		id, _ := f.Get("id")
		if to, _ := f.Get("destination"); to == "/user/queue/lobby" {
			g.inboxes <- question{s, id, receipt}
			return nil
		}
		s.sub = id
		resume, ok := f.Get("resume")
		if !ok {
			resume = "-"
		}
		g.resumes = append(g.resumes, resume)
		s.write(&stomp.Frame{Command: "RECEIPT", Fields: []header{{Name: "receipt-id", Value: receipt}}})
		if g.silent {
			return nil
		}
		epoch, n, _ := strings.Cut(resume, "-")
		if at, err := strconv.Atoi(n); err == nil && epoch == strconv.Itoa(g.epoch) {
			for _, f := range g.line[at:] {
				s.message(f)
			}
			return nil
		}
		s.message(&stomp.Frame{Command: "MESSAGE", Fields: []header{
			{Name: "message-id", Value: fmt.Sprintf("%d-%d", g.epoch, len(g.line))}, {Name: "type", Value: "$snapshot"},
			{Name: "handled", Value: fmt.Sprint(g.handled["u1"])},
		}})
	case "SEND":
		return g.takeSend(s, f)
	case "UNSUBSCRIBE":
		s.sub = ""
	case "DISCONNECT":
		s.write(&stomp.Frame{Command: "RECEIPT", Fields: []header{{Name: "receipt-id", Value: receipt}}})
		return errCut
	default:
		g.t.Errorf("got a %s frame, receipt asked: %v", f.Command, asked)
	}
	return nil
}

func (g *gateway) takeSend(s *serving, f *stomp.Frame) error {
	value, _ := f.Get("seq")
	receipt, _ := f.Get("receipt")
	typ, _ := f.Get("type")
	seq, err := strconv.ParseUint(value, 10, 64)
	if err != nil {
		g.t.Errorf("got seq %q", value)
	}
	g.received = append(g.received, value+" "+string(f.Body))
	cut := len(g.received) == g.cutAfter
	if cut && g.loseSend {
		return errCut
	}
	if typ == "refused" {
		s.message(&stomp.Frame{Command: "MESSAGE", Fields: []header{{Name: "type", Value: "error"},
			{Name: "code", Value: g.refuseSend}, {Name: "request", Value: value}, {Name: "receipt-id", Value: receipt},
			{Name: "message-id", Value: fmt.Sprintf("%d-%d", g.epoch, len(g.line))}}, // where the line stands
			Body: []byte(`{"code":"x","message":"too many wait"}`)})
		return nil
	}
	if seq > g.handled["u1"] {
		g.handled["u1"] = seq
		g.sayLocked(typ, f.Body, value)
	}
	if cut {
		return errCut
	}
	s.write(&stomp.Frame{Command: "RECEIPT", Fields: []header{{Name: "receipt-id", Value: receipt}}})
	return nil
}

func (s *serving) message(f *stomp.Frame) {
	if s.sub == "" {
		return
	}
	with := f.Clone()
	with.Fields = append(with.Fields, header{Name: "subscription", Value: s.sub})
	s.write(with)
}

func (g *gateway) sayLocked(typ string, body []byte, request string) {
	f := &stomp.Frame{Command: "MESSAGE", Body: append([]byte(nil), body...), Fields: []header{
		{Name: "message-id", Value: fmt.Sprintf("%d-%d", g.epoch, len(g.line)+1)}, {Name: "type", Value: typ}, {Name: "from", Value: "u1"},
		{Name: "timestamp", Value: "1700000000000"},
	}}
	if request != "" {
		f.Fields = append(f.Fields, header{Name: "request", Value: request})
	}
	g.line = append(g.line, f)
	for s := range g.conns {
		s.message(f)
	}
}

func (g *gateway) say(typ, body string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sayLocked(typ, []byte(body), "")
}

// cut cuts every connection without a word.
func (g *gateway) cut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for s := range g.conns {
		_ = s.ws.CloseNow()
	}
}

// set changes what goes wrong.
func (g *gateway) set(change func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change()
}
