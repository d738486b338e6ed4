package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/madang-games/madang/lobby"
)

// adminTime is how long a call to the admin API may take, and how often it is sent in all: with its Idempotency-Key it is done once.
const (
	adminTime  = 10 * time.Second
	adminTries = 2
)

// adminCmd speaks to a deployment's admin API.
type adminCmd struct {
	Ban   adminBanCmd   `cmd:"" help:"Ban an account: its session ends everywhere, and it can't sign in."`
	Unban adminUnbanCmd `cmd:"" help:"End a ban."`
	Grant adminGrantCmd `cmd:"" help:"Give an account gold and items, or take them."`
	Audit adminAuditCmd `cmd:"" help:"List who has done what, the newest first."`

	URL string `name:"url" default:"http://127.0.0.1:8081" env:"MADANG_ADMIN_URL" help:"Address of the admin API (${default})."`
	Key string `env:"MADANG_ADMIN_KEY" placeholder:"SECRET" help:"The secret of one of its keys; best in the environment."`

	out io.Writer // nil: standard output
}

// adminDeed is what all changes need.
type adminDeed struct {
	User   string `arg:"" help:"The account: its id, or its name."`
	Reason string `required:"" placeholder:"TEXT" help:"Why, for the audit."`
}

type adminBanCmd struct {
	adminDeed
	For   time.Duration `placeholder:"TIME" help:"How long, such as 72h. Without it and --until: for ever."`
	Until time.Time     `placeholder:"TIME" help:"When it ends, such as 2026-12-24T00:00:00Z."`
}

type adminUnbanCmd struct{ adminDeed }

type adminGrantCmd struct {
	adminDeed
	Items     []string `arg:"" name:"item=count" help:"Such as gold=100 or potion=-1."`
	Reference string   `placeholder:"TEXT" help:"What it is for, such as ticket/4711: of one reference only the first grant is made."`
}

type adminAuditCmd struct {
	Actor  string `placeholder:"NAME" help:"By this key alone."`
	Action string `placeholder:"WORD" help:"Of this action alone, such as account.ban."`
	User   string `placeholder:"ID" help:"About this account alone."`
	Limit  int    `default:"50" help:"List so many at most, up to 100 (${default})."`
	JSON   bool   `name:"json" help:"As the admin API answers."`
}

// Run bans.
func (c *adminBanCmd) Run(ctx context.Context, a *adminCmd) error {
	body := map[string]any{"reason": c.Reason}
	switch {
	case c.For != 0 && !c.Until.IsZero():
		return errors.New("give --for or --until, not both")
	case c.For != 0:
		body["until"] = time.Now().Add(c.For).UTC().Truncate(time.Second)
	case !c.Until.IsZero():
		body["until"] = c.Until
	}
	user, err := a.find(ctx, c.User)
	if err != nil {
		return err
	}
	var got struct {
		Ban struct{ Until *time.Time } `json:"ban"`
	}
	if err := a.call(ctx, http.MethodPut, "/accounts/"+user+"/ban", body, &got); err != nil {
		return err
	}
	until := "for ever"
	if got.Ban.Until != nil {
		until = "until " + got.Ban.Until.Format(time.RFC3339)
	}
	return a.say("%s is banned %s\n", user, until)
}

// Run ends a ban.
func (c *adminUnbanCmd) Run(ctx context.Context, a *adminCmd) error {
	user, err := a.find(ctx, c.User)
	if err != nil {
		return err
	}
	if err := a.call(ctx, http.MethodDelete, "/accounts/"+user+"/ban", map[string]any{"reason": c.Reason}, nil); err != nil {
		return err
	}
	return a.say("%s is not banned any more\n", user)
}

