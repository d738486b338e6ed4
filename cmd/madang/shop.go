package main

import "github.com/madang-games/madang/lobby"

// stock puts on sale what the page can show: sets of stones for Othello.
func stock(app *lobby.App) {
	app.Item(lobby.Item{ID: "stones-persimmon", Name: "Persimmon", PerPlayer: 1, Price: 10})
	app.Item(lobby.Item{ID: "stones-plum", Name: "Plum blossom", PerPlayer: 1, Price: 40})
	app.Item(lobby.Item{ID: "stones-celadon", Name: "Celadon", PerPlayer: 1, Price: 80})
}
