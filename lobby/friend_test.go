package lobby

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/store"
)

type friendPage struct {
	Friends []friendJSON
	Next    string
}

// stands is how a player stands to others, as "name state".
func (f *fixture) stands(in signedIn, query string) string {
	f.t.Helper()
	var page friendPage
	f.do("GET", "/v1/user/friends"+query, in.Token, "").into(f.t, 200, &page)
	var parts []string
	for _, p := range page.Friends {
		parts = append(parts, p.Name+" "+string(p.State))
	}
	return strings.Join(parts, ", ")
}

func (f *fixture) named(name string) signedIn {
	f.t.Helper()
	var in signedIn
	f.do("POST", "/v1/login", "", `{"platform":"guest","name":"`+name+`"}`).into(f.t, 200, &in)
	f.broker.take()
	return in
}

// befriend makes two players friends.
func (f *fixture) befriend(a, b signedIn) {
	f.t.Helper()
	for _, ask := range [][2]signedIn{{a, b}, {b, a}} {
		if r := f.do("POST", "/v1/user/friends", ask[0].Token, `{"user":"`+ask[1].User.ID+`"}`); r.status != 200 {
			f.t.Fatalf("got %d %s", r.status, r.body)
		}
	}
	f.broker.take()
}

func TestFriends(t *testing.T) {
	onDatabases(t, func(t *testing.T, f *fixture, _ store.Store) {
		ann, bob := f.named("Ann"), f.named("Bob")
		var one struct{ Friend friendJSON }
		f.do("POST", "/v1/user/friends", ann.Token, `{"name":"bOB"}`).into(t, 200, &one)
		same(t, "asked", fmt.Sprintf("%s %s", one.Friend.User, one.Friend.State), bob.User.ID+" asked")
		same(t, "told", f.told(), []string{fmt.Sprintf(`%s $friend 1 {"state":"asking","user":%q,"name":"Ann"}`, bob.User.ID, ann.User.ID)})
		f.do("POST", "/v1/user/friends", ann.Token, `{"user":"`+bob.User.ID+`"}`).into(t, 200, &one)
		same(t, "asked again, told", f.told(), "[]")
		same(t, "ann's", f.stands(ann, ""), "Bob asked")
		same(t, "bob's", f.stands(bob, "?state=asking"), "Ann asking")
		f.do("POST", "/v1/user/friends/"+bob.User.ID+"/accept", ann.Token, "").refused(t, 404, "not_asked")
		f.do("POST", "/v1/user/friends/"+ann.User.ID+"/accept", bob.Token, "").into(t, 200, &one)
		same(t, "agreed", one.Friend.State, store.Friend)
		same(t, "told then", f.told(), []string{fmt.Sprintf(`%s $friend 1 {"state":"friends","user":%q,"name":"Bob"}`, ann.User.ID, bob.User.ID)})
		same(t, "friends", f.stands(ann, "?state=friends"), "Bob friends")
		f.do("DELETE", "/v1/user/friends/"+bob.User.ID, ann.Token, "").empty(t)
		f.do("DELETE", "/v1/user/friends/"+bob.User.ID, ann.Token, "").empty(t)
		same(t, "no friends", f.stands(ann, "")+f.stands(bob, ""), "")
		same(t, "told of the end", f.told(), "[]")
	})
}

func TestBlocks(t *testing.T) {
	onDatabases(t, func(t *testing.T, f *fixture, _ store.Store) {
		ann, bob := f.named("Ann"), f.named("Bob")
		f.befriend(ann, bob)
		f.do("PUT", "/v1/user/blocks/"+bob.User.ID, ann.Token, "").empty(t)
		f.do("PUT", "/v1/user/blocks/"+bob.User.ID, ann.Token, "").empty(t)
		same(t, "ann's", f.stands(ann, ""), "Bob blocked")
		same(t, "bob's", f.stands(bob, ""), "")
		for _, c := range []struct {
			from signedIn
			to   string
		}{{ann, bob.User.ID}, {bob, ann.User.ID}} {
			f.do("POST", "/v1/user/friends", c.from.Token, `{"user":"`+c.to+`"}`).refused(t, 403, "unreachable")
			f.do("POST", "/v1/user/friends/"+c.to+"/accept", c.from.Token, "").refused(t, 403, "unreachable")
			f.do("POST", "/v1/user/messages/"+c.to, c.from.Token, `{"text":"hello"}`).refused(t, 403, "unreachable")
			f.do("DELETE", "/v1/user/friends/"+c.to, c.from.Token, "").empty(t)
		}
		same(t, "told", f.told(), "[]")
		same(t, "still", f.stands(ann, "?state=blocked"), "Bob blocked")
		f.do("DELETE", "/v1/user/blocks/"+bob.User.ID, ann.Token, "").empty(t)
		f.do("DELETE", "/v1/user/blocks/"+bob.User.ID, ann.Token, "").empty(t)
		f.befriend(ann, bob)
	})
}

