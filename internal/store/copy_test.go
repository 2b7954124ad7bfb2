package store_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"usher/internal/invite"
	"usher/internal/store"
	"usher/internal/store/postgrestest"
	"usher/internal/store/storetest"
)

// engines are where a database of a test can be.
var engines = map[string]func(t *testing.T) store.Options{
	"SQLite": func(t *testing.T) store.Options {
		return store.Options{Path: filepath.Join(t.TempDir(), "usher ?#%.db")}
	},
	"PostgreSQL": func(t *testing.T) store.Options { return store.Options{Database: postgrestest.URL(t)} },
}

// everyWay runs f for each pair of engines.
func everyWay(t *testing.T, f func(t *testing.T, from, to store.Options)) {
	for source, from := range engines {
		for target, to := range engines {
			t.Run(source+" to "+target, func(t *testing.T) { f(t, from(t), to(t)) })
		}
	}
}

// openAt opens a database of a test, to work with and to look at; both are closed when
// the test ends.
func openAt(t *testing.T, at store.Options, clock *storetest.Clock) (*store.DB, *sql.DB) {
	t.Helper()
	if at.Database != "" {
		return openPostgres(t, at.Database, clock)
	}
	db := openFile(t, at.Path, clock)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db, openRaw(t, at.Path)
}

// manyRows is more than two portions.
const manyRows = 5000

// worldAt furnishes a database until there are rows in every table, and in one of them
// so many that it is copied in several portions.
func worldAt(t *testing.T, at store.Options) *storetest.World {
	t.Helper()
	w := storetest.NewWorld(t, func(t *testing.T, clock *storetest.Clock) (*store.DB, *sql.DB) { return openAt(t, at, clock) })
	storetest.Furnish(w)
	change(t, w, `
		WITH RECURSIVE n (k) AS (SELECT 10000 UNION ALL SELECT k + 1 FROM n WHERE k < 10000 + `+fmt.Sprint(manyRows)+`)
		INSERT INTO redirect_urls (instance_id, id, url, origin, created_at, updated_at)
		SELECT instance_id, 'ru_' || k, 'https://app.example/é/' || k, 'https://app.example', -k, 1 FROM n, instances`,
		`INSERT INTO deleted_organizations (instance_id, id, deleted_at) SELECT instance_id, 'org_gone', 1 FROM instances`,
		`INSERT INTO enrollment_jobs (instance_id, domain_id, step, kind, organization_id, reached) SELECT instance_id, 'd', 0, 'suggestion', 'o', '' FROM instances`,
	)
	return w
}

func change(t *testing.T, w *storetest.World, statements ...string) {
	t.Helper()
	if err := w.DB.Write(t.Context(), nil, statements...); err != nil {
		t.Fatal(err)
	}
}

// contents returns the rows of every table as text, and counts those of the schema's
// catalogue that have none.
func contents(t *testing.T, raw *sql.DB) (dump map[string]string, empty []string) {
	t.Helper()
	catalogue := `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name`
	if _, err := raw.ExecContext(t.Context(), catalogue); err != nil {
		catalogue = `SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace ORDER BY relname`
	}
	dump = make(map[string]string)
	for _, table := range storetest.Rows(t, raw, catalogue) {
		table = strings.Trim(table, "[]")
		if table == "schema_versions" || table == "unfinished_copies" {
			continue
		}
		rows := storetest.Rows(t, raw, `SELECT * FROM `+table)
		slices.Sort(rows)
		dump[table] = fmt.Sprintf("%d rows, %x", len(rows), sha256.Sum256([]byte(strings.Join(rows, "\n"))))
		if len(rows) == 0 {
			empty = append(empty, table)
		}
	}
	return dump, empty
}

// same compares all tables of two databases.
func same(t *testing.T, source, target *sql.DB) {
	t.Helper()
	want, empty := contents(t, source)
	if len(empty) > 0 || len(want) < 30 {
		t.Errorf("of %d tables %s have no rows, so that copying them is not tried", len(want), empty)
	}
	got, _ := contents(t, target)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tables (-source +target):\n%s", diff)
	}
}

