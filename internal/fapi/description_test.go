package fapi_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	description "usher/api"
	"usher/internal/fapi"
)

// TestEveryRouteIsDescribed walks the route table and the description both ways.
func TestEveryRouteIsDescribed(t *testing.T) {
	d, err := description.Parse(description.Frontend)
	must(t, err)
	var described []string
	for _, g := range d.Groups {
		for _, o := range g.Operations {
			described = append(described, o.Method+" "+o.Path)
		}
	}
	served := fapi.Routes()
	for _, route := range served {
		if !slices.Contains(described, route) {
			t.Errorf("%s is served and not in api/frontend.yaml", route)
		}
	}
	for _, route := range described {
		if !slices.Contains(served, route) {
			t.Errorf("%s is in api/frontend.yaml and not served", route)
		}
	}
}

// TestCompatibilityNamesEveryRoute holds the section of docs/compatibility.md on the
// Frontend API to the route table, and the tests that it names to be there.
func TestCompatibilityNamesEveryRoute(t *testing.T) {
	raw, err := os.ReadFile("../../docs/compatibility.md")
	must(t, err)
	_, section, _ := strings.Cut(string(raw), "\n## Frontend API\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, route := range fapi.Routes() {
		method, path, _ := strings.Cut(route, " ")
		row := regexp.MustCompile("(?m)^\\|[^|]*`[A-Z, ]*" + method + "[A-Z, ]* " + regexp.QuoteMeta(path) + "`")
		if !row.MatchString(section) {
			t.Errorf("docs/compatibility.md does not speak of %s", route)
		}
	}
	for _, m := range regexp.MustCompile("`fapi/(testdata/)?([a-z_]+\\.[a-z]+)`").FindAllStringSubmatch(string(raw), -1) {
		if _, err := os.Stat(filepath.Join(m[1], m[2])); err != nil {
			t.Errorf("docs/compatibility.md names a test that is not there: %s", m[0])
		}
	}
}
