// Package platform checks what sign-in platforms say of a player.
package platform

import (
	"context"
	"errors"
)

// ErrRefused is what Verify returns, wrapped, for a token that the platform does not vouch for: false, over, for somebody
// else. Any other error says that it could not be found out now.
var ErrRefused = errors.New("the platform does not vouch for this token")

// Platform knows players by tokens that it has given them.
type Platform interface {
	// Verify returns what the platform calls the player: the same for all tokens of one player, 1 to 255 bytes of UTF-8.
	// Nonce is what the player's client has asked the platform to put into the token, or "" if it gave none here.
	// It is safe for concurrent use.
	Verify(ctx context.Context, token, nonce string) (subject string, err error)
}
