package store_test

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A database that spreads its rows by a column refuses unique indexes without it,
// sequences, triggers and row locks over several nodes, and cannot move a row. The two
// tests say that nothing of usher's would be refused when the instance is that column,
// and what would be if it were the organization. No such database was run.

const schemaFile = "schema/0001_init.sql"

var (
	tableText  = regexp.MustCompile(`(?ms)^CREATE TABLE (\w+) \((.*?)^\)`)
	primaryKey = regexp.MustCompile(`PRIMARY KEY \(([^)]*)\)`)
	keyColumn  = regexp.MustCompile(`(?m)^\s+(\w+) .*PRIMARY KEY`)
	uniqueText = regexp.MustCompile(`(?m)^CREATE UNIQUE INDEX (\w+) ON (\w+) \(([^)]*)\)`)
	undividing = regexp.MustCompile(`(?i)\b(AUTOINCREMENT|SERIAL|SEQUENCE|TRIGGER|REFERENCES|GENERATED|IDENTITY)\b`)
)

// unique is a primary key, named after its table, or a unique index.
type unique struct {
	name, table string
	columns     []string
}

// uniques returns those of the schema, and which tables belong to organizations.
func uniques(t *testing.T) (list []unique, organizational map[string]bool) {
	t.Helper()
	raw, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	schema := regexp.MustCompile(`--.*`).ReplaceAllString(string(raw), "")
	if found := undividing.FindAllString(schema, -1); found != nil {
		t.Errorf("the schema has %q", found)
	}
	organizational = map[string]bool{"organizations": true}
	for _, table := range tableText.FindAllStringSubmatch(schema, -1) {
		columns := primaryKey.FindStringSubmatch(table[2])
		if columns == nil {
			columns = keyColumn.FindStringSubmatch(table[2])
		}
		list = append(list, unique{table[1], table[1], strings.Split(columns[1], ", ")})
		if strings.Contains(table[2], " organization_id ") {
			organizational[table[1]] = true
		}
	}
	for _, index := range uniqueText.FindAllStringSubmatch(schema, -1) {
		list = append(list, unique{index[1], index[2], strings.Split(index[3], ", ")})
	}
	if len(list) < 50 {
		t.Fatalf("found %d keys only; the scan is broken", len(list))
	}
	return list, organizational
}

func TestKeysCanBeDistributed(t *testing.T) {
	list, organizational := uniques(t)
	global := map[string]bool{"instances_by_own_host": true, "keys": true, "unfinished_copies": true} // small, and read before the instance is known
	var undivided []string
	for _, u := range list {
		if u.columns[0] != "instance_id" && !global[u.name] {
			t.Errorf("%s (%s) does not begin with the instance", u.name, u.columns)
		}
		organization := "organization_id"
		if u.table == "organizations" {
			organization = "id"
		}
		if organizational[u.table] && !slices.Contains(u.columns, organization) {
			undivided = append(undivided, u.name)
		}
	}
	slices.Sort(undivided)
	// docs/scale.md says what becomes of each.
	want := []string{
		"enrollment_jobs", "enrollments", "events", "inbox", "organization_domains_verified", "organizations_by_slug", "outbox", "sessions", "sign_in_tokens",
	}
	if diff := cmp.Diff(want, undivided); diff != "" {
		t.Errorf("keys without the organization (-want +got):\n%s", diff)
	}
}

// everywhere are the statements that look at the rows of every instance, by how they
// begin. No request makes one, but for those that find out whose it is.
var everywhere = []string{
	"SELECT (SELECT count(*) FROM outbox WHERE parked", // metrics
	"SELECT count(*) FILTER (WHERE status = $1",
	"SELECT COALESCE(max(COALESCE((SELECT max(e.id) FROM events", // where the log ends, at the start
	"SELECT count(*) FROM instances WHERE master_key",            // commands
	"SELECT count(*) > 0 FROM instances WHERE frontend_host",
	"SELECT id, last_error FROM outbox WHERE parked",
	"SELECT id.instance_id, id.environment",  // whose request it is
	"SELECT due_at FROM outbox WHERE bucket", // workers
	"UPDATE outbox SET attempt = attempt + 1",
	"UPDATE outbox SET due_at = $2 WHERE bucket",
	"SELECT instance_id FROM instances", // sweeps
	"SELECT instance_id, domain_id, organization_id, step, kind, reached FROM enrollment_jobs",
	"SELECT instance_id, id FROM deleted_organizations",
	"SELECT instance_id, id FROM webhook_endpoints",
}

var (
	ofInstance = regexp.MustCompile(`\binstance_id = \$\d|^INSERT INTO \w+ \((key_hash, )?instance_id,`)
	locks      = regexp.MustCompile(`\b(FOR (UPDATE|SHARE)|SKIP LOCKED|nextval|SET instance_id|SET ([^W]+, )?organization_id =)\b`)
)

func TestStatementsCanBeDistributed(t *testing.T) {
	golden, err := os.ReadFile(plansFile)
	if err != nil {
		t.Fatal(err)
	}
	used := make([]bool, len(everywhere))
	counts := map[string]*[4]int{}
	for query := range plansOf(string(golden)) {
		if found := locks.FindString(query); found != "" {
			t.Errorf("%q in %s", found, query)
		}
		k := slices.IndexFunc(everywhere, func(start string) bool { return strings.HasPrefix(query, start) })
		if k >= 0 {
			used[k] = true
		} else if !ofInstance.MatchString(query) {
			t.Errorf("of which instance? %s", query)
		}
		table := lowercase.ReplaceAllString(firstTable.FindString(query), "")
		if counts[table] == nil {
			counts[table] = &[4]int{}
		}
		counts[table][spread(query, k >= 0)]++
	}
	for k, ok := range used {
		if !ok {
			t.Errorf("%q is no statement any more", everywhere[k])
		}
	}
	var table strings.Builder
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(&table, "| %s |", name)
		for _, n := range counts[name] {
			fmt.Fprintf(&table, " %s |", map[bool]string{true: "yes", false: "-"}[n > 0])
		}
		table.WriteString("\n")
	}
	page, err := os.ReadFile("../../docs/scale.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), table.String()) {
		t.Errorf("docs/scale.md does not have this table:\n%s", table.String())
	}
}

var (
	firstTable     = regexp.MustCompile(`(FROM|INTO|UPDATE) [a-z_]+`)
	lowercase      = regexp.MustCompile(`[A-Z]+ `)
	ofOrganization = regexp.MustCompile(`organization_id = \$\d|INTO \w+ \([^)]*organization_id|(FROM|INTO|UPDATE) organizations\b.*\bid = \$\d|INTO organizations`)
	ofUser         = regexp.MustCompile(`user_id = \$\d|(FROM|UPDATE) users\b.*\bid = \$\d|INTO users`)
)

// spread tells where the rows of a statement are: with one organization, with one
// user, with one instance, anywhere.
func spread(query string, anywhere bool) int {
	switch {
	case anywhere:
		return 3
	case ofOrganization.MatchString(query):
		return 0
	case ofUser.MatchString(query):
		return 1
	}
	return 2
}