func silent(store.CopyProgress) {}

func TestCopy(t *testing.T) { everyWay(t, copies) }

func copies(t *testing.T, from, to store.Options) {
	t.Helper()
	w := worldAt(t, from)
	want, _ := contents(t, w.Raw)
	var done []string
	copied, err := store.Copy(t.Context(), from, to, func(p store.CopyProgress) {
		if p.Step == store.Done {
			done = append(done, p.Table)
		}
		if p.Table == "events" && p.Step == store.Writing { // the source is served meanwhile
			change(t, w, `DELETE FROM roles`, `UPDATE users SET first_name = 'Later'`, `INSERT INTO keys (key_hash, instance_id, created_at) VALUES ('z', 'later', 1)`)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	db, raw := openAt(t, to, w.Clock)
	got, _ := contents(t, raw)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tables (-source at the beginning +target):\n%s", diff)
	}
	if copied.Tables != len(want) || len(done) != len(want) || copied.Rows < manyRows || copied.Kept != 0 {
		t.Errorf("got %+v and %d tables told of, want %d tables and nothing kept", copied, len(done), len(want))
	}
	w.Clock.Add(1)
	if _, err := db.CreateInvitation(t.Context(), w.Instance, w.Org.ID, invite.NewInvitation{EmailAddress: "afterwards@example.com", Role: invite.RoleMember, ExpiresInDays: 1}); err != nil {
		t.Errorf("writing to the copy: %v", err)
	}
	if _, err := db.SigningKeys(t.Context(), w.Instance); err != nil {
		t.Errorf("opening what is sealed: %v", err)
	}
}

// A copy is cut short in the middle of a table, the source changes, and copying goes on.
func TestCopyIsTakenUp(t *testing.T) {
	everyWay(t, func(t *testing.T, from, to store.Options) {
		w := worldAt(t, from)
		ctx, cut := context.WithCancel(t.Context())
		_, err := store.Copy(ctx, from, to, func(p store.CopyProgress) {
			if p.Table == "redirect_urls" && p.Step == store.Writing && p.Rows > 2*manyRows/3 {
				cut()
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("got error %v, want one that says that it was cut short", err)
		}
		opts := options(t, to.Path, w.Clock)
		opts.Database = to.Database
		if db, err := store.Open(t.Context(), opts); !errors.Is(err, store.ErrUnfinishedCopy) {
			t.Errorf("opening it: got %v and error %v, want %v", db, err, store.ErrUnfinishedCopy)
		}
		if _, err := store.Copy(t.Context(), to, engines["SQLite"](t), silent); !errors.Is(err, store.ErrUnfinishedCopy) {
			t.Errorf("copying it: got error %v, want %v", err, store.ErrUnfinishedCopy)
		}
		// One of the first portion takes what one of the second had; a table that was done
		// changes, and so does the end of one.
		change(t, w,
			`UPDATE redirect_urls SET url = 'x' WHERE id = 'ru_13000'`,
			`UPDATE redirect_urls SET url = 'https://app.example/é/13000' WHERE id = 'ru_10001'`,
			`DELETE FROM redirect_urls WHERE id > 'ru_14900'`,
			`UPDATE events SET data = '{}'`,
			`DELETE FROM attempts`, `INSERT INTO attempts (instance_id, event_id, endpoint_id, number, status_code, response, error, took, created_at) VALUES ('i', 'e', 'p', 9, 200, '', '', 1, 1)`,
		)
		copied, err := store.Copy(t.Context(), from, to, silent)
		if err != nil {
			t.Fatal(err)
		}
		_, raw := openAt(t, to, w.Clock)
		same(t, w.Raw, raw)
		if copied.Kept == 0 || copied.Kept >= copied.Rows-4000 {
			t.Errorf("%d of %d rows were there before, want those of tables that have not changed, and not those of portions that have", copied.Kept, copied.Rows)
		}
	})
}

func TestACopyThatDiffersIsNotFinished(t *testing.T) {
	everyWay(t, func(t *testing.T, from, to store.Options) {
		w := worldAt(t, from)
		_, err := store.Copy(t.Context(), from, to, func(p store.CopyProgress) {
			if p.Table != "redirect_urls" || p.Step != store.Writing || p.Rows < manyRows {
				return
			}
			meddler, source := "pgx", to.Database
			if source == "" {
				meddler, source = "sqlite", store.DSN(to.Path, "")
			}
			raw, err := sql.Open(meddler, source)
			if err != nil {
				t.Fatal(err)
			}
			defer raw.Close()
			if _, err := raw.ExecContext(t.Context(), `UPDATE redirect_urls SET url = 'https://app.example/e/12345' WHERE id = 'ru_12345'`); err != nil {
				t.Fatal(err)
			}
		})
		if err == nil || !strings.Contains(err.Error(), "copying redirect_urls: the source has ") {
			t.Errorf("got error %v, want one that says what differs", err)
		}
		if _, err := store.Copy(t.Context(), from, to, silent); err != nil {
			t.Errorf("copying again: %v", err)
		}
		_, raw := openAt(t, to, w.Clock)
		same(t, w.Raw, raw)
	})
}

// Once its lock is lost a server may have written to the target.
func TestACopyThatLosesItsLockIsNotFinished(t *testing.T) {
	from, to := engines["SQLite"](t), engines["PostgreSQL"](t)
	w := worldAt(t, from)
	_, raw := openAt(t, engines["PostgreSQL"](t), w.Clock)
	_, err := store.Copy(t.Context(), from, to, func(p store.CopyProgress) {
		if p.Table != "redirect_urls" || p.Step != store.Done {
			return
		}
		if _, err := raw.ExecContext(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()`); err != nil {
			t.Fatal(err)
		}
	})
	if err == nil || !strings.Contains(err.Error(), "finishing the copy: ") {
		t.Errorf("got error %v, want that the copy is not finished", err)
	}
	opts := options(t, "", w.Clock)
	opts.Database = to.Database
	if db, err := store.Open(t.Context(), opts); !errors.Is(err, store.ErrUnfinishedCopy) {
		t.Errorf("opening it: got %v and error %v, want %v", db, err, store.ErrUnfinishedCopy)
	}
}

func TestCopyRefuses(t *testing.T) {
	for name, engine := range engines {
		t.Run(name, func(t *testing.T) {
			from, to := engine(t), engine(t)
			w := worldAt(t, from)
			other := engine(t)
			storetest.NewWorld(t, func(t *testing.T, clock *storetest.Clock) (*store.DB, *sql.DB) { return openAt(t, other, clock) })
			keys, err := invite.NewKeyring(bytes.Repeat([]byte{2}, invite.MinMasterKey))
			if err != nil {
				t.Fatal(err)
			}
			strange := from
			strange.Keys = keys
			for what, c := range map[string]struct {
				from, to store.Options
				want     string
			}{
				"a target with other data":    {from, other, store.ErrHoldsData.Error()},
				"a source copied onto itself": {from, from, store.ErrHoldsData.Error()},
				"another master key":          {strange, to, store.ErrOtherMasterKey.Error()},
				"no source":                   {store.Options{Path: filepath.Join(t.TempDir(), "usher.db")}, to, "no such file"},
				"a strange source":            {engine(t), to, ""},
			} {
				if what == "a strange source" && name == "SQLite" {
					continue // which is no source
				}
				if _, err := store.Copy(t.Context(), c.from, c.to, silent); err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%s: got error %v, want %q", what, err, c.want)
				}
			}
			same(t, w.Raw, w.Raw)

			// A server writes to the target.
			db, _ := openAt(t, to, w.Clock)
			serving := func() {
				if _, err := store.Copy(t.Context(), from, to, silent); err == nil || !strings.Contains(err.Error(), "the target: a") {
					t.Errorf("under a server: got error %v, want a refusal", err)
				}
			}
			if to.Database != "" {
				if err := db.Write(t.Context(), func() error { serving(); return nil }); err != nil {
					t.Fatal(err)
				}
				return
			}
			if err := db.Reserve(t.Context()); err != nil {
				t.Fatal(err)
			}
			serving()
		})
	}
}
