package store

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// ofMany matches a statement about members or invitations of more than one
// organization, and leavesOut one that takes no rows of deleted ones or is built from
// conditions, where the suite sees to it. An @ stands for what is not literal.
var (
	ofMany    = regexp.MustCompile(`\b(FROM|JOIN) (memberships|invitations)\b`)
	leavesOut = regexp.MustCompile(`organization_id (= |IN @|NOT IN @)|\borganizations\b|^SELECT (count\(\*\)|i\.id|i\.organization_id, i\.id( \|\| '' AS id)?) FROM (memberships m|invitations i)( WHERE i\.instance_id = \$1 AND )?@+$`)
)

// withWhatIsLeft are the statements that may meet rows of deleted organizations, and
// why.
var withWhatIsLeft = map[string]string{
	"SELECT COALESCE(min(expires_at), $2) FROM invitations": "a horizon may be too early",
	" IN (SELECT m.organization_id FROM memberships m":      "compared with organizations that are there",
}

// TestWhatIsLeftOfAnOrganizationIsNobodys reads the package's source.
func TestWhatIsLeftOfAnOrganizationIsNobodys(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	seen, used := 0, make(map[string]bool)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			text, ok := sqlText(n)
			if !ok || !ofMany.MatchString(text) {
				return !ok
			}
			if seen++; leavesOut.MatchString(text) || strings.Contains(text, "deleted_organizations") {
				return false
			}
			for e := range withWhatIsLeft {
				if strings.HasPrefix(text, e) {
					used[e] = true
					return false
				}
			}
			t.Errorf("%s: the statement meets rows of deleted organizations: %s", fset.Position(n.Pos()), text)
			return false
		})
	}
	if seen < 20 {
		t.Errorf("found %d statements only; the scan is broken", seen)
	}
	for e := range withWhatIsLeft {
		if !used[e] {
			t.Errorf("the exception %q is not needed any more", e)
		}
	}
}
