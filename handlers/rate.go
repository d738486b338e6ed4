package handlers

import "time"

// tooFast are the refusals of messages beyond [Policy].Rates.
var (
	tooFast     = &Rejection{CodeRateLimited, "you send faster than this game takes; slow down"}
	tooFastRoom = &Rejection{CodeRateLimited, "this room gets more messages than its game takes; try again"}
)

// Rates bound how many messages of players a room plays. What is beyond is refused with rate_limited, before the game sees it, and is
// never played. A rate of 0 is no bound: then only the gateway's holds, of 200 a second for a connection.
type Rates struct {
	Player      float64 // messages a second of one player in the long run
	PlayerBurst int     // of one player at once; default a second's worth, and at least 1
	Room        float64 // messages a second of all together
	RoomBurst   int     // of all at once; default as above
}

// tokens is what is left of a rate.
type tokens struct {
	left float64
	at   time.Time
}

// take takes a token if there is one.
func (t *tokens) take(rate float64, burst int, now time.Time) bool {
	full := float64(burst)
	if burst == 0 {
		full = max(1, rate)
	}
	switch {
	case t.at.IsZero():
		t.left = full
	case now.After(t.at): // clocks of gateways differ a little
		t.left = min(full, t.left+now.Sub(t.at).Seconds()*rate)
	}
	if now.After(t.at) {
		t.at = now
	}
	if t.left < 1 {
		return false
	}
	t.left--
	return true
}

// limit returns why a member's message is not played; nil: it is. What is counted is forgotten with the room's memory: who moves a
// room to another worker gives players a fresh second, no more.
func (in *Instance) limit(user string, now time.Time) *Rejection {
	r := &in.rules.policy.Rates
	if r.Player > 0 {
		if in.ofPlayer == nil {
			in.ofPlayer = map[string]*tokens{}
		}
		t := in.ofPlayer[user]
		if t == nil {
			t = &tokens{}
			in.ofPlayer[user] = t
		}
		if !t.take(r.Player, r.PlayerBurst, now) {
			return tooFast
		}
	}
	if r.Room > 0 && !in.ofAll.take(r.Room, r.RoomBurst, now) {
		return tooFastRoom
	}
	return nil
}
