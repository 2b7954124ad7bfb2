package store_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/internal/invite"
	"usher/internal/store"
	"usher/internal/store/storetest"
)

func TestSQLite(t *testing.T) {
	statements := gatherer{}
	storetest.Run(t, func(t *testing.T, clock *storetest.Clock) (*store.DB, *sql.DB) {
		db, raw := openTemp(t, clock)
		statements.watch(t, db)
		return db, raw
	})
	checkPlans(t, statements)
}

// TestSQLiteReserved runs the same for the server of a file, which keeps what it
// read in memory.
func TestSQLiteReserved(t *testing.T) {
	storetest.Run(t, func(t *testing.T, clock *storetest.Clock) (*store.DB, *sql.DB) {
		db, raw := openTemp(t, clock)
		if err := db.Reserve(t.Context()); err != nil {
			t.Fatal(err)
		}
		return db, raw
	})
}

func openTemp(t *testing.T, clock *storetest.Clock) (*store.DB, *sql.DB) {
	path := filepath.Join(t.TempDir(), "usher ?#%.db")
	db := openFile(t, path, clock)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db, openRaw(t, path)
}

// openFile leaves it to the test to close the store.
func openFile(t *testing.T, path string, clock *storetest.Clock) *store.DB {
	t.Helper()
	return openOptions(t, options(t, path, clock))
}

func openOptions(t *testing.T, opts store.Options) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func options(t *testing.T, path string, clock *storetest.Clock) store.Options {
	t.Helper()
	keys, err := invite.NewKeyring(bytes.Repeat([]byte{1}, invite.MinMasterKey))
	if err != nil {
		t.Fatal(err)
	}
	event := func(data any, _ invite.Instant) (json.RawMessage, error) { return json.Marshal(data) }
	return store.Options{NewSigningKey: storetest.NewSigningKey, Path: path, Now: clock.Now, Keys: keys, Event: event}
}

// openRaw opens the file once more, to look and not to touch.
func openRaw(t *testing.T, path string) *sql.DB {
	t.Helper()
	raw, err := sql.Open("sqlite", store.DSN(path, "_pragma=query_only(1)"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := raw.Close(); err != nil {
			t.Error(err)
		}
	})
	return raw
}

func TestTheLogGoesOnAfterARestartWithTheClockSetBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "usher.db")
	for _, forget := range []bool{false, true} {
		clock := storetest.NewClock()
		db := openFile(t, path, clock)
		in, _, err := db.CreateInstance(t.Context(), invite.Instance{Environment: invite.Test}, "")
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for range 2 {
			if _, err := db.CreateOrganization(t.Context(), in, invite.NewOrganization{Name: "Acme"}); err != nil {
				t.Fatal(err)
			}
			list, _, err := db.Events(t.Context(), in, store.EventFilter{Limit: 10})
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, list[len(list)-1].ID)
			clock.Add(-time.Hour)
			if forget {
				if _, err := db.ForgetEvents(t.Context(), -day, 10); err != nil {
					t.Fatal(err)
				}
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			db = openFile(t, path, clock)
		}
		if ids[1] <= ids[0] {
			t.Errorf("forgotten %v: the log goes on with %s, which is not after %s", forget, ids[1], ids[0])
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

const day = 24 * time.Hour

func TestWhatWasAnsweredIsThereAfterReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "usher.db")
	var first *store.DB
	w := storetest.NewWorld(t, func(t *testing.T, clock *storetest.Clock) (*store.DB, *sql.DB) {
		first = openFile(t, path, clock)
		return first, openRaw(t, path)
	})
	if _, err := first.CreateInvitation(t.Context(), w.Instance, w.Org.ID, invite.NewInvitation{EmailAddress: "a@example.com", Role: "admin", ExpiresInDays: 1, Notify: true}); err != nil {
		t.Fatal(err)
	}
	before := storetest.Dump(t, w.Raw)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again := openFile(t, path, w.Clock)
	if diff := cmp.Diff(before, storetest.Dump(t, w.Raw)); diff != "" {
		t.Errorf("reopening changed the tables (-before +after):\n%s", diff)
	}
	if got, want := again.SchemaVersion(), first.SchemaVersion(); got != want {
		t.Errorf("got schema version %d, want %d", got, want)
	}
	storetest.Invariants(t, again, w.Raw)
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}
