package lobby

import (
	"errors"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/madang-games/madang/handlers"
	"github.com/madang-games/madang/store"
)

// maxLabelFilters is by how many labels a list may be filtered.
const maxLabelFilters = 4

var goodVersion = regexp.MustCompile(`^[A-Za-z0-9._-]{1,32}$`)

// listRooms is GET /rooms.
func (s *Service) listRooms(c *Context) error {
	f, err := s.roomFilter(c)
	if err != nil {
		return err
	}
	cursor, limit, err := c.page()
	if err != nil {
		return err
	}
	found, next, err := s.config.Store.Rooms(c.ctx, f, cursor, limit)
	if errors.Is(err, store.ErrNotFound) {
		return badCursor
	}
	if err != nil {
		return err
	}
	rooms := make([]roomJSON, len(found))
	for i, r := range found {
		rooms[i] = roomOf(r)
	}
	return c.JSON(http.StatusOK, struct {
		Rooms []roomJSON `json:"rooms"`
		Next  string     `json:"next"` // the cursor of the next page; "" after the last
	}{rooms, next})
}

// roomFilter reads what a query asks of rooms.
func (s *Service) roomFilter(c *Context) (store.RoomFilter, error) {
	f := store.RoomFilter{Game: c.Query("game"), State: store.RoomState(c.Query("state")), Version: c.Query("version")}
	game := s.games.newest[f.Game]
	if f.Game != "" && game == nil {
		return f, unknownGame
	}
	switch f.State {
	case "", store.Open, store.Playing, store.Closed:
	default:
		return f, badRequest.because("The state is \"open\", \"playing\" or \"closed\".")
	}
	if f.Version != "" && !goodVersion.MatchString(f.Version) {
		return f, badRequest.because("A version has 1 to 32 letters, digits, dots, _ and -.")
	}
	switch c.Query("free") {
	case "", "false":
	case "true":
		f.Free = true
	default:
		return f, badRequest.because("Free is true or false.")
	}
	for key, values := range c.query {
		name, is := strings.CutPrefix(key, "label[")
		if !is {
			continue
		}
		name, whole := strings.CutSuffix(name, "]")
		if !whole || len(values) != 1 {
			return f, badRequest.because("A label is given once, as label[<name>]=<value>.")
		}
		if game == nil {
			return f, badRequest.because("Labels are a game's: give the game.")
		}
		l, err := labelFilter(game.Policy().Labels, name, values[0])
		if err != nil {
			return f, err
		}
		f.Labels = append(f.Labels, l)
	}
	if len(f.Labels) > maxLabelFilters {
		return f, badRequest.because("A list is filtered by at most %d labels.", maxLabelFilters)
	}
	return f, nil
}

// labelFilter reads one label: a text, a number, or a range of numbers as "3..7", "3.." or "..7".
func labelFilter(labels []handlers.Label, name, value string) (f store.LabelFilter, err error) {
	i := slices.IndexFunc(labels, func(l handlers.Label) bool { return l.Name == name })
	if i < 0 {
		return f, badRequest.because("The game has no label %q: GET /v1/games lists them.", name)
	}
	f.Name = name
	if !labels[i].Number {
		if value == "" || len(value) > 64 || strings.ContainsRune(value, 0) || strings.ToValidUTF8(value, "") != value {
			return f, badRequest.because("The label %q has 1 to 64 bytes of text.", name)
		}
		f.Text = value
		return f, nil
	}
	least, most, ranged := strings.Cut(value, "..")
	f.Least, f.Most = math.MinInt64, math.MaxInt64
	if least != "" || !ranged || most == "" {
		f.Least, err = strconv.ParseInt(least, 10, 64)
	}
	if most != "" && err == nil {
		f.Most, err = strconv.ParseInt(most, 10, 64)
	}
	if !ranged {
		f.Most = f.Least
	}
	if err != nil {
		return f, badRequest.because("The label %q is a whole number, or a range such as 3..7, 3.. or ..7.", name)
	}
	return f, nil
}

// goodCursor says whether the store might have made it.
func goodCursor(cursor string) bool {
	for i := range len(cursor) {
		if cursor[i] <= ' ' || cursor[i] > '~' {
			return false
		}
	}
	return len(cursor) <= 200
}
