package handlers

import (
	"fmt"
	"slices"
)

// MaxAreas is how many areas one member watches at most, and maxArea how long the name of one may be, in bytes.
const (
	MaxAreas = 64
	maxArea  = 64
)

// Audience is some of those who are in the room. It belongs to the call, as the [Room] does.
type Audience struct {
	room  *Room
	users []string // never changed
}

// Watch says which areas of the room a member, also a spectator, watches from now on, in place of those before; none: none. An area is
// whatever the game says it is: the part of a map, a table, a team. It is part of the room, and ends when the member leaves. Of a user who
// is no member it does nothing. At most [MaxAreas], of 1 to 64 bytes.
func (r *Room) Watch(user string, areas ...string) error {
	if err := r.may(); err != nil {
		return fmt.Errorf("watch: %w", err)
	}
	if len(areas) > MaxAreas {
		return fmt.Errorf("watch: %d areas, at most %d are allowed", len(areas), MaxAreas)
	}
	for _, area := range areas {
		if area == "" || len(area) > maxArea {
			return fmt.Errorf("watch: area %q; write 1 to %d bytes", area, maxArea)
		}
	}
	m := r.in.byID[user]
	if m == nil || slices.Equal(m.Areas, areas) {
		return nil
	}
	r.touched = true
	m.Areas = slices.Clone(areas)
	r.in.watchers = nil
	return nil
}

// In is those who watch any of the areas at this moment.
func (r *Room) In(areas ...string) Audience {
	switch len(areas) {
	case 0:
		return Audience{room: r}
	case 1:
		return Audience{r, r.in.watching(areas[0])}
	}
	var users []string
	for _, m := range r.in.members {
		if slices.ContainsFunc(areas, func(area string) bool { return slices.Contains(m.Areas, area) }) {
			users = append(users, m.ID)
		}
	}
	return Audience{r, users}
}

// To is the users named; of none it is nobody, other than with [Room.Send].
func (r *Room) To(users ...string) Audience { return Audience{r, slices.Clone(users)} }

// Users are those in the audience: of areas in the order in which they joined. The slice is the caller's.
func (a Audience) Users() []string { return slices.Clone(a.users) }

// Send tells each of the audience once what [Room.Send] would tell everybody. It is one output, whoever gets it, and nobody else ever
// does: not by coming back, nor by watching later. To tell nobody is no error.
func (a Audience) Send(typ string, body any) error {
	if len(a.users) == 0 {
		return a.room.maySend(typ)
	}
	return a.room.say(typ, body, a.users, 0)
}

// watching is who watches an area, in the order in which they joined. The slice is shared.
func (in *Instance) watching(area string) []string {
	if in.watchers == nil {
		in.watchers = map[string][]string{}
		for _, m := range in.members {
			for i, a := range m.Areas {
				if !slices.Contains(m.Areas[:i], a) {
					in.watchers[a] = append(in.watchers[a], m.ID)
				}
			}
		}
	}
	return slices.Clip(in.watchers[area])
}

// Areas are those that the user watches, as [Room.Watch] was told.
func (in *Instance) Areas(user string) []string {
	if m := in.byID[user]; m != nil {
		return slices.Clone(m.Areas)
	}
	return nil
}
