package store_test

import (
	"database/sql"
	"errors"
	"os/exec"
	"testing"

	"usher/internal/invite"
	"usher/internal/store"
	"usher/internal/store/postgrestest"
	"usher/internal/store/storetest"
)

// TestRecoveryToAMoment deletes an organization by mistake and goes back to the moment
// before, with the settings and programs that docs/operations.md names.
func TestRecoveryToAMoment(t *testing.T) {
	server, err := postgrestest.Start("archive_mode=on", "archive_command=mkdir -p ../archive && cp %p ../archive/%f")
	if errors.Is(err, exec.ErrNotFound) {
		postgrestest.URL(t) // skips, or fails where PostgreSQL is demanded
	}
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, server)
	w := storetest.NewWorld(t, func(t *testing.T, clock *storetest.Clock) (*store.DB, *sql.DB) {
		return openPostgres(t, server.URL, clock)
	})
	create := func(address string) {
		t.Helper()
		if _, err := w.DB.CreateInvitation(t.Context(), w.Instance, w.Org.ID, invite.NewInvitation{EmailAddress: address, Role: invite.RoleMember, ExpiresInDays: 1}); err != nil {
			t.Fatal(err)
		}
	}
	create("copied@example.com")
	if err := server.Copy(); err != nil {
		t.Fatal(err)
	}
	create("archived@example.com")
	if _, err := w.Raw.ExecContext(t.Context(), `SELECT pg_create_restore_point('before the mistake')`); err != nil {
		t.Fatal(err)
	}
	if _, err := w.DB.DeleteOrganization(t.Context(), w.Instance, w.Org.ID); err != nil {
		t.Fatal(err)
	}
	if err := server.Archive(t.Context()); err != nil {
		t.Fatal(err)
	}

	recovered, err := server.Recover(t.Context(), "before the mistake")
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, recovered)
	db, raw := openPostgres(t, recovered.URL, w.Clock)
	page, err := db.Invitations(t.Context(), w.Instance, w.Org.ID, store.InvitationFilter{Page: invite.Page{Limit: 10}})
	if err != nil {
		t.Fatal(err)
	}
	if page.Total != 2 {
		t.Errorf("there are %d invitations at that moment, want the one that was copied and the one that was archived", page.Total)
	}
	if _, err := db.CreateInvitation(t.Context(), w.Instance, w.Org.ID, invite.NewInvitation{EmailAddress: "afterwards@example.com", Role: invite.RoleMember, ExpiresInDays: 1}); err != nil {
		t.Errorf("writing afterwards: %v", err)
	}
	storetest.Invariants(t, db, raw)
}

func stop(t *testing.T, s *postgrestest.Server) {
	t.Helper()
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}
