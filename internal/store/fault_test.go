//go:build !race

// Nothing here is about memory that goroutines share, and under the race detector it
// would take minutes.

package store_test

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"usher/internal/invite"
	"usher/internal/store"
	"usher/internal/store/faultsql"
	"usher/internal/store/postgrestest"
	"usher/internal/store/storetest"
)

// faulty registers a driver of its own for a test, and returns its faults and its name.
func faulty(t *testing.T) (faults *faultsql.Faults, driver string) {
	t.Helper()
	driver = fmt.Sprint("sqlite with faults ", drivers.Add(1))
	faults, err := faultsql.Register(driver, "sqlite")
	if err != nil {
		t.Fatal(err)
	}
	return faults, driver
}

var drivers atomic.Int32

// TestFaultsSQLite makes every call of the database fail that an operation makes.
func TestFaultsSQLite(t *testing.T) {
	faults, driver := faulty(t)
	first := filepath.Join(t.TempDir(), "first.db")
	storetest.RunFaults(t, storetest.Breakable{
		Faults:  faults,
		Besides: besides,
		Tables:  `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name <> 'schema_versions' ORDER BY name`,
		Told:    faultsql.Err,
		First: func(t *testing.T, clock *storetest.Clock) (*store.DB, *sql.DB) {
			return openFile(t, first, clock), openRaw(t, first)
		},
		Copy: func(t *testing.T, clock *storetest.Clock) (*store.DB, *sql.DB, func() *store.DB) {
			path := filepath.Join(t.TempDir(), "usher.db")
			copyFile(t, first, path)
			db := openOptions(t, options(t, path, clock).WithDriver(driver))
			closing(t, db)
			if err := db.Reserve(t.Context()); err != nil {
				t.Fatal(err)
			}
			raw := openRaw(t, path)
			raw.SetMaxOpenConns(1) // whose version is its own
			return db, raw, func() *store.DB {
				again := openFile(t, path, clock)
				closing(t, again)
				return again
			}
		},
		Stamp: func(t *testing.T, raw *sql.DB) (stamp string) {
			if err := raw.QueryRowContext(t.Context(), `PRAGMA data_version`).Scan(&stamp); err != nil {
				t.Fatal(err)
			}
			return stamp
		},
	})
}

// besides are methods that export_test.go adds.
var besides = []string{"Setting", "Statements", "Together", "Unanswered", "Waiting", "WithoutSavepoint", "Write"}

// TestFaultsPostgres breaks the connection off at every call that an operation makes,
// before it takes effect and after. USHER_FAULTS=all takes every operation, which takes
// half an hour, else there are a few.
func TestFaultsPostgres(t *testing.T) {
	only := []string{"CreateInvitation", "RevokeInvitation", "Delivered", "InvitationMail", "Once", "Invitations"}
	if os.Getenv("USHER_FAULTS") == "all" {
		only = nil
	}
	faults, url := new(faultsql.Faults), postgrestest.URL(t)
	var raw *sql.DB
	var before []*store.DB // their connections would become too many
	open := func(t *testing.T, clock *storetest.Clock, wrap func(driver.Connector) driver.Connector) *store.DB {
		opts := options(t, "", clock)
		opts.Database = url
		db := openOptions(t, opts.WithConnector(wrap, 2))
		before = append(before, db)
		return db
	}
	var tables []string
	storetest.RunFaults(t, storetest.Breakable{
		Faults:  faults,
		Besides: besides,
		Tables:  `SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename <> 'schema_versions' ORDER BY 1`,
		Told:    invite.Err(invite.Unavailable),
		Asked:   true,
		Only:    only,
		First: func(t *testing.T, clock *storetest.Clock) (*store.DB, *sql.DB) {
			var db *store.DB
			db, raw = openPostgres(t, url, clock)
			return db, raw
		},
		Copy: func(t *testing.T, clock *storetest.Clock) (*store.DB, *sql.DB, func() *store.DB) {
			for _, db := range before {
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
			}
			before = nil
			if tables == nil {
				tables = keepTables(t, raw)
			}
			restoreTables(t, raw, tables)
			db := open(t, clock, faults.Connector)
			if err := db.Reserve(t.Context()); err != nil {
				t.Fatal(err)
			}
			return db, raw, func() *store.DB { return open(t, clock, nil) }
		},
		Stamp: func(t *testing.T, raw *sql.DB) (stamp string) { // a transaction that was taken back changes it too
			if err := raw.QueryRowContext(t.Context(), `SELECT pg_snapshot_xmax(pg_current_snapshot())::text`).Scan(&stamp); err != nil {
				t.Fatal(err)
			}
			return stamp
		},
	})
}

