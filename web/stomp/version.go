package stomp

import "strings"

// Version is a version of the STOMP protocol.
type Version uint8

// The versions this package speaks. They differ in how header lines are escaped: 1.0 not at all, 1.1 line feed, colon
// and backslash, 1.2 also carriage return; and 1.2 alone may end its lines with CR LF.
const (
	V10 Version = iota
	V11
	V12
)

// String is the version as STOMP headers have it: "1.2".
func (v Version) String() string {
	switch v {
	case V10:
		return "1.0"
	case V11:
		return "1.1"
	}
	return "1.2"
}

// Subprotocol is the version's WebSocket sub-protocol: "v12.stomp".
func (v Version) Subprotocol() string {
	switch v {
	case V10:
		return "v10.stomp"
	case V11:
		return "v11.stomp"
	}
	return "v12.stomp"
}

// ParseVersions chooses the highest version that both sides speak from the value of a header accept-version, such as
// "1.1,1.2". A client that gives no such header speaks 1.0 alone: pass "". When there is none in common, ok is false.
func ParseVersions(accept string) (v Version, ok bool) {
	if accept == "" {
		return V10, true
	}
	for word := range strings.SplitSeq(accept, ",") {
		for _, known := range []Version{V10, V11, V12} {
			if strings.TrimSpace(word) == known.String() && (!ok || known > v) {
				v, ok = known, true
			}
		}
	}
	return v, ok
}
