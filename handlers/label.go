package handlers

import (
	"fmt"
	"regexp"
	"slices"
	"unicode/utf8"
)

// Label is something by which players may look for rooms of a game: the track of a race, its number of laps. All may read it.
type Label struct {
	Name   string // 1 to 32 of a-z, 0-9 and _
	Number bool   // it is a whole number, and may be looked for by a range; else a text
}

const (
	maxLabels    = 8
	maxLabelText = 64 // bytes
)

var labelName = regexp.MustCompile(`^[a-z0-9_]{1,32}$`)

func checkLabels(labels []Label) error {
	if len(labels) > maxLabels {
		return fmt.Errorf("there are %d Labels; write at most %d", len(labels), maxLabels)
	}
	for i, l := range labels {
		if !labelName.MatchString(l.Name) {
			return fmt.Errorf("label %q; write 1 to 32 of a-z, 0-9 and _", l.Name)
		}
		if slices.ContainsFunc(labels[:i], func(o Label) bool { return o.Name == l.Name }) {
			return fmt.Errorf("label %q is there twice", l.Name)
		}
	}
	return nil
}

// Label gives the room a text by which it is found: 1 to 64 bytes; another refuses the room with bad_options, an empty one is none. The
// policy's Labels must name it.
func (o *Opener) Label(name, text string) {
	o.mustName(name, false)
	switch {
	case text == "":
		delete(o.labels, name)
	case len(text) > maxLabelText || !utf8.ValidString(text):
		o.refuse(BadOption(name, "it may have 1 to 64 bytes of UTF-8"))
	default:
		o.setLabel(name, text)
	}
}

// LabelNumber gives the room a number by which it is found. The policy's Labels must name it, as a Number.
func (o *Opener) LabelNumber(name string, n int64) {
	o.mustName(name, true)
	o.setLabel(name, n)
}

func (o *Opener) setLabel(name string, value any) {
	if o.labels == nil {
		o.labels = map[string]any{}
	}
	o.labels[name] = value
}

// mustName panics when the game has not declared the label.
func (o *Opener) mustName(name string, number bool) {
	if !slices.Contains(o.policy.Labels, Label{name, number}) {
		panic(fmt.Sprintf("handlers.Opener: label %q (number: %v) is none of the game's; put handlers.Label{Name: %q, Number: %v} into its Policy.Labels", name, number, name, number))
	}
}