// TestFaultsInABatch makes every call fail that a batch of operations makes, of which
// one is refused: each caller is told the truth, and an error where it is not known.
func TestFaultsInABatch(t *testing.T) {
	faults, driver := faulty(t)
	w := storetest.NewWorld(t, func(t *testing.T, clock *storetest.Clock) (*store.DB, *sql.DB) {
		path := filepath.Join(t.TempDir(), "usher.db")
		db := openOptions(t, options(t, path, clock).WithDriver(driver))
		closing(t, db)
		return db, openRaw(t, path)
	})
	const together = 4
	batch := func(addresses []string, arm func()) []error {
		t.Helper()
		release, told := holdWriter(t, w.DB), make([]error, together)
		var wg sync.WaitGroup
		for k, address := range addresses {
			wg.Go(func() {
				_, told[k] = w.DB.CreateInvitation(t.Context(), w.Instance, w.Org.ID, asking(address))
			})
		}
		for w.DB.Waiting() < together {
			runtime.Gosched()
		}
		arm()
		release()
		wg.Wait()
		return told
	}
	for _, after := range []bool{false, true} {
		for n, done := 0, false; !done; n++ {
			addresses := []string{"ada@example.com"} // who is a member
			for k := range together - 1 {
				addresses = append(addresses, fmt.Sprintf("b%d-%d-%v@example.com", n, k, after))
			}
			calls := 0
			told := batch(addresses, func() {
				faults.Arm(after, func(faultsql.Call) bool {
					calls++
					return calls == n+1
				})
			})
			hit := faults.Disarm()
			done = hit == nil
			for k, address := range addresses {
				page, err := w.DB.Invitations(t.Context(), w.Instance, w.Org.ID, store.InvitationFilter{EmailAddress: address, Page: invite.Page{Limit: 1}})
				if err != nil {
					t.Fatal(err)
				}
				made, refused := page.Total == 1, errors.Is(told[k], invite.Err(invite.AlreadyMember))
				switch {
				case k == 0 && (refused || errors.Is(told[k], faultsql.Err)) && !made:
				case k > 0 && told[k] == nil && made:
				case k > 0 && errors.Is(told[k], faultsql.Err) && (!made || after && hit.Commits()):
				default:
					t.Errorf("%+v fails, after its effect %v: %s was told %v, and the invitation is there: %v", hit, after, address, told[k], made)
				}
			}
		}
	}
	storetest.Invariants(t, w.DB, w.Raw)
}

// TestFaultsAtStart makes every call fail that opening a store makes, an empty one and
// one that was used: the error is told, or the call made again, and the next start
// finds all in order.
func TestFaultsAtStart(t *testing.T) {
	clock := storetest.NewClock()
	used := filepath.Join(t.TempDir(), "used.db")
	before := openFile(t, used, clock)
	in, _, err := before.CreateInstance(t.Context(), invite.Instance{Environment: invite.Test, Name: "App"}, "")
	if err := errors.Join(err, before.Close()); err != nil {
		t.Fatal(err)
	}
	for _, after := range []bool{false, true} {
		for _, empty := range []bool{true, false} {
			t.Run(fmt.Sprintf("empty %v, after the effect %v", empty, after), func(t *testing.T) {
				t.Parallel() // goose waits before it tries again
				faults, driver := faulty(t)
				for n, done := 1, false; !done; n++ {
					path, calls := filepath.Join(t.TempDir(), "usher.db"), 0
					if !empty {
						copyFile(t, used, path)
					}
					faults.Arm(after, func(faultsql.Call) bool { calls++; return calls == n })
					db, err := store.Open(t.Context(), options(t, path, clock).WithDriver(driver))
					hit := faults.Disarm()
					if done = hit == nil; done && err != nil {
						t.Errorf("without a fault: %v", err)
					}
					if err == nil { // also where it was tried again
						_, err := db.Instances(t.Context())
						if err := errors.Join(err, db.Close()); err != nil {
							t.Errorf("%+v fails, and nobody says so: %v", hit, err)
						}
					}
					again := openFile(t, path, clock)
					if list, err := again.Instances(t.Context()); err != nil || !empty && (len(list) != 1 || list[0].ID != in.ID) {
						t.Errorf("%+v fails: then there are the instances %v, %v", hit, list, err)
					}
					if err := again.Close(); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
}

// keepTables keeps a copy of each table of a schema and returns their names.
func keepTables(t *testing.T, raw *sql.DB) (tables []string) {
	t.Helper()
	found, err := raw.QueryContext(t.Context(), `SELECT tablename FROM pg_tables WHERE schemaname = current_schema()`)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	for found.Next() {
		var table string
		if err := found.Scan(&table); err != nil {
			t.Fatal(err)
		}
		tables = append(tables, table)
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		if _, err := raw.ExecContext(t.Context(), `CREATE TABLE kept_`+table+` AS TABLE `+table); err != nil {
			t.Fatal(err)
		}
	}
	return tables
}

// restoreTables makes the tables as they were when they were kept.
func restoreTables(t *testing.T, raw *sql.DB, tables []string) {
	t.Helper()
	var script strings.Builder
	for _, table := range tables {
		fmt.Fprintf(&script, "DELETE FROM %[1]s; INSERT INTO %[1]s SELECT * FROM kept_%[1]s;", table)
	}
	if _, err := raw.ExecContext(t.Context(), script.String()); err != nil {
		t.Fatal(err)
	}
}

func closing(t *testing.T, db *store.DB) {
	t.Helper()
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
}

// copyFile copies a database with what its log holds.
func copyFile(t *testing.T, from, to string) {
	t.Helper()
	for _, part := range []string{"", "-wal"} {
		content, err := os.ReadFile(from + part)
		if err == nil {
			err = os.WriteFile(to+part, content, 0o600)
		}
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
}
