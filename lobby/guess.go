package lobby

import (
	"time"

	"github.com/madang-games/madang/store"
)

// guesses limits how often a secret of an account may be guessed wrong at this process, whether there is such an account or not.
// From one address few: a person who has forgotten a password gets on, a program does not. From all together many more, so that
// nobody locks another out by guessing wrong, and many addresses still find out little.
type guesses struct {
	fromOne *buckets[[32]byte] // by account and address
	fromAll *buckets[[32]byte] // by account
}

const (
	guessesPerSecond    = 0.1
	guessesAtOnce       = 10
	allGuessesPerSecond = 1
	allGuessesAtOnce    = 1000
)

func newGuesses() guesses {
	return guesses{
		newBuckets[[32]byte](guessesPerSecond, guessesAtOnce),
		newBuckets[[32]byte](allGuessesPerSecond, allGuessesAtOnce),
	}
}

// try counts a guess before it is known whether it is right; giveBack takes a right one back.
func (g guesses) try(id store.Identity, address string, now time.Time) (giveBack func(), err error) {
	from, _ := limitKey(address)
	one, wait, ok := g.fromOne.take(digestOf("guess", id.Platform, id.Subject, from.String()), now)
	if !ok {
		return nil, rateLimited.after(wait).because("Too many wrong tokens for this account.")
	}
	all, wait, ok := g.fromAll.take(digestOf("guess", id.Platform, id.Subject), now)
	if !ok {
		g.fromOne.giveBack(one)
		return nil, rateLimited.after(wait).because("Too many wrong tokens for this account.")
	}
	return func() {
		g.fromOne.giveBack(one)
		g.fromAll.giveBack(all)
	}, nil
}