// Run grants.
func (c *adminGrantCmd) Run(ctx context.Context, a *adminCmd) error {
	items := map[string]int64{}
	for _, text := range c.Items {
		item, count, ok := strings.Cut(text, "=")
		n, err := strconv.ParseInt(count, 10, 64)
		if _, twice := items[item]; !ok || err != nil || item == "" || twice {
			return fmt.Errorf("%q is not of the form gold=100, or its item is there twice", text)
		}
		items[item] = n
	}
	user, err := a.find(ctx, c.User)
	if err != nil {
		return err
	}
	body := map[string]any{"reason": c.Reason, "items": items}
	if c.Reference != "" {
		body["reference"] = c.Reference
	}
	var got struct {
		Reference string
		Repeated  bool
		Left      map[string]int64
	}
	if err := a.call(ctx, http.MethodPost, "/accounts/"+user+"/grants", body, &got); err != nil {
		return err
	}
	left, err := json.Marshal(got.Left)
	if err != nil {
		return err
	}
	if got.Repeated {
		return a.say("nothing was done now: it was granted before as %s\n", got.Reference)
	}
	return a.say("granted as %s; %s has now %s\n", got.Reference, user, left)
}

// Run lists.
func (c *adminAuditCmd) Run(ctx context.Context, a *adminCmd) error {
	query := url.Values{"limit": {strconv.Itoa(c.Limit)}}
	for name, value := range map[string]string{"actor": c.Actor, "action": c.Action, "user": c.User} {
		if value != "" {
			query.Set(name, value)
		}
	}
	var page json.RawMessage
	if err := a.call(ctx, http.MethodGet, "/audit?"+query.Encode(), nil, &page); err != nil {
		return err
	}
	if c.JSON {
		return a.say("%s\n", page)
	}
	var list struct {
		Entries []struct {
			At                                  time.Time
			Actor, Action, User, Target, Reason string
			Params                              json.RawMessage
		}
	}
	if err := json.Unmarshal(page, &list); err != nil {
		return fmt.Errorf("read the audit: %w", err)
	}
	w := tabwriter.NewWriter(a.to(), 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "AT\tBY\tWHAT\tACCOUNT\tTARGET\tHOW\tWHY")
	for _, e := range list.Entries {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", stamp(e.At), e.Actor, e.Action, e.User, harmless(e.Target), harmless(string(e.Params)), short(harmless(e.Reason)))
	}
	return w.Flush()
}

// find is the id of an account that is given by id or name.
func (a *adminCmd) find(ctx context.Context, user string) (string, error) {
	const idLength = 36 // longer than any name
	if len(user) == idLength {
		return url.PathEscape(user), nil
	}
	var found struct{ Accounts []struct{ ID string } }
	if err := a.call(ctx, http.MethodGet, "/accounts?name="+url.QueryEscape(user), nil, &found); err != nil {
		return "", err
	}
	if len(found.Accounts) != 1 {
		return "", fmt.Errorf("nobody is called %q", user)
	}
	return found.Accounts[0].ID, nil
}

// call sends a request, and once more with the same Idempotency-Key when no answer came.
func (a *adminCmd) call(ctx context.Context, method, path string, body, out any) error {
	if a.Key == "" {
		return errors.New("give the secret of an admin key by --key or MADANG_ADMIN_KEY")
	}
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	key := rand.Text()
	for try := 1; ; try++ {
		answer, status, err := a.send(ctx, method, path, key, text)
		if err != nil && try < adminTries && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return err
		}
		if status >= 300 {
			var p struct{ Code, Detail string }
			if json.Unmarshal(answer, &p) != nil || p.Code == "" {
				return fmt.Errorf("the admin API answers with status %d", status)
			}
			return fmt.Errorf("%s: %s", p.Code, p.Detail)
		}
		if out == nil {
			return nil
		}
		if err := json.Unmarshal(answer, out); err != nil {
			return fmt.Errorf("read the answer of the admin API: %w", err)
		}
		return nil
	}
}

func (a *adminCmd) send(ctx context.Context, method, path, key string, body []byte) (answer []byte, status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, adminTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(a.URL, "/")+lobby.AdminPrefix+path, bytes.NewReader(body))
	if err != nil {
		return nil, 0, err
	}
	r.Header.Set("Authorization", "Bearer "+a.Key)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", key)
	}
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, 0, err
	}
	defer got.Body.Close()
	answer, err = io.ReadAll(got.Body)
	return answer, got.StatusCode, err
}

func (a *adminCmd) say(format string, args ...any) error {
	_, err := fmt.Fprintf(a.to(), format, args...)
	return err
}

func (a *adminCmd) to() io.Writer {
	if a.out != nil {
		return a.out
	}
	return os.Stdout
}
