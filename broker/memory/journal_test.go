package memory_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/broker/brokertest"
	"github.com/madang-games/madang/broker/memory"
)

func TestBrokerWithJournal(t *testing.T) {
	brokertest.Test(t, brokertest.Backend{
		System: func(t *testing.T) brokertest.System {
			first := reopen(t, t.TempDir())
			return brokertest.System{New: func() broker.Broker { return first.Peer() }, Left: first.Left}
		},
	})
}

// reopen opens a journal; it is closed with the test.
func reopen(t testing.TB, folder string) *memory.Broker {
	t.Helper()
	b, err := memory.Open(memory.Config{Journal: folder, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return b
}

// crashed copies a journal as it is on disk at this moment.
func crashed(t testing.TB, folder string) string {
	t.Helper()
	copied := t.TempDir()
	name := journalFile(t, folder)
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(copied, filepath.Base(name)), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return copied
}

// journalFile is the one file of a journal.
func journalFile(t testing.TB, folder string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, "*.journal"))
	if err != nil || len(names) != 1 {
		t.Fatalf("files of the journal: got %v, %v; want one", names, err)
	}
	return names[0]
}

func open(t testing.TB, b broker.Broker, room string, d broker.Durability) {
	t.Helper()
	if err := b.Open(context.Background(), broker.Spec{Room: room, Durability: d}); err != nil {
		t.Fatalf("Open %s: %v", room, err)
	}
}

func message(room string, n int) *broker.Message {
	return &broker.Message{Room: room, Type: "say", User: "u", Seq: uint64(n), Body: fmt.Appendf(nil, "%s/%d", room, n)}
}

func send(t testing.TB, b broker.Broker, room string, from, to int) {
	t.Helper()
	for n := from; n <= to; n++ {
		if err := b.Send(context.Background(), message(room, n)); err != nil {
			t.Fatalf("Send %d to %s: %v", n, room, err)
		}
	}
}

func consume(t testing.TB, b broker.Broker, room string) broker.Pipe {
	t.Helper()
	p, err := b.Consume(context.Background(), broker.Consumption{Room: room, Prefetch: 1 << 20, Wake: func() {}})
	if err != nil {
		t.Fatalf("Consume %s: %v", room, err)
	}
	return p
}

// take takes all that waits, which must be messages from..to.
func take(t testing.TB, p broker.Pipe, room string, from, to int, redelivered bool) []broker.Delivery {
	t.Helper()
	ds, err := p.Take(nil)
	if err != nil {
		t.Fatalf("Take: %v", err)
	}
	if len(ds) != to-from+1 {
		t.Fatalf("%s: got %d messages, want %d to %d", room, len(ds), from, to)
	}
	for i, d := range ds {
		want := message(room, from+i)
		if d.Room != room || d.Seq != want.Seq || !bytes.Equal(d.Body, want.Body) || d.Redelivered != redelivered {
			t.Fatalf("%s: got message %d (%q), redelivered %v; want %d, %v", d.Room, d.Seq, d.Body, d.Redelivered, want.Seq, redelivered)
		}
	}
	return ds
}

func ack(t testing.TB, p broker.Pipe, d broker.Delivery) {
	t.Helper()
	if err := p.Ack(d.Tag); err != nil {
		t.Fatalf("Ack: %v", err)
	}
}

