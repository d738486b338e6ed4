// Command bare is what every gateway is compared with: it hands each message to all of its room, as the same frames as Madang's,
// and does nothing else. No sign-in is checked, nothing is kept, numbered twice or bounded, and a slow reader blocks its room.
//
// It answers the lobby calls that the load makes, so that one load generator measures both.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8081", "address to listen on")
	gather := flag.Bool("gather", false, "write what waits for a connection at once, by a goroutine of its own")
	flag.Parse()
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	h := &hall{address: listener.Addr().String(), gather: *gather, rooms: map[string]*room{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/login", h.login)
	mux.HandleFunc("POST /v1/rooms", h.create)
	mux.HandleFunc("POST /v1/rooms/{room}/join", h.join)
	mux.HandleFunc("POST /v1/rooms/{room}/leave", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /v1/stomp", h.upgrade)
	mux.Handle("GET /metrics", promhttp.Handler()) // CPU and memory of this process
	log.Fatal(http.Serve(listener, mux))
}

// hall has the rooms.
type hall struct {
	address string
	gather  bool
	last    atomic.Uint64

	mu    sync.Mutex
	rooms map[string]*room
}

func (h *hall) room(id string) *room {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.rooms[id]
	if r == nil {
		r = &room{}
		h.rooms[id] = r
	}
	return r
}

func (h *hall) login(w http.ResponseWriter, _ *http.Request) {
	answer(w, fmt.Sprintf(`{"token":"user-%d"}`, h.last.Add(1)))
}

func (h *hall) create(w http.ResponseWriter, _ *http.Request) {
	h.place(w, fmt.Sprintf("%036d", h.last.Add(1)))
}

func (h *hall) join(w http.ResponseWriter, r *http.Request) { h.place(w, r.PathValue("room")) }

func (h *hall) place(w http.ResponseWriter, id string) {
	answer(w, fmt.Sprintf(`{"room":{"id":%q},"stomp":{"url":"ws://%s/v1/stomp","topic":"/topic/room.%s","queue":"/queue/room.%s"}}`, id, h.address, id, id))
}

func answer(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, text)
}

// room numbers what is said in it.
type room struct {
	mu      sync.Mutex
	n       uint64
	members []*conn
	frame   []byte
}

// say writes body to everybody: MESSAGE frames with the fields of Madang's.
func (r *room) say(h *hall, topic, from, typ string, now int64, body []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n++
	frame := r.frame[:0]
	if h.gather {
		frame = nil // several goroutines read it
	}
	frame = append(frame, 0x81, 126, 0, 0)
	frame = append(frame, "MESSAGE\nsubscription:room\ndestination:"...)
	frame = append(frame, topic...)
	frame = append(frame, "\nmessage-id:1-"...)
	frame = strconv.AppendUint(frame, r.n, 10)
	frame = append(frame, "\ntype:"...)
	frame = append(frame, typ...)
	frame = append(frame, "\nfrom:"...)
	frame = append(frame, from...)
	frame = append(frame, "\ntimestamp:"...)
	frame = strconv.AppendInt(frame, now, 10)
	frame = append(frame, "\ncontent-type:application/json\ncontent-length:"...)
	frame = strconv.AppendInt(frame, int64(len(body)), 10)
	frame = append(frame, "\n\n"...)
	frame = append(frame, body...)
	frame = append(frame, 0)
	size := len(frame) - 4
	frame[2], frame[3] = byte(size>>8), byte(size)
	r.frame = frame
	for _, c := range r.members {
		c.write(frame)
	}
}

func (r *room) add(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.members = append(r.members, c)
}

func (r *room) remove(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, other := range r.members {
		if other == c {
			r.members[i] = r.members[len(r.members)-1]
			r.members = r.members[:len(r.members)-1]
			return
		}
	}
}

// roomOf is the id in a destination such as /topic/room.x.
func roomOf(destination string) string {
	_, id, _ := strings.Cut(destination, "room.")
	return id
}
