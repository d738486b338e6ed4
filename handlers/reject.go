package handlers

import (
	"errors"
	"fmt"
)

// Codes of the engine's own refusals.
const (
	CodeUnknownType = "unknown_type" // the game has no handler for the message's type
	CodeBadMessage  = "bad_message"  // the body is not what the handler takes
	CodeNotSeated   = "not_seated"   // the sender is no member of the room
	CodeSpectator   = "spectator"    // the sender only watches
	CodeBadOptions  = "bad_options"  // the options of a new room are not what the game takes
	CodeRateLimited = "rate_limited" // more messages than Policy.Rates allows
	CodeInternal    = "internal"     // the handler failed; the log says how
)

// Rejection is a refusal: an answer of the game, not a fault of it.
type Rejection struct {
	Code string // a stable word, for programs: not_your_turn
	Text string // a sentence, for people
}

func (r *Rejection) Error() string {
	if r.Text == "" {
		return r.Code
	}
	return r.Code + ": " + r.Text
}

// Reject refuses what is being handled, when a function returns it: everything the function did is undone, and the
// sender alone gets a message of type error with the code and {"code","message"}. Code is a stable word without colon
// and backslash. In a [Joined] function it lets the player go again.
func Reject(code, text string) error { return &Rejection{code, text} }

// rejection finds the refusal in err. A refusal whose code can't travel is a fault, so it is none.
func rejection(err error) (*Rejection, bool) {
	r, ok := errors.AsType[*Rejection](err)
	if !ok || checkWord("code", r.Code) != nil {
		return nil, false
	}
	return r, true
}

// PanicError is what a function of a game panicked with.
type PanicError struct {
	Value any
	Stack []byte // as runtime/debug.Stack gives it
}

func (p *PanicError) Error() string { return fmt.Sprintf("panic: %v", p.Value) }

// Unwrap gives the error that was panicked with, if it was one.
func (p *PanicError) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}
