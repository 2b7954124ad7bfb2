package store_test

import (
	"database/sql"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"usher/internal/store"
	"usher/internal/store/storetest"
)

var update = flag.Bool("update", false, "rewrite testdata/plans.txt")

// plansFile has every statement that the store's suite makes it run, with what the
// engine does for it.
const plansFile = "testdata/plans.txt"

// checkPlans compares the plans of the statements with those in plansFile. It has
// to know all statements unless a part of the suite was selected.
func checkPlans(t *testing.T, statements map[string]bool) {
	path := filepath.Join(t.TempDir(), "usher.db")
	defer openFile(t, path, storetest.NewClock()).Close()
	raw := openRaw(t, path)
	got := make(map[string]string)
	for query := range statements {
		if text := oneLine(query); !transaction.MatchString(text) {
			got[text] = planOf(t, raw, query)
		}
	}
	if *update {
		if err := os.WriteFile(plansFile, []byte(plansText(got)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(plansFile)
	if err != nil {
		t.Fatal(err)
	}
	want := plansOf(string(golden))
	if selected := flag.Lookup("test.run").Value.String(); selected != "" {
		for query := range want {
			if _, ran := got[query]; !ran {
				delete(want, query)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("if the change is meant: go test ./internal/store -update\n(-want +got):\n%s", diff)
	}
	for query, plan := range got {
		for column, index := range limited {
			if column.MatchString(query) && !strings.Contains(plan, index) {
				t.Errorf("who has a name of their own is not found by %s:\n%s\n%s", index, query, plan)
			}
		}
		for step := range strings.SplitSeq(plan, "\n") {
			if scans.MatchString(step) && !mayScan.MatchString(query) {
				t.Errorf("a table is read from end to end: %s\n%s", step, query)
			}
		}
	}
}

var (
	transaction = regexp.MustCompile(`^(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|SELECT 1$)`)
	scans       = regexp.MustCompile(`^\s*SCAN [a-z_]+( USING [A-Z ]*INDEX \w+)?$`)
	// An operator's statements and those of the workers meet a few rows in all,
	// since there are as many instances and endpoints as applications; the first of
	// the jobs is the first of its index; and three subqueries have bounded rows.
	mayScan = regexp.MustCompile(`FROM instances|FROM outbox WHERE parked|UPDATE instances SET master_key` +
		`|FROM webhook_endpoints( WHERE status = \$1)?$|FROM (enrollment_jobs|deleted_organizations) ORDER BY .* LIMIT 1$|LIMIT 1\) AS other|LIMIT \$3\) AS waiting|AS page$`)
)

// limited are the columns whose index leaves out those without a value: a statement
// that does not say the same reads all users of an instance.
var limited = map[*regexp.Regexp]string{
	regexp.MustCompile(`(WHERE|AND) (u\.)?external_id (=|IN) `):  "users_by_external_id",
	regexp.MustCompile(`(WHERE|AND) (u\.)?username_key (=|IN) `): "users_by_username",
}

var blanks = regexp.MustCompile(`\s+`)

// oneLine returns a statement as the file has it: without what cannot be seen.
func oneLine(query string) string {
	return strings.ReplaceAll(strings.TrimSpace(blanks.ReplaceAllString(query, " ")), "\x1f", `\x1f`)
}

func plansText(plans map[string]string) string {
	var b strings.Builder
	for _, query := range slices.Sorted(maps.Keys(plans)) {
		b.WriteString(query + "\n")
		for step := range strings.SplitSeq(plans[query], "\n") {
			b.WriteString("\t" + step + "\n")
		}
	}
	return b.String()
}

// plansOf reads what plansText wrote.
func plansOf(text string) map[string]string {
	plans := make(map[string]string)
	query := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if step, ok := strings.CutPrefix(line, "\t"); ok {
			plans[query] = strings.TrimPrefix(plans[query]+"\n"+step, "\n")
			continue
		}
		query = line
	}
	return plans
}

// planOf returns the steps of a statement, those of a subquery indented below it.
func planOf(t *testing.T, db *sql.DB, query string) string {
	t.Helper()
	args := make([]any, params(query))
	for i := range args {
		args[i] = 1
	}
	rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	depth := map[int]int{}
	var steps []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		depth[id] = depth[parent] + 1
		steps = append(steps, strings.Repeat("  ", depth[parent])+detail)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(steps, "\n")
}

var numbered = regexp.MustCompile(`\$(\d+)`)

// params returns how many arguments a statement takes, some of which it may not use.
func params(query string) int {
	most := 0
	for _, m := range numbered.FindAllStringSubmatch(query, -1) {
		n, _ := strconv.Atoi(m[1]) // digits by the pattern
		most = max(most, n)
	}
	return most
}

// gatherer remembers the statements of the stores it watches.
type gatherer map[string]bool

func (g gatherer) watch(t *testing.T, db *store.DB) {
	t.Cleanup(func() {
		for _, query := range db.Statements() {
			g[query] = true
		}
	})
}
