// Package wire is one signed-in STOMP connection over a WebSocket, from a client's side and without memory.
//
// Package client makes a lasting connection of a row of them; package load drives thousands.
package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"

	"github.com/madang-games/madang/web/stomp"
)

// Errors of a Link beside [*Refusal].
var (
	// ErrOver: the link has ended.
	ErrOver = errors.New("connection is over")
	// ErrBehind: the socket does not take what was written; the frame was not queued.
	ErrBehind = errors.New("connection is too slow for what is written")
	// ErrSilent: nothing was heard from the gateway for two and a half heart-beats.
	ErrSilent = errors.New("gateway is silent")
)

// Refusal is an ERROR frame, or the reason with which the gateway closed the socket.
type Refusal struct {
	Code    string // stable word: not_signed_in, draining, ...
	Text    string // for people
	Receipt string // the receipt that the refused frame had asked for; "" for none
}

func (r *Refusal) Error() string {
	if r.Text == "" {
		return "gateway refuses: " + r.Code
	}
	return "gateway refuses: " + r.Code + ": " + r.Text
}

// Config says how to connect. Only Token must be given.
type Config struct {
	Token     string        // of the session
	HTTP      *http.Client  // for the handshake; default http.DefaultClient
	HeartBeat time.Duration // offered and asked for, both ways; default 10 s, at least 100 ms
	Body      int           // largest body that is taken, in bytes; default 16 MiB
}

const (
	maxWaiting = 4 << 20 // bytes written and not yet taken by the socket
	writeTime  = 10 * time.Second
	readBytes  = 8 << 10
)

// Link is one connection that is signed in. Write, Bye and Close are safe for concurrent use.
type Link struct {
	// User is the name with which the gateway greeted: the header user-name of CONNECTED.
	User string

	ws    *websocket.Conn
	sends time.Duration // a heart-beat is due after this long without a write; 0: never
	wants time.Duration // the gateway is dead after this long without a byte; 0: never
	heard atomic.Int64  // when bytes last came, Unix nanoseconds; 0 while they are being handled
	over  chan struct{} // closed by end

	// of the reading goroutine
	decoder *stomp.Decoder
	message io.Reader // the WebSocket message that is being read; nil: none
	buffer  []byte
	early   []*stomp.Frame // what came with CONNECTED

	mu      sync.Mutex
	waiting []byte // encoded frames for the writer
	wake    chan struct{}
	cause   error // why it is over
	serving bool
}

// Dial connects to a gateway and signs in. The Link must be served, or closed. Errors: a [*Refusal], ctx's, or that no
// connection came about.
func Dial(ctx context.Context, url string, c Config) (*Link, error) {
	if c.HeartBeat <= 0 {
		c.HeartBeat = 10 * time.Second
	}
	c.HeartBeat = max(c.HeartBeat, 100*time.Millisecond)
	if c.Body <= 0 {
		c.Body = 16 << 20
	}
	ws, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{
		HTTPClient:   c.HTTP,
		Subprotocols: []string{stomp.V12.Subprotocol()},
	})
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	ws.SetReadLimit(-1) // messages are read in pieces and frames are bounded by the decoder
	l := &Link{
		ws:      ws,
		over:    make(chan struct{}),
		wake:    make(chan struct{}, 1),
		buffer:  make([]byte, readBytes),
		decoder: stomp.NewDecoder(stomp.Limits{HeaderBytes: 16 << 10, BodyBytes: c.Body}),
	}
	stop := context.AfterFunc(ctx, func() { _ = ws.CloseNow() })
	err = l.signIn(ctx, c)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = ws.CloseNow()
		if ctx.Err() != nil {
			return nil, fmt.Errorf("sign in: %w", context.Cause(ctx))
		}
		return nil, fmt.Errorf("sign in: %w", err)
	}
	return l, nil
}

