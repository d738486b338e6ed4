package lobby

import (
	"fmt"
	"regexp"
	"strings"
)

// AdminKey is what an operator calls an [Admin] by.
type AdminKey struct {
	Name   string // who it is, in the audit trail: 1 to 32 letters, digits, - . and _
	Secret string // 32 to 200 printable ASCII characters, without spaces and commas
}

var (
	adminKeyName   = regexp.MustCompile(`^[A-Za-z0-9._-]{1,32}$`)
	adminKeySecret = regexp.MustCompile(`^[!-+\--~]{32,200}$`)
)

const maxAdminSecret = 200

func (k AdminKey) check() error {
	if !adminKeyName.MatchString(k.Name) { // it may be a secret in the wrong place, so it is not shown
		return fmt.Errorf("the name of an admin key is not 1 to 32 letters, digits, - . and _")
	}
	if !adminKeySecret.MatchString(k.Secret) {
		return fmt.Errorf("the secret of admin key %q is not 32 to %d printable ASCII characters without spaces and commas", k.Name, maxAdminSecret)
	}
	return nil
}

// ParseAdminKeys reads keys "name=secret" between commas or white space; a # at the beginning of a line or after white space begins
// a comment up to the line's end. It is an error if there is none, or if two have the same name or secret. No error shows a secret.
func ParseAdminKeys(text string) ([]AdminKey, error) {
	var keys []AdminKey
	seen := map[string]bool{}
	for line := range strings.Lines(text) {
		for word := range strings.FieldsFuncSeq(line, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) }) {
			if strings.HasPrefix(word, "#") {
				break
			}
			name, secret, _ := strings.Cut(word, "=")
			k := AdminKey{name, secret}
			if err := k.check(); err != nil {
				return nil, err
			}
			if seen[k.Name] || seen["="+k.Secret] {
				return nil, fmt.Errorf("admin key %q, or its secret, is there twice", k.Name)
			}
			seen[k.Name], seen["="+k.Secret] = true, true
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("there is no admin key")
	}
	return keys, nil
}
