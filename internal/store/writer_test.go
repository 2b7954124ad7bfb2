package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"usher/internal/invite"
	"usher/internal/store"
	"usher/internal/store/storetest"
)

func asking(address string) invite.NewInvitation {
	return invite.NewInvitation{EmailAddress: address, Role: invite.RoleMember, ExpiresInDays: 30, Notify: true}
}

// holdWriter occupies the writer until release is called, so that what is
// started meanwhile becomes one batch.
func holdWriter(t *testing.T, db *store.DB) (release func()) {
	t.Helper()
	held, gate := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := db.Write(context.WithoutCancel(t.Context()), func() error { close(held); <-gate; return nil }); err != nil {
			t.Errorf("holding the writer: %v", err)
		}
	})
	<-held
	return func() { close(gate); wg.Wait() }
}

func TestAPanicReachesItsCallerAndNobodyElse(t *testing.T) {
	w := storetest.NewWorld(t, openTemp)
	release := holdWriter(t, w.DB)
	var wg sync.WaitGroup
	for k := range 20 {
		wg.Go(func() {
			if k == 7 {
				err := w.DB.Write(t.Context(), func() error { panic("boom") }, `UPDATE users SET first_name = 'half'`)
				if err == nil || !strings.Contains(err.Error(), "boom") || !strings.Contains(err.Error(), "writer_test.go") {
					t.Errorf("the panicking operation returned %v, want boom and where it was", err)
				}
				return
			}
			if _, err := w.DB.CreateInvitation(t.Context(), w.Instance, w.Org.ID, asking(fmt.Sprintf("u%d@example.com", k))); err != nil {
				t.Errorf("operation %d: %v", k, err)
			}
		})
	}
	release()
	wg.Wait()
	if u, err := w.DB.User(t.Context(), w.Instance, w.Admin.ID); err != nil || u.FirstName != "" {
		t.Errorf("what the panicking operation wrote is there: %q, %v", u.FirstName, err)
	}
	if o, err := w.DB.Organization(t.Context(), w.Instance, w.Org.ID); err != nil || o.Pending != 19 {
		t.Errorf("got %d pending invitations, %v; want 19", o.Pending, err)
	}
	storetest.Invariants(t, w.DB, w.Raw)
}

func TestAnEngineErrorStaysWithItsOperation(t *testing.T) {
	w := storetest.NewWorld(t, openTemp)
	for _, bad := range []string{
		`INSERT INTO instances (instance_id) VALUES (NULL)`,      // fails as a statement
		`INSERT OR ROLLBACK INTO instances (name) VALUES (NULL)`, // takes the whole transaction with it
		`no SQL at all`,
	} {
		release := holdWriter(t, w.DB)
		var wg sync.WaitGroup
		for k := range 20 {
			wg.Go(func() {
				if k == 7 {
					if err := w.DB.Write(t.Context(), nil, `UPDATE users SET first_name = 'half'`, bad); err == nil {
						t.Errorf("%s: got no error", bad)
					}
					return
				}
				if _, err := w.DB.CreateInvitation(t.Context(), w.Instance, w.Org.ID, asking(fmt.Sprintf("u%d-%d@example.com", len(bad), k))); err != nil {
					t.Errorf("%s: beside it: %v", bad, err)
				}
			})
		}
		release()
		wg.Wait()
	}
	if u, err := w.DB.User(t.Context(), w.Instance, w.Admin.ID); err != nil || u.FirstName != "" {
		t.Errorf("what the failed operation wrote is there: %q, %v", u.FirstName, err)
	}
	if o, err := w.DB.Organization(t.Context(), w.Instance, w.Org.ID); err != nil || o.Pending != 57 {
		t.Errorf("got %d pending invitations, %v; want 57", o.Pending, err)
	}
	storetest.Invariants(t, w.DB, w.Raw)
}

func TestACancelledOperationIsNotCarriedOut(t *testing.T) {
	w := storetest.NewWorld(t, openTemp)
	before := storetest.Dump(t, w.Raw)
	release := holdWriter(t, w.DB)
	gone := errors.New("the client went away")
	ctx, cancel := context.WithCancelCause(t.Context())
	outcome := make(chan error)
	go func() {
		_, err := w.DB.CreateInvitation(ctx, w.Instance, w.Org.ID, asking("a@example.com"))
		outcome <- err
	}()
	cancel(gone)
	release()
	if err := <-outcome; !errors.Is(err, gone) {
		t.Errorf("got %v, want the cause of the cancellation", err)
	}
	if after := storetest.Dump(t, w.Raw); len(after["invitations"]) != len(before["invitations"]) {
		t.Error("it was carried out")
	}
}

func TestCloseCarriesOutWhatIsQueued(t *testing.T) {
	path := filepath.Join(t.TempDir(), "usher.db")
	w := storetest.NewWorld(t, func(t *testing.T, clock *storetest.Clock) (*store.DB, *sql.DB) {
		return openFile(t, path, clock), openRaw(t, path)
	})
	release := holdWriter(t, w.DB)
	const queued = 50
	var wg sync.WaitGroup
	for k := range queued {
		wg.Go(func() {
			if _, err := w.DB.CreateInvitation(t.Context(), w.Instance, w.Org.ID, asking(fmt.Sprintf("u%d@example.com", k))); err != nil {
				t.Errorf("queued before Close: %v", err)
			}
		})
	}
	for w.DB.Waiting() < queued {
		runtime.Gosched()
	}
	closed := make(chan error)
	go func() { closed <- w.DB.Close() }()
	release()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	wg.Wait()
	if found := len(storetest.Dump(t, w.Raw)["invitations"]); found != queued {
		t.Errorf("%d invitations are there, want %d", found, queued)
	}
}

