package handlers

// Spectators see and have no say. They see what the whole room is told, what is sent to them by name, and the [Snapshot] that is made for them;
// what they send is refused with the code spectator. They are none of [Room.Players], and none of the other hooks is called for them. $joined,
// $left, $suspended and $resumed of a spectator go to itself alone. When the last player leaves, they leave, too. The policy's
// Spectators says how many a room takes.

// Watched registers fn for spectators who come. An error lets the spectator go again: with [Reject] it is told why. One who takes a
// seat afterwards is a player from then on: [Joined] is called, and nothing else.
func Watched[S any](g *Game[S], fn func(room *Room, state *S, spectator Player) error) {
	setHook(g, "Watched", &g.watched, fn)
}

// Unwatched registers fn for spectators who have left, but for those who leave with the last player. The spectator stays gone
// whatever fn returns.
func Unwatched[S any](g *Game[S], fn func(room *Room, state *S, spectator Player) error) {
	setHook(g, "Unwatched", &g.unwatched, fn)
}
