package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/broker/memory"
	"github.com/madang-games/madang/broker/rabbitmq"
	"github.com/madang-games/madang/lobby"
	"github.com/madang-games/madang/store"
	"github.com/madang-games/madang/store/sql"
)

// deadTime is how long dead waits for the database, the broker, or for what it does to one letter.
const deadTime = 10 * time.Second

// deadCmd looks after the messages that rooms have given up.
type deadCmd struct {
	List  deadListCmd  `cmd:"" help:"List them, the newest first."`
	Show  deadShowCmd  `cmd:"" help:"Show one with its body, error and stack."`
	Retry deadRetryCmd `cmd:"" help:"Send them to their rooms again."`
	Drop  deadDropCmd  `cmd:"" help:"Forget them."`

	Data   string   `default:"./data" env:"MADANG_DATA" placeholder:"DIR" help:"Folder of the deployment's SQLite file (${default})."`
	Store  string   `default:"sqlite" env:"MADANG_STORE" placeholder:"URL" help:"The deployment's store: sqlite, or postgres://user:password@host:5432/database (${default})."`
	Broker []string `default:"memory" env:"MADANG_BROKER" placeholder:"URL" help:"The deployment's broker, for retry: amqp://user:password@host:5672/vhost; or memory, the embedded one of a madang that is stopped (${default})."`

	out io.Writer // nil: standard output
}

type deadListCmd struct {
	Game  string `placeholder:"NAME" help:"Of this game alone."`
	Room  string `placeholder:"ID" help:"Of this room alone."`
	Limit int    `default:"50" help:"List so many at most (${default})."`
	JSON  bool   `name:"json" help:"One JSON object a line."`
}

type deadShowCmd struct {
	ID   string `arg:"" help:"The letter."`
	JSON bool   `name:"json" help:"As a JSON object."`
}

type deadRetryCmd struct{ deadChoice }

type deadDropCmd struct{ deadChoice }

// deadChoice names letters.
type deadChoice struct {
	IDs  []string `arg:"" optional:"" name:"id" help:"The letters."`
	All  bool     `help:"All letters of --room."`
	Room string   `placeholder:"ID" help:"See --all."`
}

// Run lists.
func (c *deadListCmd) Run(ctx context.Context, d *deadCmd) error {
	if c.Limit < 1 {
		return fmt.Errorf("--limit %d: want 1 or more", c.Limit)
	}
	s, err := d.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	letters, more, err := listDead(ctx, s, store.DeadFilter{Game: c.Game, Room: c.Room}, c.Limit)
	if err != nil {
		return err
	}
	if c.JSON {
		for i := range letters {
			if err := d.printJSON(&letters[i]); err != nil {
				return err
			}
		}
		return nil
	}
	return d.printTable(letters, more)
}

// listDead lists at most limit letters, newest first, and says whether there are more.
func listDead(ctx context.Context, s store.DeadLetters, f store.DeadFilter, limit int) (letters []store.DeadLetter, more bool, err error) {
	for next := ""; len(letters) < limit; {
		ctx, cancel := context.WithTimeout(ctx, deadTime)
		page, cursor, err := s.DeadLetters(ctx, f, next, min(limit-len(letters), 100))
		cancel()
		if err != nil {
			return nil, false, err
		}
		letters = append(letters, page...)
		if next = cursor; next == "" {
			return letters, false, nil
		}
	}
	return letters, true, nil
}

// Run shows.
func (c *deadShowCmd) Run(ctx context.Context, d *deadCmd) error {
	s, err := d.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(ctx, deadTime)
	defer cancel()
	l, err := findDead(ctx, s, c.ID)
	if err != nil {
		return err
	}
	if c.JSON {
		return d.printJSON(&l)
	}
	return d.printLetter(&l)
}

func findDead(ctx context.Context, s store.DeadLetters, id string) (store.DeadLetter, error) {
	l, err := s.DeadLetter(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return l, fmt.Errorf("there is no dead letter %q; madang dead list shows which there are", id)
	}
	return l, err
}

// Run drops. What can't be dropped does not keep the others.
func (c *deadDropCmd) Run(ctx context.Context, d *deadCmd) error {
	s, err := d.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	return d.each(ctx, s, &c.deadChoice, "dropped", func(ctx context.Context, id string) error {
		err := s.DropDeadLetter(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			_, err = findDead(ctx, s, id)
		}
		return err
	})
}

