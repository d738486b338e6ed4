package match

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// Property is which values a ticket accepts of one of the game's properties: a text, or a range of numbers. Tickets go
// together when there is a value that all of them accept; a ticket without the property accepts any.
//
// In JSON it is a string, a number, or an object with "min" and "max", each of which may be missing:
// "desert", 5, {"min": 3, "max": 7}.
type Property struct {
	kind      byte // 0: accepts any
	text      string
	low, high float64
}

const (
	textual byte = iota + 1
	numeric
)

// Text accepts that text.
func Text(text string) Property { return Property{kind: textual, text: text} }

// Between accepts numbers from low to high.
func Between(low, high float64) Property { return Property{kind: numeric, low: low, high: high} }

// Text is the text that is accepted; false if it is a range.
func (p Property) Text() (string, bool) { return p.text, p.kind == textual }

// Range is from where to where numbers are accepted, which may be infinite; false if it is a text.
func (p Property) Range() (low, high float64, ok bool) { return p.low, p.high, p.kind == numeric }

func (p Property) check() error {
	switch p.kind {
	case textual:
		if p.text == "" || len(p.text) > MaxText {
			return fmt.Errorf("a text has 1 to %d bytes", MaxText)
		}
	case numeric:
		if !(p.low <= p.high) || math.IsInf(p.low, 1) || math.IsInf(p.high, -1) {
			return errors.New("a range goes from a number to one that is not less")
		}
	default:
		return errors.New("it is neither a text nor a range")
	}
	return nil
}

// and is what both accept, if there is anything.
func (p Property) and(q Property) (Property, bool) {
	switch {
	case p.kind == 0:
		return q, true
	case q.kind == 0:
		return p, true
	case p.kind != q.kind:
		return Property{}, false
	case p.kind == textual:
		return p, p.text == q.text
	}
	both := Between(max(p.low, q.low), min(p.high, q.high))
	return both, both.low <= both.high
}

// meets says whether there is anything that both accept.
func (p *Property) meets(q *Property) bool {
	switch {
	case p.kind == 0 || q.kind == 0:
		return true
	case p.kind != q.kind:
		return false
	case p.kind == textual:
		return p.text == q.text
	}
	return p.low <= q.high && q.low <= p.high
}

type rangeJSON struct {
	Min *float64 `json:"min,omitempty"`
	Max *float64 `json:"max,omitempty"`
}

// MarshalJSON writes a string, a number, or an object with min and max.
func (p Property) MarshalJSON() ([]byte, error) {
	switch {
	case p.kind == textual:
		return json.Marshal(p.text)
	case p.kind == numeric && p.low == p.high:
		return json.Marshal(p.low)
	case p.kind == numeric:
		var out rangeJSON
		if !math.IsInf(p.low, 0) {
			out.Min = &p.low
		}
		if !math.IsInf(p.high, 0) {
			out.Max = &p.high
		}
		return json.Marshal(out)
	}
	return []byte("null"), nil
}

// UnmarshalJSON reads what MarshalJSON writes, and refuses all else.
func (p *Property) UnmarshalJSON(data []byte) error {
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		return err
	}
	var out Property
	switch value := value.(type) {
	case string:
		out = Text(value)
	case float64:
		out = Between(value, value)
	case map[string]any:
		out = Between(math.Inf(-1), math.Inf(1))
		for name, bound := range value {
			number, ok := bound.(float64)
			switch {
			case !ok:
				return errors.New("min and max are numbers")
			case name == "min":
				out.low = number
			case name == "max":
				out.high = number
			default:
				return fmt.Errorf("a range has min and max, not %q", name)
			}
		}
	default:
		return errors.New("a property is a string, a number, or an object with min and max")
	}
	if err := out.check(); err != nil {
		return err
	}
	*p = out
	return nil
}