func TestJournalGivesBackWhatWasNotAckedInTheOldOrder(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"closed", "killed"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			b := reopen(t, folder)
			open(t, b, "a", broker.Kept)
			open(t, b, "b", broker.Kept)
			open(t, b, "gone", broker.Kept)
			open(t, b, "passing", broker.Passing)
			send(t, b, "a", 1, 50)
			p := consume(t, b, "a")
			ds := take(t, p, "a", 1, 50, false)
			ack(t, p, ds[19])
			send(t, b, "a", 51, 80)
			send(t, b, "gone", 1, 5)
			send(t, b, "passing", 1, 5)
			if err := b.Delete(t.Context(), "gone"); err != nil {
				t.Fatalf("Delete: %v", err)
			}
			if how == "killed" {
				folder = crashed(t, folder)
			} else if err := b.Close(); err != nil {
				t.Fatalf("Close: %v", err)
			}

			b = reopen(t, folder)
			for _, room := range []string{"gone", "passing"} {
				if err := b.Send(t.Context(), message(room, 1)); !errors.Is(err, broker.ErrNoRoom) {
					t.Errorf("Send to %s: got %v, want ErrNoRoom", room, err)
				}
			}
			p = consume(t, b, "a")
			ds = take(t, p, "a", 21, 80, true)
			ack(t, p, ds[len(ds)-1])
			send(t, b, "a", 81, 90)
			take(t, p, "a", 81, 90, false)
			take(t, consume(t, b, "b"), "b", 1, 0, false)
			if err := b.Close(); err != nil {
				t.Fatalf("Close: %v", err)
			}
			take(t, consume(t, reopen(t, folder), "a"), "a", 81, 90, true)
		})
	}
}

// render is a state of the journal in a comparable form; rooms that hold nothing are in it too.
func render(rooms map[string][]*broker.Message) string {
	var text strings.Builder
	for _, name := range []string{"a", "b", "c"} {
		if messages, ok := rooms[name]; ok {
			fmt.Fprintf(&text, "%s:", name)
			for _, m := range messages {
				fmt.Fprintf(&text, " %d=%s", m.Seq, m.Body)
			}
			text.WriteByte('\n')
		}
	}
	return text.String()
}

