package web

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Every code that a gateway gives stands in the contract, in the row of the close code that it really has.
func TestProtocolNamesEveryCodeWithItsCloseCode(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile(filepath.Join("..", "docs", "protocol.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for line := range strings.Lines(string(doc)) {
		if cells := strings.Split(line, "|"); len(cells) > 3 {
			rows[strings.TrimSpace(cells[1])] = cells[2]
		}
	}
	codes := append(constants(t, "ending.go"), codeBadFrame, codeFrameTooLarge, codeTooManyHeaders)
	if len(codes) < 20 {
		t.Fatalf("found %d codes, want all of them", len(codes))
	}
	for _, code := range codes {
		row := strconv.Itoa(int(statusOf(code)))
		if !strings.Contains(rows[row], "`"+code+"`") {
			t.Errorf("docs/protocol.md: row %s does not name `%s`", row, code)
		}
	}
}

// constants returns the values of the string constants in a file whose names begin with code.
func constants(t *testing.T, file string) (values []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "code") || len(spec.Values) != 1 {
			return true
		}
		if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
			value, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, value)
		}
		return true
	})
	return values
}
