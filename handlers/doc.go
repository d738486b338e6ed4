// Package handlers routes a room's messages to the game's functions and gives them what they may do.
//
// A game is a name, a state type and functions:
//
//	game := handlers.New("arena", func() *arena { return &arena{At: map[string]pos{}} })
//	handlers.On(game, "move", onMove) // func onMove(room *handlers.Room, a *arena, to pos) error
//
// The rules that hold for every function of a game:
//
//   - Of one room only one runs at a time, so the state needs no lock. Different rooms run at the same time, so
//     what they share outside the state does.
//   - Its changes, outputs, timers and awards count together, when it returns nil. When it returns an error or
//     panics, none of them does: the state is as if it had never run.
//   - To undo, the engine goes back to an earlier encoding of the state and calls the functions since then again
//     with what they were given. So they may draw only on the room, the state and the message: time from
//     [Room.Now], chance from [Room.Rand], nothing from the order of a map.
//   - The state is kept as JSON. [New] refuses types that would come back from it as something else. Two pointers
//     to one value come back as two values.
//   - Rooms, states and message bodies belong to the call: keep none of them, start no goroutine with them.
package handlers