func TestJournalCutAnywhereIsAStateThatWas(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	b := reopen(t, folder)
	name := journalFile(t, folder)
	size := func() int {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		return int(info.Size())
	}
	rooms := map[string][]*broker.Message{}
	pipes, unacked := map[string]broker.Pipe{}, map[string][]broker.Delivery{}
	states := []string{render(rooms)}
	type receipt struct{ size, state int } // when the file has this size, the state is at least this one
	receipts := []receipt{{size(), 0}}
	random := rand.New(rand.NewPCG(1, 2))
	for n := 1; len(states) < 400; n++ {
		room := []string{"a", "b", "c"}[random.IntN(3)]
		_, isOpen := rooms[room]
		switch what := random.IntN(20); {
		case !isOpen:
			open(t, b, room, broker.Kept)
			pipes[room], rooms[room] = consume(t, b, room), nil
		case what == 0:
			if err := b.Delete(t.Context(), room); err != nil {
				t.Fatalf("Delete: %v", err)
			}
			delete(rooms, room)
			delete(unacked, room)
		case what < 7:
			ds, err := pipes[room].Take(nil)
			if err != nil {
				t.Fatalf("Take: %v", err)
			}
			if unacked[room] = append(unacked[room], ds...); len(unacked[room]) == 0 {
				continue
			}
			some := 1 + random.IntN(len(unacked[room]))
			ack(t, pipes[room], unacked[room][some-1])
			unacked[room], rooms[room] = unacked[room][some:], rooms[room][some:]
			states = append(states, render(rooms))
			continue // nothing was receipted
		default:
			send(t, b, room, n, n)
			rooms[room] = append(rooms[room], message(room, n))
		}
		states = append(states, render(rooms))
		if isOpen { // Open is not waited for
			receipts = append(receipts, receipt{size(), len(states) - 1})
		}
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for length := range len(data) + 1 {
		got, whole, err := memory.ReadJournal(data[:length])
		if length < receipts[0].size {
			if !errors.Is(err, memory.ErrDamaged) {
				t.Fatalf("%d bytes, less than it was made with: got %v, want ErrDamaged", length, err)
			}
			continue
		}
		if err != nil || whole > length {
			t.Fatalf("%d bytes: got %d whole, %v", length, whole, err)
		}
		for len(receipts) > 1 && receipts[1].size <= length {
			receipts = receipts[1:]
		}
		at = max(at, receipts[0].state)
		from := at
		for at < len(states) && states[at] != render(got) {
			at++
		}
		if at == len(states) {
			t.Fatalf("%d bytes: got no state from the %d-th on, which was receipted or seen with a byte less:\n%swant\n%s",
				length, from, render(got), states[from])
		}
	}
	if len(receipts) != 1 {
		t.Errorf("%d receipts for bytes that are not there", len(receipts)-1)
	}
}

func TestJournalStaysSmall(t *testing.T) {
	t.Parallel()
	const slack = 20_000
	folder := t.TempDir()
	b, err := memory.OpenOn(memory.Config{Journal: folder}, memory.OpenFile, slack)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	open(t, b, "old", broker.Kept)
	send(t, b, "old", 1, 3)
	for n := 1; n <= 300; n++ {
		room := fmt.Sprintf("r%d", n)
		open(t, b, room, broker.Kept)
		p := consume(t, b, room)
		send(t, b, room, 1, 10)
		ds := take(t, p, room, 1, 10, false)
		ack(t, p, ds[9])
		if err := b.Delete(t.Context(), room); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(journalFile(t, folder))
		if err != nil {
			t.Fatal(err)
		}
		if most := 2*b.Live() + slack; info.Size() > most {
			t.Fatalf("after %d rooms the file has %d bytes, want at most %d", n, info.Size(), most)
		}
	}
	if name := filepath.Base(journalFile(t, folder)); name <= "0000000000000004.journal" {
		t.Errorf("the file is still %s: it was rewritten too seldom", name)
	}
	take(t, consume(t, reopen(t, crashed(t, folder)), "old"), "old", 1, 3, true)
}

func TestJournalUnderManySendersAndRewritings(t *testing.T) {
	t.Parallel()
	const senders, each, rooms = 32, 60, 4
	folder := t.TempDir()
	b, err := memory.OpenOn(memory.Config{Journal: folder}, memory.OpenFile, 8_000)
	if err != nil {
		t.Fatal(err)
	}
	room := func(sender int) string { return fmt.Sprintf("r%d", sender%rooms) }
	var sending, consuming sync.WaitGroup
	handled := make([]map[string]uint64, rooms) // by room, the last number of each user
	stop := make(chan struct{})
	for r := range rooms {
		open(t, b, room(r), broker.Kept)
		woken := make(chan struct{}, 1)
		p, err := b.Consume(t.Context(), broker.Consumption{Room: room(r), Prefetch: 16, Wake: func() {
			select {
			case woken <- struct{}{}:
			default:
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		handled[r] = map[string]uint64{}
		consuming.Go(func() {
			for taken := 0; taken < senders/rooms*each/2; { // and the rest stays
				ds, err := p.Take(nil)
				if err != nil {
					t.Errorf("Take: %v", err)
					return
				}
				for _, d := range ds {
					if d.Seq != handled[r][d.User]+1 {
						t.Errorf("%s: got %d of %s after %d", d.Room, d.Seq, d.User, handled[r][d.User])
					}
					handled[r][d.User] = d.Seq
				}
				if taken += len(ds); len(ds) > 0 {
					ack(t, p, ds[len(ds)-1])
					continue
				}
				select {
				case <-woken:
				case <-stop:
					return
				}
			}
		})
	}
	for i := range senders {
		sending.Go(func() {
			for n := 1; n <= each; n++ {
				m := message(room(i), n)
				m.User = fmt.Sprint("u", i)
				if err := b.Send(t.Context(), m); err != nil {
					t.Errorf("Send: %v", err)
				}
			}
		})
	}
	sending.Wait()
	close(stop)
	consuming.Wait()
	folder = crashed(t, folder) // acks may not be there yet; whatever was sent must
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = reopen(t, folder)
	for r := range rooms {
		ds, err := consume(t, b, room(r)).Take(nil)
		if err != nil {
			t.Fatal(err)
		}
		last := map[string]uint64{}
		for _, d := range ds {
			if before, ok := last[d.User]; ok && d.Seq != before+1 || !ok && d.Seq > handled[r][d.User]+1 {
				t.Errorf("%s: after the restart %d of %s after %d, handled %d", d.Room, d.Seq, d.User, before, handled[r][d.User])
			}
			last[d.User] = d.Seq
		}
		for user, n := range last {
			if n != each {
				t.Errorf("room %d: the last of %s is %d, want %d", r, user, n, each)
			}
		}
	}
}

func TestJournalThatIsDamaged(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	b := reopen(t, folder)
	open(t, b, "r", broker.Kept)
	made, err := os.ReadFile(journalFile(t, folder))
	if err != nil {
		t.Fatal(err)
	}
	send(t, b, "r", 1, 1)
	one, err := os.ReadFile(journalFile(t, folder))
	if err != nil {
		t.Fatal(err)
	}
	send(t, b, "r", 2, 3)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(journalFile(t, folder))
	if err != nil {
		t.Fatal(err)
	}
	flipped := func(at int) []byte {
		data := bytes.Clone(whole)
		data[at] ^= 0x10
		return data
	}
	version := bytes.Clone(whole)
	version[7]++
	for name, c := range map[string]struct {
		data   []byte
		want   string // part of the error; "": none
		holds  int
		logged bool
	}{
		"whole":                          {whole, "", 3, false},
		"one frame":                      {one, "", 1, false},
		"empty":                          {nil, "damaged", 0, false},
		"header":                         {flipped(20), "damaged", 0, false},
		"another format":                 {version, "another version", 0, false},
		"middle, its records":            {flipped(len(one) - 1), "damaged", 0, false},
		"middle, its length":             {flipped(len(made) + 8), "damaged", 0, false},
		"middle, its salt":               {flipped(len(made)), "damaged", 0, false},
		"end":                            {flipped(len(whole) - 1), "", 2, true},
		"end cut off":                    {whole[:len(whole)-1], "", 2, true},
		"zeros after the end":            {append(bytes.Clone(whole), make([]byte, 5_000)...), "", 3, true},
		"half of the next frame follows": {append(bytes.Clone(whole), whole[len(made):len(made)+20]...), "", 3, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			if err := os.WriteFile(filepath.Join(folder, "0000000000000007.journal"), c.data, 0o600); err != nil {
				t.Fatal(err)
			}
			// What rewriting leaves when it is cut off.
			if err := os.WriteFile(filepath.Join(folder, "0000000000000008.journal.new"), []byte("half"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(folder, "0000000000000006.journal"), made, 0o600); err != nil {
				t.Fatal(err)
			}
			var said bytes.Buffer
			b, err := memory.Open(memory.Config{Journal: folder, Log: slog.New(slog.NewTextHandler(&said, nil))})
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("Open: got %v, want an error that says %q", err, c.want)
				}
				if left, _ := filepath.Glob(filepath.Join(folder, "*7.journal")); len(left) != 1 {
					t.Error("the damaged file is gone")
				}
				return
			}
			if err != nil {
				t.Fatalf("Open: %v", err)
			}
			defer b.Close()
			take(t, consume(t, b, "r"), "r", 1, c.holds, true)
			if logged := strings.Contains(said.String(), "cut off"); logged != c.logged {
				t.Errorf("said that the end was cut off: got %v, want %v: %s", logged, c.logged, said.String())
			}
			if left, _ := filepath.Glob(filepath.Join(folder, "*.journal*")); len(left) != 1 {
				t.Errorf("files: got %v, want one", left)
			}
		})
	}
}

func TestJournalBelongsToOneBroker(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	b := reopen(t, folder)
	peer := b.Peer()
	if _, err := memory.Open(memory.Config{Journal: folder}); !errors.Is(err, memory.ErrInUse) {
		t.Errorf("Open of a folder in use: got %v, want ErrInUse", err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, peer, "r", broker.Kept)
	send(t, peer, "r", 1, 1) // the peer goes on
	if err := peer.Close(); err != nil {
		t.Fatal(err)
	}
	take(t, consume(t, reopen(t, folder), "r"), "r", 1, 1, true)
}

func TestJournalLeavesNothingRunning(t *testing.T) {
	folder := t.TempDir()
	before := runtime.NumGoroutine()
	for range 5 {
		b, err := memory.Open(memory.Config{Journal: folder, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		open(t, b, "r", broker.Kept)
		send(t, b, "r", 1, 1)
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("goroutines: got %d, want %d", after, before)
	}
}

// faultyDisk makes files that fail as it says.
type faultyDisk struct {
	mu     sync.Mutex
	create error
	write  error // after half of what is to be written
	sync   error
	hold   chan struct{} // Sync waits until it is closed; nil: it does not
}

func (d *faultyDisk) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

func (d *faultyDisk) open(name string, flag int) (memory.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.create != nil {
		return nil, d.create
	}
	f, err := memory.OpenFile(name, flag)
	if err != nil {
		return nil, err
	}
	return &faultyFile{f, d}, nil
}

type faultyFile struct {
	memory.File
	disk *faultyDisk
}

func (f *faultyFile) Write(p []byte) (int, error) {
	f.disk.mu.Lock()
	err := f.disk.write
	f.disk.mu.Unlock()
	if err != nil {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, err
	}
	return f.File.Write(p)
}

func (f *faultyFile) Sync() error {
	f.disk.mu.Lock()
	err, hold := f.disk.sync, f.disk.hold
	f.disk.mu.Unlock()
	if hold != nil {
		<-hold
	}
	if err != nil {
		return err
	}
	return f.File.Sync()
}

func TestJournalOnADiskThatFailsAndComesBack(t *testing.T) {
	t.Parallel()
	full := errors.New("no space left on device")
	for name, fault := range map[string]func(*faultyDisk, error){
		"write":        func(d *faultyDisk, err error) { d.write = err },
		"sync":         func(d *faultyDisk, err error) { d.sync = err },
		"sync, create": func(d *faultyDisk, err error) { d.sync, d.create = err, err },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				d := &faultyDisk{}
				b, err := memory.OpenOn(memory.Config{Journal: folder, Log: slog.New(slog.DiscardHandler)}, d.open, 1<<20)
				if err != nil {
					t.Fatal(err)
				}
				open(t, b, "r", broker.Kept)
				open(t, b, "passing", broker.Passing)
				open(t, b, "over", broker.Kept)
				send(t, b, "r", 1, 2)
				d.set(func() { fault(d, full) })
				if err := b.Send(t.Context(), message("r", 3)); !errors.Is(err, full) {
					t.Errorf("Send when the disk fails: got %v, want %v", err, full)
				}
				if err := b.Send(t.Context(), message("r", 99)); !errors.Is(err, full) {
					t.Errorf("Send after that: got %v, want %v", err, full)
				}
				if err := b.Open(t.Context(), broker.Spec{Room: "new"}); !errors.Is(err, full) {
					t.Errorf("Open: got %v, want %v", err, full)
				}
				if err := b.Ready(t.Context()); !errors.Is(err, full) {
					t.Errorf("Ready: got %v, want %v", err, full)
				}
				send(t, b, "passing", 1, 1)
				p := consume(t, b, "r")
				ds := take(t, p, "r", 1, 3, false) // 3 was handed over before it failed; 99 was not taken
				ack(t, p, ds[0])
				for range 2 { // the first waits for a try to write again, the second finds no room
					if err := b.Delete(t.Context(), "over"); !errors.Is(err, full) {
						t.Errorf("Delete: got %v, want %v", err, full)
					}
				}
				// A crash now loses nothing that was receipted.
				if got, _, err := readFolder(folder); err != nil || len(got["r"]) < 2 || got["r"][0].Seq != 1 || got["r"][1].Seq != 2 {
					t.Errorf("on disk: got %v, %v; want 1 and 2", got["r"], err)
				}

				d.set(func() { fault(d, nil) })
				time.Sleep(2 * time.Second)
				synctest.Wait()
				if err := b.Ready(t.Context()); err != nil {
					t.Fatalf("Ready when the disk is back: %v", err)
				}
				send(t, b, "r", 4, 4)
				got, _, err := readFolder(folder)
				if err != nil || len(got["r"]) != 3 || got["r"][0].Seq != 2 || got["r"][2].Seq != 4 || len(got) != 1 {
					t.Errorf("on disk: got %v, %v; want 2, 3, 4 of one room", got, err)
				}
				if err := b.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
		})
	}
}

func TestJournalSaysOnCloseWhatItCouldNotWrite(t *testing.T) {
	t.Parallel()
	full := errors.New("no space left on device")
	d := &faultyDisk{}
	b, err := memory.OpenOn(memory.Config{Journal: t.TempDir(), Log: slog.New(slog.DiscardHandler)}, d.open, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	open(t, b, "r", broker.Kept)
	d.set(func() { d.write = full })
	if err := b.Close(); !errors.Is(err, full) {
		t.Errorf("Close: got %v, want %v", err, full)
	}
	if err := b.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func readFolder(folder string) (map[string][]*broker.Message, int, error) {
	names, err := filepath.Glob(filepath.Join(folder, "*.journal"))
	if err != nil || len(names) == 0 {
		return nil, 0, fmt.Errorf("files: %v, %w", names, err)
	}
	data, err := os.ReadFile(names[len(names)-1])
	if err != nil {
		return nil, 0, err
	}
	return memory.ReadJournal(data)
}

func TestJournalHandsOverBeforeItIsWrittenAndReceiptsAfter(t *testing.T) {
	t.Parallel()
	d := &faultyDisk{}
	b, err := memory.OpenOn(memory.Config{Journal: t.TempDir()}, d.open, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	open(t, b, "r", broker.Kept)
	hold := make(chan struct{})
	d.set(func() { d.hold = hold })
	woken := make(chan struct{}, 1)
	p, err := b.Consume(t.Context(), broker.Consumption{Room: "r", Wake: func() { woken <- struct{}{} }})
	if err != nil {
		t.Fatal(err)
	}
	sent := make(chan error, 1)
	go func() { sent <- b.Send(t.Context(), message("r", 1)) }()
	<-woken
	ack(t, p, take(t, p, "r", 1, 1, false)[0])
	// Who stops waiting does not know whether it is held.
	short, cancel := context.WithCancel(t.Context())
	go func() {
		<-woken
		cancel()
	}()
	if err := b.Send(short, message("r", 2)); !errors.Is(err, context.Canceled) {
		t.Errorf("Send whose context ends: got %v, want context.Canceled", err)
	}
	select {
	case err := <-sent:
		t.Errorf("Send has returned %v before the message was on disk", err)
	default:
	}
	d.set(func() { d.hold = nil })
	close(hold)
	if err := <-sent; err != nil {
		t.Errorf("Send: %v", err)
	}
}

func TestJournalWritesAcksSoonWithNothingElseToWrite(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b, err := memory.Open(memory.Config{Journal: folder})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		open(t, b, "r", broker.Kept)
		send(t, b, "r", 1, 2)
		p := consume(t, b, "r")
		ack(t, p, take(t, p, "r", 1, 2, false)[0])
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		if got, _, err := readFolder(folder); err != nil || len(got["r"]) != 1 || got["r"][0].Seq != 2 {
			t.Errorf("on disk: got %v, %v; want message 2", got["r"], err)
		}
	})
}

func TestJournalRefusesWhatIsTooLarge(t *testing.T) {
	t.Parallel()
	b := reopen(t, t.TempDir())
	open(t, b, "r", broker.Kept)
	if err := b.Send(t.Context(), &broker.Message{Room: "r", Body: make([]byte, 17<<20)}); err == nil {
		t.Error("Send of 17 MiB: got no error")
	}
	send(t, b, "r", 1, 1)
	take(t, consume(t, b, "r"), "r", 1, 1, false)
}