func TestFriendCallsRefuseWhatMakesNoSense(t *testing.T) {
	onDatabases(t, func(t *testing.T, f *fixture, _ store.Store) {
		ann := f.named("Ann")
		for _, body := range []string{``, `{}`, `{"user":"x","name":"y"}`, `{"user":7}`, `{"user":"` + ann.User.ID + `"}`, `{"name":"ann"}`, `{"colour":1}`} {
			f.do("POST", "/v1/user/friends", ann.Token, body).refused(t, 400, "bad_request")
		}
		for _, body := range []string{`{"user":"nobody"}`, `{"user":"no body"}`, `{"name":"nobody"}`, `{"name":"` + strings.Repeat("x", 500) + `"}`, `{"name":"a\u0000"}`} {
			f.do("POST", "/v1/user/friends", ann.Token, body).refused(t, 404, "user_not_found")
		}
		for _, call := range []string{"DELETE /friends/%s", "PUT /blocks/%s", "DELETE /blocks/%s", "POST /friends/%s/accept"} {
			method, path, _ := strings.Cut(call, " ")
			path = "/v1/user" + path
			f.do(method, fmt.Sprintf(path, ann.User.ID), ann.Token, "").refused(t, 400, "bad_request")
			code := "user_not_found"
			if strings.HasSuffix(path, "accept") {
				code = "not_asked"
			}
			f.do(method, fmt.Sprintf(path, "nobody"), ann.Token, "").refused(t, 404, code)
			f.do(method, fmt.Sprintf(path, "no.body"), ann.Token, "").refused(t, 404, "user_not_found")
			f.do(method, fmt.Sprintf(path, "nobody"), ann.Token, `{"colour":1}`).refused(t, 400, "bad_request")
		}
		for _, query := range []string{"?state=x", "?limit=0", "?limit=x"} {
			f.do("GET", "/v1/user/friends"+query, ann.Token, "").refused(t, 400, "bad_request")
		}
		f.do("GET", "/v1/user/friends?cursor=%20", ann.Token, "").refused(t, 400, "bad_cursor")
	})
}

func TestReachingOthersIsLimitedAlsoWhereItFails(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	onDatabases(t, func(t *testing.T, f *fixture, _ store.Store) {
		ann := f.named("Ann")
		for range turnsAtOnce {
			f.do("POST", "/v1/user/friends", ann.Token, `{"name":"nobody"}`).refused(t, 404, "user_not_found")
		}
		r := f.do("POST", "/v1/user/messages/"+f.named("Bob").User.ID, ann.Token, `{"text":"hello"}`)
		r.refused(t, 429, "rate_limited")
		if got := r.header.Get("Retry-After"); got != "2" {
			t.Errorf("got Retry-After %q, want 2", got)
		}
	}, func(_ *App, c *Config) { c.Now = func() time.Time { return now } })
}

