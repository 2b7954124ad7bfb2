package bapi_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	description "usher/api"
	"usher/internal/bapi"
)

// TestEveryRouteIsDescribed walks the route table and the description both ways.
func TestEveryRouteIsDescribed(t *testing.T) {
	d, err := description.Parse(description.Backend)
	if err != nil {
		t.Fatal(err)
	}
	described := []string{}
	for _, g := range d.Groups {
		for _, o := range g.Operations {
			described = append(described, o.Method+" "+o.Path)
		}
	}
	served := append(bapi.Routes(), "GET /usher/v1/inbox") // where mail is kept
	for _, route := range served {
		if !slices.Contains(described, route) {
			t.Errorf("%s is served and not in api/openapi.yaml", route)
		}
	}
	for _, route := range described {
		if !slices.Contains(served, route) {
			t.Errorf("%s is in api/openapi.yaml and not served", route)
		}
	}
}

// TestCompatibilityNamesEveryRoute holds docs/compatibility.md to the route table,
// and the tests that it names to be there.
func TestCompatibilityNamesEveryRoute(t *testing.T) {
	raw, err := os.ReadFile("../../docs/compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	for _, route := range bapi.Routes() {
		method, path, _ := strings.Cut(route, " ")
		if !named(text, method, strings.TrimPrefix(path, "/v1")) {
			t.Errorf("docs/compatibility.md does not speak of %s", route)
		}
	}
	for _, m := range regexp.MustCompile("`([a-z_]+\\.txt)`").FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join("testdata", m[1])); err != nil {
			t.Errorf("docs/compatibility.md names a test that is not there: %s", m[1])
		}
	}
}

// named reports whether a row of the text begins with the operation, alone or with
// others of its path.
func named(text, method, path string) bool {
	for row := range strings.Lines(text) {
		if !strings.HasPrefix(row, "| `") {
			continue
		}
		first, _, _ := strings.Cut(row[2:], " | ")
		if strings.Contains(first, path+"`") && strings.Contains(first, method) {
			return true
		}
		// A row may go on with the end of a path: `GET /a`, `POST …/b`.
		for _, m := range regexp.MustCompile("`([A-Z, ]+) …(/[^`]*)`").FindAllStringSubmatch(first, -1) {
			if strings.Contains(m[1], method) && strings.HasSuffix(path, m[2]) {
				return true
			}
		}
	}
	return false
}