func (l *Link) signIn(ctx context.Context, c Config) error {
	beat := strconv.FormatInt(c.HeartBeat.Milliseconds(), 10)
	err := l.ws.Write(ctx, websocket.MessageText, stomp.AppendFrame(nil, stomp.V12, &stomp.Frame{
		Command: "CONNECT",
		Fields: []stomp.Field{
			{Name: "accept-version", Value: "1.2"}, {Name: "host", Value: "madang"},
			{Name: "passcode", Value: c.Token}, {Name: "heart-beat", Value: beat + "," + beat},
		},
	}))
	if err != nil {
		return err
	}
	connected := false
	for !connected {
		err := l.read(func(f *stomp.Frame) error {
			switch {
			case connected:
				l.early = append(l.early, f.Clone())
			case f.Command == "CONNECTED":
				connected = true
				l.User, _ = f.Get("user-name")
				value, _ := f.Get("heart-beat")
				l.agree(value, c.HeartBeat)
			case f.Command == "ERROR":
				return refusalOf(f)
			default:
				return fmt.Errorf("gateway said %s instead of CONNECTED", f.Command)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// agree takes the gateway's offer (STOMP 1.2, "Heart-beating"): it can send every first ms and wants something every
// second ms.
func (l *Link) agree(offer string, own time.Duration) {
	first, second, _ := strings.Cut(offer, ",")
	if ms, err := strconv.ParseUint(second, 10, 31); err == nil && ms > 0 {
		l.sends = max(own, time.Duration(ms)*time.Millisecond) * 9 / 10 // in time, not just in time
	}
	if ms, err := strconv.ParseUint(first, 10, 31); err == nil && ms > 0 {
		l.wants = max(own, time.Duration(ms)*time.Millisecond) * 5 / 2
	}
}

// Serve gives each frame that comes to each, in order, until the link is over, and says why it is. The frame is valid
// until each returns; while each runs, nothing is read. An ERROR frame is not given to each: it ends the link with a
// [*Refusal]. An error from each ends the link with that error. Call it once; on return nothing of the link is left.
func (l *Link) Serve(each func(*stomp.Frame) error) error {
	l.mu.Lock()
	l.serving = true
	l.mu.Unlock()
	wrote := make(chan struct{})
	go func() {
		defer close(wrote)
		l.end(l.write())
	}()
	take := func(f *stomp.Frame) error {
		if f.Command == "ERROR" {
			return refusalOf(f)
		}
		return each(f)
	}
	l.end(l.serve(take))
	<-wrote
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cause
}

func (l *Link) serve(take func(*stomp.Frame) error) error {
	for _, f := range l.early {
		if err := take(f); err != nil {
			return err
		}
	}
	l.early = nil
	for {
		l.heard.Store(time.Now().UnixNano())
		if err := l.read(take); err != nil {
			return err
		}
	}
}

// read takes one piece of what has come. The context of reads never ends: one that did would close the socket.
func (l *Link) read(each func(*stomp.Frame) error) error {
	if l.message == nil {
		_, message, err := l.ws.Reader(context.Background())
		if err != nil {
			return closedBy(err)
		}
		l.message = message
	}
	n, err := l.message.Read(l.buffer)
	l.heard.Store(0)
	if bad := l.decoder.Push(l.buffer[:n], each); bad != nil {
		return bad
	}
	if errors.Is(err, io.EOF) {
		l.message = nil
	} else if err != nil {
		return closedBy(err)
	}
	return nil
}

// closedBy finds the code that a gateway gives as the reason of its close frame. Statuses that ask a client to come back
// are no refusals.
func closedBy(err error) error {
	var closed websocket.CloseError
	if errors.As(err, &closed) && isCode(closed.Reason) {
		switch closed.Code {
		case websocket.StatusPolicyViolation, websocket.StatusProtocolError, websocket.StatusMessageTooBig:
			return &Refusal{Code: closed.Reason}
		}
	}
	return fmt.Errorf("read: %w", err)
}

func isCode(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") == ""
}

func refusalOf(f *stomp.Frame) *Refusal {
	r := &Refusal{}
	r.Code, _ = f.Get("code")
	r.Text, _ = f.Get("message")
	r.Receipt, _ = f.Get("receipt-id")
	if r.Code == "" { // another server's
		r.Code = "unknown"
	}
	return r
}

// Write queues a frame. It does not block; frames of one goroutine leave in order.
func (l *Link) Write(f *stomp.Frame) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.cause != nil:
		return ErrOver
	case len(l.waiting) > maxWaiting:
		return ErrBehind
	}
	if l.waiting = stomp.AppendFrame(l.waiting, stomp.V12, f); len(l.wake) == 0 {
		l.wake <- struct{}{} // room for one; only this, under the lock, fills it
	}
	return nil
}

// write gives the socket what waits, all at once, and heart-beats; it watches for those of the gateway.
func (l *Link) write() error {
	period := time.Hour
	for _, d := range []time.Duration{l.sends, l.wants / 5} {
		if d > 0 {
			period = min(period, d)
		}
	}
	tick := time.NewTicker(period)
	defer tick.Stop()
	var taken []byte
	quiet := true
	for {
		select {
		case <-l.over:
			return ErrOver
		case <-l.wake:
			quiet = false
			l.mu.Lock()
			taken, l.waiting = l.waiting, taken[:0]
			l.mu.Unlock()
		case now := <-tick.C:
			if heard := l.heard.Load(); l.wants > 0 && heard > 0 && now.UnixNano()-heard > int64(l.wants) {
				return ErrSilent
			}
			beat := quiet && l.sends > 0
			quiet = true
			if !beat {
				continue
			}
			taken = append(taken[:0], '\n')
		}
		kind := websocket.MessageText
		if !utf8.Valid(taken) {
			kind = websocket.MessageBinary
		}
		ctx, cancel := context.WithTimeout(context.Background(), writeTime)
		err := l.ws.Write(ctx, kind, taken)
		cancel()
		if err != nil {
			return fmt.Errorf("write: %w", err)
		}
		if cap(taken) > 64<<10 {
			taken = nil
		}
	}
}

// end notes the first cause and cuts the socket.
func (l *Link) end(cause error) {
	l.mu.Lock()
	first := l.cause == nil
	if first {
		l.cause = cause
		close(l.over)
	}
	l.mu.Unlock()
	if first {
		_ = l.ws.CloseNow()
	}
}

// Close cuts the connection at once; Serve returns ErrOver. A second call does nothing.
func (l *Link) Close() { l.end(ErrOver) }

// Bye signs off and waits for the gateway to close, until ctx ends; then it is as Close.
func (l *Link) Bye(ctx context.Context) {
	defer l.Close()
	l.mu.Lock()
	serving := l.serving
	l.mu.Unlock()
	if !serving || l.Write(&stomp.Frame{Command: "DISCONNECT", Fields: []stomp.Field{{Name: "receipt", Value: "bye"}}}) != nil {
		return
	}
	select {
	case <-l.over:
	case <-ctx.Done():
	}
}
