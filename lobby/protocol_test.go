package lobby

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The contract names every code of the lobby with its status, and every call; those that are not there yet it says.
func TestProtocolNamesEveryCodeAndCall(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "docs", "protocol.md"))
	if err != nil {
		t.Fatal(err)
	}
	doc := string(text)
	_, added, _ := strings.Cut(doc, "\n### REST\n")
	for code, p := range problems {
		at := strings.Index(added, "`"+code+"`")
		if at < 0 {
			t.Errorf("docs/protocol.md does not name `%s`", code)
			continue
		}
		// Codes of one status stand before it: the next status behind the code is its own.
		status := regexp.MustCompile(`\((\d{3})[,)]`).FindStringSubmatch(added[at:])
		if status == nil || status[1] != fmt.Sprint(p.status) {
			t.Errorf("docs/protocol.md gives `%s` the status %v, want %d", code, status, p.status)
		}
	}

	_, notYet, _ := strings.Cut(doc, "\nNot yet: ")
	notYet, _, _ = strings.Cut(notYet, "\n\n")
	served := map[string]bool{}
	for _, r := range (&Service{}).builtIn() {
		served[shape(r.method, Prefix+r.path)] = true
	}
	param := regexp.MustCompile(`\{(\w+)\}`)
	named := 0
	for _, call := range regexp.MustCompile("(?m)^\\| `(GET|POST|PUT|PATCH|DELETE) (/v1/[^?`]*)").FindAllStringSubmatch(doc, -1) {
		named++
		there := served[shape(call[1], param.ReplaceAllString(call[2], ":$1"))]
		later := strings.Contains(notYet, "`"+call[1]+" "+call[2]+"`")
		if there == later {
			t.Errorf("%s %s: served %v, said to come later %v", call[1], call[2], there, later)
		}
		delete(served, shape(call[1], param.ReplaceAllString(call[2], ":$1")))
	}
	if named < 10 {
		t.Errorf("found %d calls in the document, want all", named)
	}
	for call := range served {
		t.Errorf("docs/protocol.md does not name %s", call)
	}
}