// Run retries, the oldest first when it is all of a room. What can't be retried is kept, and does not keep the others.
func (c *deadRetryCmd) Run(ctx context.Context, d *deadCmd) (err error) {
	s, err := d.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	b, err := d.reach(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	return d.each(ctx, s, &c.deadChoice, "retried", func(ctx context.Context, id string) error {
		return retryDead(ctx, s, b, d.wake(b), id)
	})
}

// reach opens the deployment's broker. The embedded one is its journal, which belongs to the running madang while there
// is one.
func (d *deadCmd) reach(ctx context.Context) (broker.Broker, error) {
	log := slog.New(slog.DiscardHandler)
	if d.embedded() {
		journal := filepath.Join(d.Data, "rooms.journal")
		if _, err := os.Stat(journal); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("there is no embedded broker's journal %s; --data says where it is, or --broker where RabbitMQ is", journal)
		}
		b, err := memory.Open(memory.Config{Journal: journal, Log: log})
		if err != nil {
			return nil, fmt.Errorf("%w; with the embedded broker, stop madang first, retry, and start it again", err)
		}
		return b, nil
	}
	ctx, cancel := context.WithTimeout(ctx, deadTime)
	defer cancel()
	b, err := rabbitmq.New(ctx, rabbitmq.Config{URLs: d.Broker, Log: log})
	if err != nil {
		return nil, err
	}
	if err := b.Ready(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("reach the broker: %w", err), b.Close())
	}
	return b, nil
}

func (d *deadCmd) embedded() bool { return len(d.Broker) == 1 && d.Broker[0] == "memory" }

// wake gives a room a queue. In the embedded broker's journal it is found, and its room woken, when madang is started.
func (d *deadCmd) wake(b broker.Broker) func(context.Context, store.Room) error {
	return func(ctx context.Context, room store.Room) error {
		if d.embedded() {
			return b.Open(ctx, broker.Spec{Room: room.ID})
		}
		notice, err := json.Marshal(broker.RoomOpened{Room: room.ID, Game: room.Game, Version: room.Version})
		if err != nil {
			return err
		}
		return b.Post(ctx, broker.Notice{Kind: broker.NoticeRoom, From: "madang dead", Body: notice, Time: time.Now()})
	}
}

// retryDead retries a letter; see [lobby.RetryDeadLetter].
func retryDead(ctx context.Context, s store.Store, b broker.Sender, wake func(context.Context, store.Room) error, id string) error {
	l, err := findDead(ctx, s, id)
	if err != nil {
		return err
	}
	if err := lobby.RetryDeadLetter(ctx, s, b, wake, &l); err != nil {
		return fmt.Errorf("%s is kept: %w", id, err)
	}
	return nil
}

func (d *deadCmd) open(ctx context.Context) (store.Store, error) {
	return openStore(ctx, d.Data, d.Store)
}

// openStore opens a deployment's store; it makes no new one.
func openStore(ctx context.Context, data, dsn string) (store.Store, error) {
	if dsn == "sqlite" {
		file := filepath.Join(data, "madang.db")
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("there is no database %s; --data or --store say where the deployment keeps it", file)
		}
		dsn = "sqlite:" + file
	}
	ctx, cancel := context.WithTimeout(ctx, deadTime)
	defer cancel()
	return sql.Open(ctx, sql.Config{DSN: dsn, Log: slog.New(slog.DiscardHandler)})
}

// each does one thing to each letter that is chosen and says of how many it is done; the error tells of all the others.
func (d *deadCmd) each(ctx context.Context, s store.Store, c *deadChoice, done string, do func(ctx context.Context, id string) error) error {
	ids := c.IDs
	switch {
	case c.All != (c.Room != ""):
		return errors.New("--all and --room go together")
	case c.All && len(ids) > 0:
		return errors.New("name letters, or all of a room, not both")
	case c.All:
		letters, _, err := listDead(ctx, s, store.DeadFilter{Room: c.Room}, int(^uint(0)>>1))
		if err != nil {
			return err
		}
		for i := range slices.Backward(letters) {
			ids = append(ids, letters[i].ID)
		}
	case len(ids) == 0:
		return errors.New("name a letter, or --all --room ID; madang dead list shows which there are")
	}
	n := 0
	var errs []error
	for _, id := range ids {
		ctx, cancel := context.WithTimeout(ctx, deadTime)
		err := do(ctx, id)
		cancel()
		if err != nil {
			errs = append(errs, err)
		} else {
			n++
		}
	}
	_, err := fmt.Fprintf(d.to(), "%s %d of %d\n", done, n, len(ids))
	return errors.Join(append(errs, err)...)
}

func (d *deadCmd) to() io.Writer {
	if d.out == nil {
		return os.Stdout
	}
	return d.out
}

