package lobby

import (
	"fmt"
	"time"
)

// bannedUntil is what a player hears who is banned and wants to sign in; the zero time is for ever.
func bannedUntil(until time.Time) *problem {
	p := *banned
	p.title, p.detail, p.until = "The account is banned", "The account is banned.", until
	if !until.IsZero() {
		p.detail = fmt.Sprintf("The account is banned until %s.", until.UTC().Format("2006-01-02 15:04 UTC"))
	}
	return &p
}
