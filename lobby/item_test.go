package lobby

import (
	"strings"
	"testing"
)

func TestItemsAreCheckedWhenTheyAreDefined(t *testing.T) {
	t.Parallel()
	for want, define := range map[string]func(a *App){
		"gold is there already":         func(a *App) { a.Item(Item{ID: "gold"}) },
		`such as "iron-sword"`:          func(a *App) { a.Item(Item{ID: "Iron Sword"}) },
		"write an ID of 1 to 64":        func(a *App) { a.Item(Item{ID: strings.Repeat("x", 65)}) },
		"write a Name of at most 64":    func(a *App) { a.Item(Item{ID: "hat", Name: strings.Repeat("x", 65)}) },
		"characters on one line":        func(a *App) { a.Item(Item{ID: "hat", Name: "a\nb"}) },
		"PerPlayer is -1; write 1":      func(a *App) { a.Item(Item{ID: "hat", PerPlayer: -1}) },
		"PerStack is -1; write 1":       func(a *App) { a.Item(Item{ID: "hat", PerStack: -1}) },
		"Price is 1000000001; write 1":  func(a *App) { a.Item(Item{ID: "hat", Price: MaxCount + 1}) },
		"PerStack is 3 and PerPlayer 2": func(a *App) { a.Item(Item{ID: "hat", PerPlayer: 2, PerStack: 3}) },
		"is defined already":            func(a *App) { a.Item(Item{ID: "hat"}); a.Item(Item{ID: "hat"}) },
		"define items before":           func(a *App) { a.take(); a.Item(Item{ID: "hat"}) },
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if got, _ := recover().(string); !strings.Contains(got, want) {
					t.Errorf("got panic %q, want it to say %q", got, want)
				}
			}()
			define(New())
		})
	}
}

func TestAnItemNeedsOnlyAnID(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ got, want Item }{
		{Item{ID: "a"}, Item{ID: "a", Name: "a", PerPlayer: 1_000_000, PerStack: 1_000_000}},
		{Item{ID: "a", PerStack: 9}, Item{ID: "a", Name: "a", PerPlayer: 9, PerStack: 9}},
		{Item{ID: "a", PerPlayer: 9}, Item{ID: "a", Name: "a", PerPlayer: 9, PerStack: 9}},
	} {
		app := New()
		app.Item(c.got)
		if app.items[0] != c.want || app.ItemLimits()["a"] != c.want.PerPlayer {
			t.Errorf("%+v: got %+v, %v, want %+v", c.got, app.items[0], app.ItemLimits(), c.want)
		}
	}
}