// TestCloseAnswersTruly closes while operations arrive: whoever was told of
// success finds the invitation, whoever was told of an error does not.
func TestCloseAnswersTruly(t *testing.T) {
	for round := range 20 {
		path := filepath.Join(t.TempDir(), "usher.db")
		w := storetest.NewWorld(t, func(t *testing.T, clock *storetest.Clock) (*store.DB, *sql.DB) {
			return openFile(t, path, clock), openRaw(t, path)
		})
		release := holdWriter(t, w.DB)
		var mu sync.Mutex
		made := 0
		var wg sync.WaitGroup
		for k := range 50 {
			wg.Go(func() {
				if _, err := w.DB.CreateInvitation(t.Context(), w.Instance, w.Org.ID, asking(fmt.Sprintf("u%d@example.com", k))); err == nil {
					mu.Lock()
					made++
					mu.Unlock()
				}
			})
		}
		closed := make(chan error)
		go func() { closed <- w.DB.Close() }()
		release()
		if err := <-closed; err != nil {
			t.Error(err)
		}
		wg.Wait()
		if found := len(storetest.Dump(t, w.Raw)["invitations"]); found != made {
			t.Errorf("round %d: %d callers were told of success, %d invitations are there", round, made, found)
		}
	}
}

func TestAFullDiskLosesNothing(t *testing.T) {
	w := storetest.NewWorld(t, openTemp)
	if err := w.DB.WithoutSavepoint(t.Context(), `PRAGMA max_page_count = 1`); err != nil { // the present size is the least
		t.Fatal(err)
	}
	made, full := 0, false
	for k := range 2000 {
		_, err := w.DB.CreateInvitation(t.Context(), w.Instance, w.Org.ID, asking(fmt.Sprintf("u%d@example.com", k)))
		if err == nil {
			made++
			continue
		}
		if full = true; !errors.Is(err, invite.Err(invite.Unavailable)) {
			t.Errorf("on a full disk: got %v, want %s", err, invite.Unavailable)
		}
		break
	}
	if !full {
		t.Fatal("the disk never was full")
	}
	if o, err := w.DB.Organization(t.Context(), w.Instance, w.Org.ID); err != nil || o.Pending != made {
		t.Errorf("reading on a full disk: got %d pending invitations, %v; want %d", o.Pending, err, made)
	}
	if err := w.DB.WithoutSavepoint(t.Context(), `PRAGMA max_page_count = 1000000`); err != nil {
		t.Fatal(err)
	}
	if _, err := w.DB.CreateInvitation(t.Context(), w.Instance, w.Org.ID, asking("space@example.com")); err != nil {
		t.Errorf("with space again: %v", err)
	}
	storetest.Invariants(t, w.DB, w.Raw)
}

// TestAnotherProcessWriting holds the file's lock from a second connection.
func TestAnotherProcessWriting(t *testing.T) {
	w := storetest.NewWorld(t, openTemp)
	other, err := w.Raw.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	run := func(statement string) {
		t.Helper()
		if _, err := other.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	invited := func(address string) error {
		_, err := w.DB.CreateInvitation(t.Context(), w.Instance, w.Org.ID, asking(address))
		return err
	}
	run(`PRAGMA query_only = 0`)
	run(`BEGIN IMMEDIATE`)
	outcome := make(chan error)
	go func() { outcome <- invited("waits@example.com") }()
	if _, err := w.DB.Organization(t.Context(), w.Instance, w.Org.ID); err != nil {
		t.Errorf("reading meanwhile: %v", err)
	}
	run(`ROLLBACK`)
	if err := <-outcome; err != nil {
		t.Errorf("waiting for the lock: %v", err)
	}

	if err := w.DB.WithoutSavepoint(t.Context(), `PRAGMA busy_timeout = 1`); err != nil {
		t.Fatal(err)
	}
	run(`BEGIN IMMEDIATE`)
	if err := invited("late@example.com"); !errors.Is(err, invite.Err(invite.Unavailable)) {
		t.Errorf("waiting longer than the patience: got %v, want %s", err, invite.Unavailable)
	}
	run(`ROLLBACK`)
	if err := invited("late@example.com"); err != nil {
		t.Errorf("after the lock was given back: %v", err)
	}
	storetest.Invariants(t, w.DB, w.Raw)
}

func TestOneProcessServesAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "usher.db")
	clock := storetest.NewClock()
	first, second := openFile(t, path, clock), openFile(t, path, clock)
	if err := first.Reserve(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := second.Reserve(t.Context()); !errors.Is(err, store.ErrReserved) {
		t.Errorf("got %v, want ErrReserved", err)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if err := second.Reserve(t.Context()); err != nil {
		t.Errorf("after the first has gone: %v", err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}
