package lobby

import (
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Mina":                   "Mina",
		"  Mina  ":               "Mina",
		"J. O'Neil_the-2nd":      "J. O'Neil_the-2nd",
		"Zoe\u0308":              "Zoë",
		"마당 지기":                  "마당 지기",
		"नमस्ते":                 "नमस्ते",
		"٣":                      "٣",
		strings.Repeat("é", 24):  strings.Repeat("é", 24),
		strings.Repeat("e", 24):  strings.Repeat("e", 24),
		"Administrator's friend": "Administrator's friend",
	} {
		if got, err := cleanName(name); err != nil || got != want {
			t.Errorf("%q: got %q, %v; want %q", name, got, err, want)
		}
	}
	for why, name := range map[string]string{
		"empty": "", "only spaces": "   ", "25 characters": strings.Repeat("e", 25), "huge": strings.Repeat("e", 1<<16),
		"two spaces": "a  b", "tab": "a\tb", "line": "a\nb", "zero width": "a\u200bb", "joiner": "a\u200db", "bidi": "a\u202eb",
		"isolate": "a\u2066b", "soft hyphen": "a\u00adb", "filler": "\u3164", "variation": "a\ufe0f", "grapheme joiner": "a\u034fb",
		"no-break space": "a\u00a0b", "emoji": "a🙂", "colon": "a:b", "backslash": `a\b`, "markup": "<b>", "replacement": "a\ufffd",
		"no UTF-8": "a\xff", "only marks": "\u0301", "mark first": " \u0301a", "mark on a dot": "a.\u0301", "many marks": "x\u0301\u0302\u0303\u0304",
		"only dots": "...", "reserved": "Admin", "reserved spread": "s y s-t.e_m", "reserved wide": "ＭＡＤＡＮＧ", "reserved with accents": "sërver",
	} {
		if got, err := cleanName(name); err == nil || problemOf(err).code != "invalid_name" || problemOf(err).status != 400 {
			t.Errorf("%s %q: got %q, %v", why, name, got, err)
		}
	}
}

func TestEveryMadeUpNameIsAName(t *testing.T) {
	t.Parallel()
	for _, q := range qualities {
		for _, a := range animals {
			name := q + " " + a + " 10000000"
			if got, err := cleanName(name); err != nil || got != name {
				t.Fatalf("%q: got %q, %v", name, got, err)
			}
		}
	}
	for try := range madeUpTries {
		if name := madeUpName(try); len(name) > maxName {
			t.Errorf("try %d: %q", try, name)
		}
	}
}
