package store_test

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"usher/internal/invite"
	"usher/internal/store"
	"usher/internal/store/storetest"
)

// TestNoByteOfTheErasedIsLeftInTheFile reads the files of the folder after a person was
// erased in it, while a server has it open.
func TestNoByteOfTheErasedIsLeftInTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "usher.db")
	w := storetest.NewWorld(t, func(t *testing.T, clock *storetest.Clock) (*store.DB, *sql.DB) {
		db := openFile(t, path, clock)
		if err := db.Reserve(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		return db, openRaw(t, path)
	})
	storetest.NewGrace(w)
	operator := openFile(t, path, w.Clock)
	email, _ := invite.ParseEmail("grace@example.com")
	if _, err := operator.Erase(t.Context(), w.Instance, email, false); err != nil {
		t.Fatal(err)
	}
	if found := lookInto(t, path); len(found) == 0 {
		t.Error("nothing is left before the file is compacted, so that nothing is tried here")
	}
	if err := operator.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, found := range lookInto(t, path) {
		t.Errorf("there still is %s", found)
	}
	if err := operator.Close(); err != nil {
		t.Error(err)
	}
	w.Clock.Add(time.Millisecond)
	if _, err := w.DB.CreateOrganization(t.Context(), w.Instance, invite.NewOrganization{Name: "Afterwards"}); err != nil {
		t.Errorf("the server that was running meanwhile: %v", err)
	}
	storetest.Invariants(t, w.DB, w.Raw)
}

// TestAFileThatIsReadIsNotCompacted has somebody else read the file all the while.
func TestAFileThatIsReadIsNotCompacted(t *testing.T) {
	t.Parallel() // it waits as long as a write would
	path := filepath.Join(t.TempDir(), "usher.db")
	w := storetest.NewWorld(t, func(t *testing.T, clock *storetest.Clock) (*store.DB, *sql.DB) {
		db := openFile(t, path, clock)
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		return db, openRaw(t, path)
	})
	reader, err := w.Raw.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var users int
	if err := reader.QueryRowContext(t.Context(), `SELECT count(*) FROM users`).Scan(&users); err != nil {
		t.Fatal(err)
	}
	w.Clock.Add(time.Millisecond)
	if _, err := w.DB.CreateOrganization(t.Context(), w.Instance, invite.NewOrganization{Name: "Meanwhile"}); err != nil {
		t.Fatal(err)
	}
	if err := w.DB.Compact(t.Context()); err == nil || !strings.Contains(err.Error(), "another program reads the file") {
		t.Errorf("got error %v, want one that says who is in the way", err)
	}
	if err := reader.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := w.DB.Compact(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// lookInto returns what a folder's files have of the person of NewGrace.
func lookInto(t *testing.T, path string) []string {
	t.Helper()
	files, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, trace := range storetest.TracesOfGrace {
			if bytes.Contains(bytes.ToLower(content), bytes.ToLower([]byte(trace))) {
				found = append(found, trace+" in "+filepath.Base(name))
			}
		}
	}
	return found
}

// A server of a file keeps what it has read, and notices when a command of an operator
// has changed it.
func TestWhatAnotherProcessWritesIsNoticed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "usher.db")
	w := storetest.NewWorld(t, func(t *testing.T, clock *storetest.Clock) (*store.DB, *sql.DB) {
		db := openFile(t, path, clock)
		if err := db.Reserve(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		return db, openRaw(t, path)
	})
	i, err := w.DB.CreateInvitation(t.Context(), w.Instance, w.Org.ID, invite.NewInvitation{
		EmailAddress: "bob@example.com", Role: invite.RoleMember, ExpiresInDays: 1, InviterID: w.Admin.ID,
	})
	if err != nil {
		t.Fatal(err)
	}
	inviter := func() string {
		t.Helper()
		got, err := w.DB.Invitation(t.Context(), w.Instance, w.Org.ID, i.ID)
		if err != nil {
			t.Fatal(err)
		}
		return got.Inviter.FirstName
	}
	inviter()
	operator := openFile(t, path, w.Clock)
	if _, err := operator.UpdateUser(t.Context(), w.Instance, w.Admin.ID, invite.UserChange{FirstName: new("Ada")}); err != nil {
		t.Fatal(err)
	}
	if err := operator.Close(); err != nil {
		t.Error(err)
	}
	if inviter() == "Ada" {
		t.Fatal("nothing is kept in memory, so that nothing is tried here")
	}
	if err := w.DB.Notice(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := inviter(); got != "Ada" {
		t.Errorf("the inviter is still called %q", got)
	}
}
