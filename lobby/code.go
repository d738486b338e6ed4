package lobby

import (
	"crypto/rand"
	"strings"
)

// Codes are for people: they read them to each other, and type them on phones. There are 10^12, so that with [codeGuesses]
// nobody finds a room's by trying.
const (
	codeAlphabet = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
	codeLength   = 8
	codeTries    = 3
)

// newCode makes a code that people can read to each other.
func newCode() string {
	var b [codeLength]byte
	_, _ = rand.Read(b[:]) // never fails
	for i := range b {
		b[i] = codeAlphabet[int(b[i])%len(codeAlphabet)] // of 32: each as likely
	}
	return string(b[:])
}

// parseCode reads a code as people write it: in small letters, in groups.
func parseCode(text string) (code string, ok bool) {
	if len(text) > 4*codeLength {
		return "", false
	}
	code = strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(text))
	return code, len(code) == codeLength && strings.Trim(code, codeAlphabet) == ""
}