func TestPresence(t *testing.T) {
	onDatabases(t, func(t *testing.T, f *fixture, s store.Store) {
		ann, bob := f.named("Ann"), f.named("Bob")
		f.befriend(ann, bob)
		room := f.room(bob.Token, "pair").Room.ID
		presence := func() string {
			var page friendPage
			f.do("GET", "/v1/user/friends", ann.Token, "").into(t, 200, &page)
			text, err := json.Marshal(page.Friends[0].Presence)
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
		since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		keep := func(gateway string, at time.Time) {
			if _, _, err := s.KeepPresences(t.Context(), gateway, []store.Presence{{User: bob.User.ID, Room: room, Since: at}, {User: ann.User.ID, Since: at}}, nil); err != nil {
				t.Fatal(err)
			}
		}
		same(t, "before", presence(), `{"online":false}`)
		keep("g1", since)
		online := fmt.Sprintf(`{"online":true,"since":"2026-01-02T03:04:05Z","game":"pair","room":%q}`, room)
		same(t, "connected", presence(), online)
		keep("g2", since.Add(-time.Hour))
		same(t, "the newest connection", presence(), online)

		// The board says that g2 is there, and nothing of g1.
		now := time.Now()
		f.lobby.hearing.Store(&since)
		for _, p := range []string{"l1", "g2"} {
			body, _ := json.Marshal(broker.Process{ID: p})
			f.lobby.roster.Observe(broker.Notice{Kind: broker.NoticeProcess, Body: body}, now)
		}
		same(t, "of the gateway that lives", presence(), fmt.Sprintf(`{"online":true,"since":"2026-01-02T02:04:05Z","game":"pair","room":%q}`, room))
		for _, p := range []string{"g1", "g2"} {
			body, _ := json.Marshal(broker.Process{ID: p})
			kind := map[string]string{"g1": broker.NoticeProcess, "g2": broker.NoticeGone}[p]
			f.lobby.roster.Observe(broker.Notice{Kind: kind, Body: body}, now)
		}
		same(t, "the other lives", presence(), online)

		var c contactJSON
		f.do("PATCH", "/v1/user/contact", bob.Token, `{"appear":"offline"}`).into(t, 200, &c)
		same(t, "contact", c, contactJSON{"offline", "friends"})
		same(t, "told", f.told(), []string{fmt.Sprintf(`%s $presence 0 {"user":%q,"online":false}`, ann.User.ID, bob.User.ID)})
		same(t, "hidden", presence(), `{"online":false}`)
		f.do("PATCH", "/v1/user/contact", bob.Token, `{"appear":"offline","messages":"anyone"}`).into(t, 200, &c)
		same(t, "told again", f.told(), "[]")
		f.do("GET", "/v1/user/contact", bob.Token, "").into(t, 200, &c)
		same(t, "contact", c, contactJSON{"offline", "anyone"})
		f.do("PATCH", "/v1/user/contact", bob.Token, `{"appear":"online"}`).into(t, 200, &c)
		same(t, "shown, told", f.told(), []string{fmt.Sprintf(`%s $presence 0 {"user":%q,%s`, ann.User.ID, bob.User.ID, online[1:])})
		for _, body := range []string{`{"appear":"away"}`, `{"messages":""}`, `{"appear":1}`, `{"colour":1}`} {
			f.do("PATCH", "/v1/user/contact", bob.Token, body).refused(t, 400, "bad_request")
		}
	})
}

func TestMessages(t *testing.T) {
	onDatabases(t, func(t *testing.T, f *fixture, _ store.Store) {
		ann, bob, cho := f.named("Ann"), f.named("Bob"), f.named("Cho")
		write := func(from, to signedIn, text string) reply {
			body, _ := json.Marshal(map[string]string{"text": text})
			return f.do("POST", "/v1/user/messages/"+to.User.ID, from.Token, string(body))
		}
		write(ann, bob, "hello").refused(t, 403, "unreachable")
		f.befriend(ann, bob)
		var one struct{ Message messageJSON }
		write(ann, bob, " hello\r\nthere \n").into(t, 201, &one)
		if m := one.Message; m.N != 1 || m.From != ann.User.ID || m.Text != "hello\nthere" {
			t.Errorf("got %+v", m)
		}
		at, _ := one.Message.At.MarshalJSON()
		same(t, "told", f.told(), []string{fmt.Sprintf(`%s $message 2 {"n":1,"from":%q,"text":"hello\nthere","at":%s,"name":"Ann"}`, bob.User.ID, ann.User.ID, at)})
		write(bob, ann, "hi 👩‍👩‍👧").into(t, 201, &one)
		write(bob, ann, strings.Repeat("ש", maxMessage)).into(t, 201, &one)
		write(bob, ann, strings.Repeat("<", maxMessage)).into(t, 201, &one) // JSON makes it six times as long
		for _, text := range []string{"", " \n ", strings.Repeat("x", maxMessage+1), "a\u202eb", "a\x07"} {
			write(ann, bob, text).refused(t, 400, "bad_request")
		}
		var page struct {
			Messages []messageJSON
			Read     uint64
		}
		history := func(in signedIn, path string) string {
			t.Helper()
			f.do("GET", "/v1/user/messages/"+path, in.Token, "").into(t, 200, &page)
			numbers := []uint64{}
			for _, m := range page.Messages {
				numbers = append(numbers, m.N)
			}
			return fmt.Sprint(numbers, page.Read)
		}
		same(t, "ann's", history(ann, bob.User.ID), "[1 2 3 4] 0")
		same(t, "before", history(ann, bob.User.ID+"?before=3&limit=1"), "[2] 0")
		same(t, "after", history(bob, ann.User.ID+"?after=2&limit=1"), "[3] 0")
		same(t, "another's", history(cho, ann.User.ID)+history(cho, bob.User.ID)+history(cho, "nobody"), "[] 0[] 0[] 0")

		var talks struct {
			Talks []talkJSON
			Next  string
		}
		f.do("GET", "/v1/user/messages", ann.Token, "").into(t, 200, &talks)
		if k := talks.Talks; len(k) != 1 || k[0].User != bob.User.ID || k[0].Name != "Bob" || k[0].Unread != 3 || k[0].Last.N != 4 {
			t.Errorf("got %+v", k)
		}
		var read struct{ Read uint64 }
		f.do("PUT", "/v1/user/messages/"+bob.User.ID+"/read", ann.Token, `{"n":3}`).into(t, 200, &read)
		same(t, "read", read.Read, 3)
		f.do("PUT", "/v1/user/messages/"+cho.User.ID+"/read", ann.Token, `{"n":3}`).refused(t, 404, "message_not_found")
		f.do("DELETE", "/v1/user/messages/"+bob.User.ID+"/2", ann.Token, "").empty(t)
		f.do("DELETE", "/v1/user/messages/"+bob.User.ID+"/2", ann.Token, "").refused(t, 404, "message_not_found")
		f.do("DELETE", "/v1/user/messages/"+bob.User.ID+"/x", ann.Token, "").refused(t, 404, "message_not_found")
		f.do("DELETE", "/v1/user/messages/"+ann.User.ID+"/1", cho.Token, "").refused(t, 404, "message_not_found")
		same(t, "ann's then", history(ann, bob.User.ID), "[1 3 4] 3")
		f.do("DELETE", "/v1/user/messages/"+bob.User.ID, ann.Token, "").empty(t)
		f.do("DELETE", "/v1/user/messages/"+bob.User.ID, cho.Token, "").empty(t)
		same(t, "ann's at last", history(ann, bob.User.ID), "[] 3")
		same(t, "bob's", history(bob, ann.User.ID), "[1 2 3 4] 0")

		f.do("PATCH", "/v1/user/contact", cho.Token, `{"messages":"anyone"}`)
		write(ann, cho, "hello stranger").into(t, 201, &one)
		write(cho, ann, "hello").refused(t, 403, "unreachable")
		for _, query := range []string{"before=x", "after=0", "before=1&after=2", "limit=0"} {
			f.do("GET", "/v1/user/messages/"+bob.User.ID+"?"+query, ann.Token, "").refused(t, 400, "bad_request")
		}
		for _, body := range []string{`{}`, `{"n":0}`, `{"n":-1}`, `{"n":"1"}`} {
			f.do("PUT", "/v1/user/messages/"+bob.User.ID+"/read", ann.Token, body).refused(t, 400, "bad_request")
		}
		f.do("GET", "/v1/user/messages?cursor=x", ann.Token, "").refused(t, 400, "bad_cursor")
		f.do("GET", "/v1/user/messages/"+ann.User.ID, ann.Token, "").refused(t, 400, "bad_request")
	})
}

func TestAMessageWithAKeyIsSentOnce(t *testing.T) {
	onDatabases(t, func(t *testing.T, f *fixture, s store.Store) {
		ann, bob := f.named("Ann"), f.named("Bob")
		f.befriend(ann, bob)
		var bodies []string
		for range 3 {
			r := f.do("POST", "/v1/user/messages/"+bob.User.ID, ann.Token, `{"text":"hello"}`, keyed("a key of sixteen"))
			bodies = append(bodies, fmt.Sprint(r.status, string(r.body)))
		}
		if bodies[0] != bodies[1] || bodies[1] != bodies[2] || !strings.HasPrefix(bodies[0], "201") {
			t.Errorf("got %q", bodies)
		}
		if told := f.told(); len(told) != 1 {
			t.Errorf("told %q, want one note", told)
		}
		some, _, err := s.Messages(t.Context(), bob.User.ID, ann.User.ID, 0, 0, 10)
		if err != nil || len(some) != 1 {
			t.Errorf("got %v, %v, want one message", some, err)
		}
	})
}
