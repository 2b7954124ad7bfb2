package main

import (
	"path/filepath"
	"testing"
)

func TestMultiplyCopiesTheNewestRow(t *testing.T) {
	data := t.TempDir()
	db, err := openSeeding(data)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range []string{
		`CREATE TABLE invitations (id TEXT PRIMARY KEY, organization_id TEXT, email_address TEXT, email_key TEXT, status INTEGER)`,
		`INSERT INTO invitations VALUES ('orginv_1', 'org_1', 'old', 'old', 4), ('orginv_2', 'org_2', 'new', 'new', 7)`,
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := seedInvitations(t.Context(), db, 20, 30, "n / 10"); err != nil {
		t.Fatal(err)
	}
	var copies, organizations int
	var least string
	if err := db.QueryRowContext(t.Context(), `
		SELECT count(*), count(DISTINCT organization_id), min(organization_id)
		FROM invitations
		WHERE status = 7 AND id LIKE 'orginv_0%' AND email_key = email_address AND email_key LIKE 'seeded%'`,
	).Scan(&copies, &organizations, &least); err != nil {
		t.Fatal(err)
	}
	if copies != 30 || organizations != 3 || least != organizationID(2) {
		t.Errorf("%d copies in %d organizations from %s, want 30 in 3 from %s", copies, organizations, least, organizationID(2))
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "copy")
	if err := copyDatabase(data, to); err != nil {
		t.Fatal(err)
	}
	copied, err := openSeeding(to)
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	newest, err := newestRow(t.Context(), copied, "invitations")
	if err != nil || newest.values[0] != "orginv_2" {
		t.Errorf("newest row of the copy: %v, %v", newest, err)
	}
}
