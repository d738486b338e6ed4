package lobby

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/madang-games/madang/broker"
	"github.com/madang-games/madang/lobby/platform"
	"github.com/madang-games/madang/store"
)

// vouching is a platform whose tokens are "is <subject>".
type vouching struct{ down bool }

func (v *vouching) Verify(_ context.Context, token, nonce string) (string, error) {
	subject, ok := strings.CutPrefix(token, "is ")
	if v.down {
		return "", errors.New("no answer")
	}
	if !ok || nonce == "wrong" {
		return "", fmt.Errorf("%w: %q", platform.ErrRefused, token)
	}
	return subject, nil
}

// withPlatform gives the lobby a platform "steam".
func withPlatform(v *vouching) func(*App, *Config) {
	return func(_ *App, c *Config) { c.Platforms = map[string]platform.Platform{"steam": v} }
}

const (
	passwordMina = `"platform":"password","token":"Mina@example.org:correct horse"`
	customMina   = `"platform":"custom","token":"device-1:0123456789abcdef"`
	steamMina    = `"platform":"steam","token":"is mina"`
)

func TestWhoHasRegisteredSignsIn(t *testing.T) {
	t.Parallel()
	for name, token := range map[string]string{"password": passwordMina, "custom": customMina, "steam": steamMina, "guest": `"platform":"guest","token":"a-secret-of-mine-0001"`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, withPlatform(&vouching{}))
			var first, second signedIn
			f.do("POST", "/v1/register", "", `{`+token+`,"name":"Mina"}`).into(t, 201, &first)
			if first.User.Name != "Mina" || first.User.Guest != (name == "guest") {
				t.Errorf("got %+v", first.User)
			}
			if _, notices := f.broker.take(); len(notices) != 0 {
				t.Errorf("of a new account gateways are told %+v", notices)
			}
			f.do("POST", "/v1/login", "", `{`+token+`}`).into(t, 200, &second)
			if second.User != first.User {
				t.Errorf("got %+v, want %+v", second.User, first.User)
			}
			f.do("GET", "/v1/user", first.Token, "").refused(t, 401, "not_signed_in")
			if got := f.do("GET", "/v1/user", second.Token, "").status; got != 200 {
				t.Errorf("the new session gets %d", got)
			}
			if _, notices := f.broker.take(); len(notices) != 1 || notices[0].Kind != broker.NoticeSession {
				t.Errorf("gateways are told %+v", notices)
			}
			f.do("POST", "/v1/register", "", `{`+token+`,"name":"Other"}`).refused(t, 409, "already_registered")
		})
	}
}

func TestRegisteringWithoutANameMakesOneUp(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var in signedIn
	f.do("POST", "/v1/register", "", `{`+customMina+`}`).into(t, 201, &in)
	if _, err := cleanName(in.User.Name); err != nil || in.User.Guest {
		t.Errorf("got %+v (%v)", in.User, err)
	}
}

func TestSigningInIsRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t, withPlatform(&vouching{}))
	for i, body := range []string{passwordMina, customMina, steamMina} {
		f.do("POST", "/v1/register", "", fmt.Sprintf(`{%s,"name":"Mina %d"}`, body, i)).into(t, 201, &signedIn{})
	}
	for name, c := range map[string]struct {
		call, body string
		status     int
		code       string
	}{
		"wrong password":             {"login", `{"platform":"password","token":"mina@example.org:wrong horse"}`, 401, "wrong_token"},
		"unknown login name":         {"login", `{"platform":"password","token":"nobody:correct horse"}`, 401, "wrong_token"},
		"wrong secret":               {"login", `{"platform":"custom","token":"device-1:0123456789abcdeF"}`, 401, "wrong_token"},
		"unknown device":             {"login", `{"platform":"custom","token":"device-2:0123456789abcdef"}`, 404, "user_not_registered"},
		"refused by the platform":    {"login", `{"platform":"steam","token":"I am mina"}`, 401, "wrong_token"},
		"wrong nonce":                {"login", `{"platform":"steam","token":"is mina","nonce":"wrong"}`, 401, "wrong_token"},
		"unknown to us":              {"login", `{"platform":"steam","token":"is bora"}`, 404, "user_not_registered"},
		"a subject of nothing":       {"login", `{"platform":"steam","token":"is "}`, 500, "internal"},
		"a subject beyond its bound": {"login", `{"platform":"steam","token":"is ` + strings.Repeat("x", 256) + `"}`, 500, "internal"},
		"name at login":              {"login", `{` + customMina + `,"name":"Mina"}`, 400, "bad_request"},
		"nonce without use":          {"login", `{"platform":"guest","nonce":"n"}`, 400, "bad_request"},
		"token too long":             {"login", `{"platform":"steam","token":"` + strings.Repeat("x", maxPlatformToken+1) + `"}`, 400, "bad_request"},
		"nonce too long":             {"login", `{"platform":"steam","token":"is x","nonce":"` + strings.Repeat("x", maxNonce+1) + `"}`, 400, "bad_request"},
		"no password":                {"login", `{"platform":"password","token":"mina"}`, 400, "bad_request"},
		"no token":                   {"login", `{"platform":"password"}`, 400, "bad_request"},
		"short password":             {"register", `{"platform":"password","token":"bora:1234567"}`, 400, "bad_request"},
		"long password":              {"register", `{"platform":"password","token":"bora:` + strings.Repeat("x", 129) + `"}`, 400, "bad_request"},
		"long login name":            {"register", `{"platform":"password","token":"` + strings.Repeat("x", 65) + `:12345678"}`, 400, "bad_request"},
		"control in a login name":    {"register", `{"platform":"password","token":"bo\u0000ra:12345678"}`, 400, "bad_request"},
		"short device":               {"register", `{"platform":"custom","token":"abcde:0123456789abcdef"}`, 400, "bad_request"},
		"short secret":               {"register", `{"platform":"custom","token":"abcdef:0123456789abcde"}`, 400, "bad_request"},
		"unknown platform":           {"register", `{"platform":"google","token":"x"}`, 400, "unknown_platform"},
		"same login in another case": {"register", `{"platform":"password","token":"MINA@EXAMPLE.ORG:other horse"}`, 409, "already_registered"},
		"name that looks alike":      {"register", `{"platform":"steam","token":"is bora","name":"Мına 0"}`, 400, "invalid_name"},
		"taken name":                 {"register", `{"platform":"steam","token":"is bora","name":"MINA 0"}`, 409, "name_taken"},
		"look-alike digit":           {"register", `{"platform":"steam","token":"is bora","name":"Mina O"}`, 409, "name_taken"},
		"unknown field":              {"register", `{"platform":"steam","token":"is bora","colour":1}`, 400, "bad_request"},
		"null":                       {"register", `null`, 400, "bad_request"},
	} {
		t.Run(name, func(t *testing.T) { f.do("POST", "/v1/"+c.call, "", c.body).refused(t, c.status, c.code) })
	}
}

func TestAPlatformThatIsAwayIsNoRefusal(t *testing.T) {
	t.Parallel()
	f := newFixture(t, withPlatform(&vouching{down: true}))
	f.do("POST", "/v1/login", "", `{`+steamMina+`}`).refused(t, 503, "unavailable")
}

func TestOnlyTheConfiguredPlatformsSignIn(t *testing.T) {
	t.Parallel()
	f := newFixture(t, withPlatform(&vouching{}), func(_ *App, c *Config) { c.OwnPlatforms = []string{"password"} })
	r := f.do("POST", "/v1/login", "", `{"platform":"guest"}`)
	r.refused(t, 400, "unknown_platform")
	if !strings.Contains(string(r.body), "password, steam") {
		t.Errorf("the refusal %s does not name the platforms", r.body)
	}
	for _, c := range []Config{
		{OwnPlatforms: []string{"steam"}}, {Platforms: map[string]platform.Platform{"guest": &vouching{}}},
		{Platforms: map[string]platform.Platform{"Steam": &vouching{}}}, {Platforms: map[string]platform.Platform{"": &vouching{}}},
	} {
		c.Store, c.Broker = newMapStore(), newLogBroker()
		if _, err := New().Serve(c); err == nil {
			t.Errorf("own %q, others %v: got no error", c.OwnPlatforms, c.Platforms)
		}
	}
}

func TestRegisteringIsLimitedByAddress(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(_ *App, c *Config) { c.LoginRate, c.LoginBurst = 0.001, 1 })
	from := func(r *http.Request) { r.RemoteAddr = "192.0.2.1:1" }
	f.do("POST", "/v1/register", "", `{`+customMina+`}`, from).into(t, 201, &signedIn{})
	r := f.do("POST", "/v1/register", "", `{"platform":"guest"}`, from)
	r.refused(t, 429, "rate_limited")
	if r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	f.do("POST", "/v1/login", "", `{`+customMina+`}`, from).refused(t, 429, "rate_limited")
}

