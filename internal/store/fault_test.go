package store_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"usher/internal/store"
	"usher/internal/store/faultsql"
	"usher/internal/store/storetest"
)

// TestFaultsSQLite makes every call of the database fail that an operation makes.
func TestFaultsSQLite(t *testing.T) {
	faults, err := faultsql.Register("sqlite with faults", "sqlite")
	if err != nil {
		t.Fatal(err)
	}
	first := filepath.Join(t.TempDir(), "first.db")
	storetest.RunFaults(t, storetest.Breakable{
		Faults:  faults,
		Besides: []string{"Statements", "Waiting", "WithoutSavepoint", "Write"},
		First: func(t *testing.T, clock *storetest.Clock) (*store.DB, *sql.DB) {
			return openFile(t, first, clock), openRaw(t, first)
		},
		Copy: func(t *testing.T, clock *storetest.Clock) (*store.DB, *sql.DB, func() *store.DB) {
			path := filepath.Join(t.TempDir(), "usher.db")
			copyFile(t, first, path)
			db := openOptions(t, options(t, path, clock).WithDriver("sqlite with faults"))
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
