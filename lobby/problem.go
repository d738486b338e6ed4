package lobby

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/madang-games/madang/store"
)

// problem is an error as the player sees it (RFC 9457).
type problem struct {
	status int
	code   string
	title  string
	detail string
	// retryAfter is in how many seconds it is worth trying again; 0: not said.
	retryAfter int
	// header is one more header of the answer, name and value; none when empty.
	header [2]string
	// until is when what is refused now will not be any more, where that is known; zero: it is not said.
	until time.Time
}

func (p *problem) Error() string { return p.code + ": " + p.detail }

// because returns the problem with a detail of its own.
func (p *problem) because(format string, args ...any) error {
	q := *p
	q.detail = fmt.Sprintf(format, args...)
	return &q
}

// The table of everything that the lobby itself answers with besides success. openapi.yaml lists the same codes.
var problems = map[string]*problem{}

func entry(status int, code, title, detail string) *problem {
	p := &problem{status: status, code: code, title: title, detail: detail}
	problems[code] = p
	return p
}

var (
	badRequest        = entry(400, "bad_request", "The request is malformed", "The request can't be read.")
	badOptions        = entry(400, "bad_options", "The game refuses these options", "The game refuses these options.")
	badCursor         = entry(400, "bad_cursor", "The cursor is malformed", "Give the cursor as an earlier page gave it, or none.")
	invalidName       = entry(400, "invalid_name", "The name can't be used", "The name can't be used.")
	unknownPlatform   = entry(400, "unknown_platform", "The platform is unknown", "This deployment does not sign in by this platform.")
	notSignedIn       = entry(401, "not_signed_in", "Nobody is signed in", "Sign in and give the session token as \"Authorization: Bearer <token>\".")
	wrongToken        = entry(401, "wrong_token", "The token is refused", "The platform does not vouch for this token, or name and secret don't go together.")
	identityNotFound  = entry(404, "identity_not_found", "The account has no such identity", "The account is not linked to this platform.")
	alreadyRegistered = entry(409, "already_registered", "The player is registered", "Somebody has registered with this: POST /v1/login.")
	identityTaken     = entry(409, "identity_taken", "Another account has this identity", "This sign-in belongs to another account.")
	platformLinked    = entry(409, "platform_linked", "The platform is linked already", "The account is linked to another player of this platform: unlink that first.")
	lastIdentity      = entry(409, "last_identity", "The identity is the last one", "Nobody could sign in to the account any more: link another platform first, or delete the account.")
	invalidProfile    = entry(400, "invalid_profile", "The profile can't be used", "The profile can't be used.")
	notFound          = entry(404, "not_found", "There is no such call", "There is no such call.")
	userNotRegistered = entry(404, "user_not_registered", "The player is not registered", "Nobody has registered with this: POST /v1/register.")
	roomNotFound      = entry(404, "room_not_found", "There is no such room", "There is no such room.")
	unknownGame       = entry(404, "unknown_game", "There is no such game", "This deployment has no such game: GET /v1/games lists them.")
	methodNotAllowed  = entry(405, "method_not_allowed", "The method is not allowed", "This call does not know the method: see Allow.")
	nameTaken         = entry(409, "name_taken", "The name is taken", "Another player has this name.")
	roomFull          = entry(409, "room_full", "The room is full", "The room has no free seat.")
	roomClosed        = entry(409, "room_closed", "The room is closed", "The room is over.")
	bodyTooLarge      = entry(413, "body_too_large", "The body is too large", "A body has at most 65536 bytes.")
	unsupportedMedia  = entry(415, "unsupported_media_type", "The body is not JSON", "Send the body with Content-Type application/json.")
	rateLimited       = entry(429, "rate_limited", "Too many requests", "Too many sign-ins from this address.")
	internal          = entry(500, "internal", "Something went wrong here", "Something went wrong here. It has been logged.")
	underMaintenance  = entry(503, "maintenance", "There is maintenance", "There is maintenance. Come back later.")
	unavailable       = entry(503, "unavailable", "The lobby can't answer now", "The lobby can't answer now. Try again in a moment.")
)

func init() {
	unavailable.retryAfter = 1
	wrongToken.header = [2]string{"WWW-Authenticate", `Bearer realm="madang"`}
	notSignedIn.header = [2]string{"WWW-Authenticate", `Bearer realm="madang"`}
}

// Problem is an error that a [Handler] returns to refuse: status is 400 to 599, code a stable word in snake_case that
// programs compare, detail a sentence for people. A status or code of another form is sent as 500 internal.
func Problem(status int, code, detail string) error {
	return &problem{status: status, code: code, title: http.StatusText(status), detail: detail}
}

var goodCode = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

// problemOf is the one place where an error becomes what a player sees.
func problemOf(err error) *problem {
	var p *problem
	var ban *store.BannedError
	switch {
	case errors.As(err, &ban):
		return bannedUntil(ban.Until)
	case errors.As(err, &p):
		if p.status < 400 || p.status > 599 || !goodCode.MatchString(p.code) {
			return internal
		}
		return p
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return unavailable
	case errors.Is(err, store.ErrRoomFull):
		return roomFull
	case errors.Is(err, store.ErrRoomClosed):
		return roomClosed
	case errors.Is(err, store.ErrNameTaken):
		return nameTaken
	case errors.Is(err, store.ErrBanned):
		return banned
	case errors.Is(err, store.ErrNotOwner):
		return notOwner
	case errors.Is(err, store.ErrNotSeated):
		return notSeated
	case errors.Is(err, store.ErrPlays):
		return playsThere
	case errors.Is(err, store.ErrIdentityTaken):
		return identityTaken
	case errors.Is(err, store.ErrPlatformLinked):
		return platformLinked
	case errors.Is(err, store.ErrLastIdentity):
		return lastIdentity
	}
	if p := ledgerProblem(err); p != nil {
		return p
	}
	return internal
}

// answer makes p the answer to the request with this id.
func (p *problem) answer(request string) *answer {
	body := struct {
		Type    string `json:"type"`
		Title   string `json:"title"`
		Status  int    `json:"status"`
		Detail  string `json:"detail,omitempty"`
		Code    string `json:"code"`
		Request string `json:"request,omitempty"`
		Until   string `json:"until,omitempty"`
	}{"urn:madang:problem:" + p.code, p.title, p.status, p.detail, p.code, "", ""}
	if !p.until.IsZero() {
		body.Until = p.until.UTC().Format(time.RFC3339)
	}
	if p.status >= 500 {
		body.Request = request
	}
	a := &answer{status: p.status, contentType: "application/problem+json"}
	a.body, _ = json.Marshal(body) // strings and a number: can't fail
	if p.retryAfter > 0 {
		a.header = append(a.header, [2]string{"Retry-After", strconv.Itoa(p.retryAfter)})
	}
	if p.header[0] != "" {
		a.header = append(a.header, p.header)
	}
	return a
}