func TestLinking(t *testing.T) {
	t.Parallel()
	f := newFixture(t, withPlatform(&vouching{}))
	in := f.guest()
	list := func(token string) string {
		t.Helper()
		var all struct{ Identities []linkedJSON }
		f.do("GET", "/v1/user/identities", token, "").into(t, 200, &all)
		var names []string
		for _, l := range all.Identities {
			names = append(names, l.Platform)
		}
		return strings.Join(names, " ")
	}
	link := func(token, body string) reply { return f.do("POST", "/v1/user/identities", token, `{`+body+`}`) }
	if got := list(in.Token); got != "" {
		t.Errorf("a stranger has %q", got)
	}
	for range 2 { // linking again changes nothing
		for _, body := range []string{passwordMina, customMina, steamMina, `"platform":"guest","token":"a-secret-of-mine-0001"`} {
			if r := link(in.Token, body); r.status != 200 {
				t.Fatalf("link %s: got %d %s", body, r.status, r.body)
			}
		}
	}
	if got := list(in.Token); got != "custom guest password steam" {
		t.Errorf("got %q", got)
	}
	for _, body := range []string{passwordMina, customMina, steamMina} {
		var again signedIn
		f.do("POST", "/v1/login", "", `{`+body+`}`).into(t, 200, &again)
		want := in.User
		want.Guest = false
		if again.User != want {
			t.Errorf("by %s: got %+v, want %+v", body, again.User, want)
		}
		in.Token = again.Token
	}
	link(in.Token, `"platform":"password","token":"mina@example.org:wrong horse"`).refused(t, 401, "wrong_token")
	link(in.Token, `"platform":"password","token":"another:correct horse"`).refused(t, 409, "platform_linked")
	link(in.Token, `"platform":"steam","token":"is another"`).refused(t, 409, "platform_linked")
	link(in.Token, `"platform":"guest"`).refused(t, 400, "bad_request")
	link(in.Token, `"platform":"xbox","token":"x"`).refused(t, 400, "unknown_platform")
	link(in.Token, steamMina+`,"name":"x"`).refused(t, 400, "bad_request")
	other := f.guest()
	for _, body := range []string{passwordMina, customMina, steamMina} {
		link(other.Token, body).refused(t, 409, "identity_taken")
	}

	unlink := func(platform string) reply { return f.do("DELETE", "/v1/user/identities/"+platform, in.Token, "") }
	unlink("xbox").refused(t, 404, "identity_not_found")
	unlink("%00").refused(t, 404, "identity_not_found")
	for _, platform := range []string{"custom", "password", "steam"} {
		unlink(platform).into204(t)
		unlink(platform).refused(t, 404, "identity_not_found")
	}
	unlink("guest").refused(t, 409, "last_identity")
	var me struct {
		User  userJSON  `json:"user"`
		Rooms []satJSON `json:"rooms"`
	}
	f.do("GET", "/v1/user", in.Token, "").into(t, 200, &me)
	if !me.User.Guest {
		t.Error("who has unlinked all platforms is no guest")
	}
	link(other.Token, steamMina) // it is free
	if got := list(other.Token); got != "steam" {
		t.Errorf("the other has %q", got)
	}
}

func TestProfileIsChanged(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	in, other := f.guest(), f.guest()
	change := func(body string) reply { return f.do("PATCH", "/v1/user", in.Token, body) }
	var got struct{ User userJSON }
	change(`{"name":" Mina ","about":"안녕 👩‍🚀 ❤️","picture":9999}`).into(t, 200, &got)
	want := in.User
	want.Name, want.About, want.Picture = "Mina", "안녕 👩‍🚀 ❤️", 9999
	if got.User != want {
		t.Errorf("got %+v, want %+v", got.User, want)
	}
	change(`{"about":""}`).into(t, 200, &got)
	change(`{}`).into(t, 200, &got)
	if want.About = ""; got.User != want {
		t.Errorf("got %+v, want %+v", got.User, want)
	}
	change(`{"name":"MINA"}`).into(t, 200, &got)
	f.do("PATCH", "/v1/user", other.Token, `{"name":"MlNA"}`).refused(t, 409, "name_taken")
	for name, c := range map[string]struct {
		body   string
		status int
		code   string
	}{
		"taken":       {`{"name":"` + other.User.Name + `"}`, 409, "name_taken"},
		"no name":     {`{"name":""}`, 400, "invalid_name"},
		"negative":    {`{"picture":-1}`, 400, "invalid_profile"},
		"too large":   {`{"picture":10000}`, 400, "invalid_profile"},
		"no number":   {`{"picture":1.5}`, 400, "bad_request"},
		"long":        {`{"about":"` + strings.Repeat("é", 161) + `"}`, 400, "invalid_profile"},
		"very long":   {`{"about":"` + strings.Repeat("é", 5000) + `"}`, 400, "invalid_profile"},
		"line":        {`{"about":"a\nb"}`, 400, "invalid_profile"},
		"bidi":        {`{"about":"a\u202eb"}`, 400, "invalid_profile"},
		"zero width":  {`{"about":"a\u200bb"}`, 400, "invalid_profile"},
		"unassigned":  {`{"about":"a\u0378"}`, 400, "invalid_profile"},
		"private use": {`{"about":"a\ue000"}`, 400, "invalid_profile"},
		"marks":       {`{"about":"a\u0301\u0302\u0303\u0304\u0305"}`, 400, "invalid_profile"},
		"mark first":  {`{"about":"\u0301a"}`, 400, "invalid_profile"},
		"gold":        {`{"gold":1000}`, 400, "bad_request"},
	} {
		t.Run(name, func(t *testing.T) { change(c.body).refused(t, c.status, c.code) })
	}
}

