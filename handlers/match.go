package handlers

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Match is what the lobby says of a room that it opens because it has found players for it. They have their seats, and come
// as everybody comes: each is told of by [Joined] when the room hears of it, in any order, or may stay away.
type Match struct {
	Mode  string     `json:"mode"`  // of the game, as lobby.App.Match names it
	Teams [][]string `json:"teams"` // users by team; a team that only bots play in is empty
	Bots  []int      `json:"bots"`  // by team, how many players the game is to play itself; none: there are no bots
	// Region is one that all accept, and Properties what all accept of the game's own: texts, numbers, and ranges as
	// {"min":..,"max":..}.
	Region     string                     `json:"region"`
	Properties map[string]json.RawMessage `json:"properties"`
}

// MatchOption is the member of a room's options that holds its [Match]. Options of players can't have it.
const MatchOption = "$match"

// Match is who plays, in a room that the lobby opens for players whom it has found; nil in a room that somebody makes.
// A game that wants to know later who is in which team keeps it in the room's state.
func (o *Opener) Match() *Match { return o.match }

// cutMatch takes the match out of a room's options.
func cutMatch(options []byte) (rest []byte, match *Match, err error) {
	if !bytes.HasPrefix(options, []byte("{")) {
		return options, nil, nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(options, &members); err != nil {
		return options, nil, nil // who decodes them says what is wrong
	}
	own, ok := members[MatchOption]
	if !ok {
		return options, nil, nil
	}
	match = new(Match)
	if err := json.Unmarshal(own, match); err != nil {
		return nil, nil, &Rejection{CodeBadOptions, fmt.Sprintf("the option %s does not decode: %v", MatchOption, err)}
	}
	delete(members, MatchOption)
	if len(members) == 0 {
		return nil, match, nil
	}
	rest, err = json.Marshal(members)
	return rest, match, err
}