// deadJSON is a letter for machines. A body that is no plain text is in BodyBase64.
type deadJSON struct {
	ID          string    `json:"id"`
	GivenUp     time.Time `json:"given_up"`
	Game        string    `json:"game"`
	Version     string    `json:"version"`
	Room        string    `json:"room"`
	Kind        string    `json:"kind"` // "say" for a player's own words
	Type        string    `json:"type,omitempty"`
	User        string    `json:"user,omitempty"`
	Name        string    `json:"name,omitempty"`
	Seq         uint64    `json:"seq,omitempty"`
	Conn        string    `json:"conn,omitempty"`
	ConnSeq     uint64    `json:"conn_seq,omitempty"`
	Reason      string    `json:"reason,omitempty"`
	SentAt      time.Time `json:"sent_at"`
	Attempts    int       `json:"attempts"`
	Error       string    `json:"error"`
	Condemned   bool      `json:"condemned"` // given up while it still ran
	Stack       string    `json:"stack,omitempty"`
	ContentType string    `json:"content_type,omitempty"`
	Body        string    `json:"body,omitempty"`
	BodyBase64  []byte    `json:"body_base64,omitempty"`
}

func (d *deadCmd) printJSON(l *store.DeadLetter) error {
	j := deadJSON{
		ID: l.ID, GivenUp: l.GivenUp.UTC(), Game: l.Game, Version: l.Version, Room: l.Room, Kind: kindWord(l), Type: l.Type,
		User: l.User, Name: l.Name, Seq: l.Seq, Conn: l.Conn, ConnSeq: l.ConnSeq, Reason: l.Reason, SentAt: l.SentAt.UTC(),
		Attempts: l.Attempts, Error: l.Error, Condemned: l.Condemned != "", Stack: l.Stack, ContentType: l.ContentType,
	}
	if utf8.Valid(l.Body) {
		j.Body = string(l.Body)
	} else {
		j.BodyBase64 = l.Body
	}
	return json.NewEncoder(d.to()).Encode(&j)
}

func kindWord(l *store.DeadLetter) string {
	if broker.Kind(l.Kind) == broker.Say {
		return "say"
	}
	return l.Kind
}

func (d *deadCmd) printTable(letters []store.DeadLetter, more bool) error {
	if len(letters) == 0 {
		_, err := fmt.Fprintln(d.to(), "no dead letters")
		return err
	}
	w := tabwriter.NewWriter(d.to(), 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "LETTER\tGIVEN UP\tGAME\tROOM\tWHAT\tPLAYER\tTRIES\tERROR")
	for i := range letters {
		l := &letters[i]
		fmt.Fprintf(w, "%s\t%s\t%s %s\t%s\t%s\t%s\t%d\t%s\n", harmless(l.ID), stamp(l.GivenUp), harmless(l.Game), harmless(l.Version),
			harmless(l.Room), harmless(strings.TrimSpace(kindWord(l)+" "+l.Type)), harmless(l.User), l.Attempts, short(harmless(l.Error)))
	}
	if more {
		fmt.Fprintln(w, "there are more; --limit says how many to list")
	}
	return w.Flush()
}

func (d *deadCmd) printLetter(l *store.DeadLetter) error {
	w := tabwriter.NewWriter(d.to(), 0, 8, 2, ' ', 0)
	for _, line := range []struct {
		name  string
		value any
	}{
		{"letter", l.ID}, {"given up", stamp(l.GivenUp)}, {"game", l.Game + " " + l.Version}, {"room", l.Room}, {"kind", kindWord(l)},
		{"type", l.Type}, {"player", l.User}, {"name", l.Name}, {"reason", l.Reason}, {"seq", l.Seq}, {"connection", l.Conn},
		{"in it", l.ConnSeq}, {"sent", stamp(l.SentAt)}, {"tries", l.Attempts}, {"content type", l.ContentType}, {"error", l.Error},
	} {
		if text := harmless(fmt.Sprint(line.value)); text != "" && text != "0" {
			fmt.Fprintf(w, "%s:\t%s\n", line.name, text)
		}
	}
	if l.Condemned != "" {
		fmt.Fprintln(w, "condemned:\tit was given up while it still ran")
	}
	if err := w.Flush(); err != nil {
		return err
	}
	body := "body (base64):\n" + base64.StdEncoding.EncodeToString(l.Body)
	if text := string(l.Body); plainText(text) {
		body = "body:\n" + text
	}
	stack := ""
	if l.Stack != "" {
		stack = "\nstack:\n" + strings.Map(visible, l.Stack) + "\n"
	}
	_, err := fmt.Fprintf(d.to(), "%s\n%s", body, stack)
	return err
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// Players say what stands in letters: it must not steer the terminal of whoever reads it.

// harmless is s in one line.
func harmless(s string) string { return strings.Join(strings.Fields(strings.Map(visible, s)), " ") }

func visible(r rune) rune {
	if r == '\n' || r == '\t' || unicode.IsGraphic(r) {
		return r
	}
	return utf8.RuneError
}

func plainText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r != '\r' && visible(r) != r })
}

// short is what of a line fits into the table.
func short(s string) string {
	const most = 80
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}
