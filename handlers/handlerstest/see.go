package handlerstest

import (
	"encoding/json"
	"slices"

	"github.com/madang-games/madang/handlers"
)

// Sent is all that the room has said, in order, whoever may see it.
func (r *Room) Sent() []handlers.Output { return slices.Clone(r.sent) }

// For is what user may see of all that the room has said, also before it came.
func (r *Room) For(user string) []handlers.Output { return visible(r.sent, user) }

// Last is the last message that user may see. The test ends here if there is none.
func (r *Room) Last(user string) handlers.Output {
	r.t.Helper()
	seen := r.For(user)
	if len(seen) == 0 {
		r.t.Fatalf("%s has seen nothing", user)
	}
	return seen[len(seen)-1]
}

// Expect checks that user may see exactly messages of these types since the last Expect for that user.
func (r *Room) Expect(user string, types ...string) {
	r.t.Helper()
	got := Types(visible(r.sent[r.expected[user]:], user))
	r.expected[user] = len(r.sent)
	if !slices.Equal(got, types) {
		r.t.Errorf("%s sees\n got %q\nwant %q", user, got, types)
	}
}

// Areas are those that user watches.
func (r *Room) Areas(user string) []string { return r.in.Areas(user) }

// Snapshot decodes the room as user may see it into view.
func (r *Room) Snapshot(user string, view any) {
	r.t.Helper()
	out, err := r.in.Snapshot(user)
	if err != nil {
		r.t.Fatalf("snapshot for %s: %v", user, err)
	}
	r.Decode(out, view)
}

// Decode decodes the body of out into v. The test ends here if it does not fit.
func (r *Room) Decode(out handlers.Output, v any) {
	r.t.Helper()
	if err := json.Unmarshal(out.Body, v); err != nil {
		r.t.Fatalf("decode %s %q: %v", out.Type, out.Body, err)
	}
}

// Types are the types of outs.
func Types(outs []handlers.Output) []string {
	types := make([]string, len(outs))
	for i, out := range outs {
		types[i] = out.Type
	}
	return types
}

func visible(outs []handlers.Output, user string) []handlers.Output {
	var seen []handlers.Output
	for _, out := range outs {
		if len(out.To) == 0 || slices.Contains(out.To, user) {
			seen = append(seen, out)
		}
	}
	return seen
}
