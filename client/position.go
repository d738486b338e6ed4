package client

import (
	"strconv"
	"strings"
)

// position is a place in a room's line: message-id "<epoch>-<n>".
type position struct{ Epoch, N uint64 }

func (p position) String() string {
	return strconv.FormatUint(p.Epoch, 10) + "-" + strconv.FormatUint(p.N, 10)
}

// parsePosition returns the zero position for what is none.
func parsePosition(id string) position {
	epoch, n, _ := strings.Cut(id, "-")
	var p position
	var err error
	if p.Epoch, err = strconv.ParseUint(epoch, 10, 64); err != nil {
		return position{}
	}
	if p.N, err = strconv.ParseUint(n, 10, 64); err != nil {
		return position{}
	}
	return p
}
