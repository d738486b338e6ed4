package arena

import (
	"encoding/json"

	"github.com/madang-games/madang/handlers"
)

// rules are what a client has to know of the square, in units and seconds.
type rules struct {
	Size    int               `json:"size"`
	Sight   int               `json:"sight"`
	Reach   int               `json:"reach"`
	Speed   int               `json:"speed"`
	Ticks   int               `json:"ticks"`
	Players []handlers.Player `json:"players"` // who is there, not where
}

// snapshot is the frame of the moment, and the rules.
func snapshot(room *handlers.Room, y *yard, user string) (any, error) {
	known, err := json.Marshal(rules{size / unit, sight / unit, reach / unit, speed * ticks / unit, ticks, room.Players()})
	if err != nil {
		return nil, err
	}
	n, ok := y.Numbers[user]
	if !ok {
		return handlers.Raw{ContentType: contentJSON, Body: known}, nil
	}
	var e eyes
	y.look(n, &e)
	y.write()
	body := append(y.appendFrame(nil, n, &e), ',')
	return handlers.Raw{ContentType: contentJSON, Body: append(body, known[1:]...)}, nil
}
