package lobby

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

//go:embed confusables.txt
var confusableText string

// confusables says what a character is seen as.
var confusables = sync.OnceValue(func() map[rune]string {
	seen := map[rune]string{}
	text := func(points string) string {
		var b strings.Builder
		for point := range strings.SplitSeq(points, "+") {
			r, err := strconv.ParseUint(point, 16, 32)
			if err != nil {
				panic(fmt.Sprintf("lobby: confusables.txt has %q", points))
			}
			b.WriteRune(rune(r))
		}
		return b.String()
	}
	for line := range strings.Lines(confusableText) {
		if words := strings.Fields(line); len(words) > 1 && words[0] != "#" {
			as := text(words[0])
			for _, word := range words[1:] {
				seen[[]rune(text(word))[0]] = as
			}
		}
	}
	return seen
})

// look is the same for names that look alike: the skeleton of UTS #39 (section 4), of the compatibility decomposition, without
// regard to case. It is for comparing only.
func look(name string) string {
	seen := confusables()
	var b strings.Builder
	for _, r := range norm.NFKD.String(name) {
		if as, ok := seen[r]; ok {
			b.WriteString(as)
		} else {
			b.WriteRune(r)
		}
	}
	return norm.NFKD.String(cases.Fold().String(b.String()))
}

// oneScript says whether the characters of a name may stand together: UTS #39, section 5.2, highly restrictive. They are of
// one script, or of those that people write Chinese, Japanese or Korean with.
func oneScript(name string) bool {
	scripts := map[string]bool{}
	for _, r := range name {
		if r < 0x80 {
			if unicode.IsLetter(r) {
				scripts["Latin"] = true
			}
			continue
		}
		for script, table := range unicode.Scripts {
			if unicode.Is(table, r) {
				scripts[script] = true
				break
			}
		}
	}
	delete(scripts, "Common")
	delete(scripts, "Inherited")
	if len(scripts) < 2 {
		return true
	}
	for _, together := range [][]string{{"Latin", "Han", "Hiragana", "Katakana"}, {"Latin", "Han", "Bopomofo"}, {"Latin", "Han", "Hangul"}} {
		n := 0
		for _, script := range together {
			if scripts[script] {
				n++
			}
		}
		if n == len(scripts) {
			return true
		}
	}
	return false
}