func TestADeletedAccountLeavesItsRoomsAndSession(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var in signedIn
	f.do("POST", "/v1/register", "", `{`+customMina+`,"name":"Mina"}`).into(t, 201, &in)
	one, two := f.room(in.Token, "pair").Room.ID, f.room(in.Token, "talk").Room.ID
	f.do("DELETE", "/v1/user", in.Token, `{"sure":true}`).refused(t, 400, "bad_request")
	f.do("DELETE", "/v1/user", in.Token, "").into204(t)
	sent, notices := f.broker.take()
	told := map[string]string{}
	for _, m := range sent {
		told[m.Room] = fmt.Sprint(m.Kind, " ", m.User == in.User.ID, " ", m.Reason)
	}
	want := fmt.Sprint(broker.Leave, " true ", reasonLeft)
	if len(told) != 2 || told[one] != want || told[two] != want {
		t.Errorf("rooms are told %v, want both %q", told, want)
	}
	if len(notices) == 0 || notices[0].Kind != broker.NoticeSession || string(notices[0].Body) != `{"user":"`+in.User.ID+`","session":""}` {
		t.Errorf("gateways are told %+v", notices)
	}
	f.do("GET", "/v1/user", in.Token, "").refused(t, 401, "not_signed_in")
	f.do("DELETE", "/v1/user", in.Token, "").refused(t, 401, "not_signed_in")
	f.do("POST", "/v1/login", "", `{`+customMina+`}`).refused(t, 404, "user_not_registered")
	f.do("POST", "/v1/register", "", `{`+customMina+`,"name":"Mina"}`).into(t, 201, &in)
}

func TestAStoreThatIsAwayIsNoRefusal(t *testing.T) {
	t.Parallel()
	f := newFixture(t, withPlatform(&vouching{}))
	in := f.guest()
	f.store.fail(fmt.Errorf("read: %w", store.ErrUnavailable))
	for call, body := range map[string]string{
		"POST /v1/register": `{` + passwordMina + `}`, "POST /v1/user/identities": `{` + steamMina + `}`, "GET /v1/user/identities": "",
		"PATCH /v1/user": `{"about":"x"}`, "DELETE /v1/user": "", "DELETE /v1/user/identities/steam": "", "POST /v1/session/refresh": "",
	} {
		method, path, _ := strings.Cut(call, " ")
		f.do(method, path, in.Token, body).refused(t, 503, "unavailable")
	}
	for _, body := range []string{passwordMina, customMina, steamMina} {
		f.do("POST", "/v1/login", "", `{`+body+`}`).refused(t, 503, "unavailable")
	}
}

func TestSignInsAreCounted(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	f := newFixture(t, withPlatform(&vouching{}), func(_ *App, c *Config) { c.Metrics = registry })
	for _, c := range [][2]string{
		{"register", steamMina}, {"login", steamMina}, {"login", steamMina}, {"login", `"platform":"steam","token":"x"`}, {"register", steamMina},
		{"login", `"platform":"guest"`}, {"login", `"platform":"a name of the client's own"`},
	} {
		f.do("POST", "/v1/"+c[0], "", `{`+c[1]+`}`)
	}
	f.do("POST", "/v1/register", "", `{`+steamMina+`}`, func(r *http.Request) { r.Header.Set("Idempotency-Key", "0123456789abcdef") })
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == "madang_lobby_sign_ins_total" {
				got = append(got, fmt.Sprint(m.GetLabel()[0].GetValue(), " ", m.GetLabel()[1].GetValue(), " ", m.GetCounter().GetValue()))
			}
		}
	}
	want := []string{"guest ok 1", "other unknown_platform 1", "steam already_registered 1", "steam ok 3", "steam refused 1", "steam wrong_token 1"}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
