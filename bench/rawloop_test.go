package main

import (
	"testing"
	"time"
)

func TestRawLoopWritesEveryRowOfACreate(t *testing.T) {
	data := t.TempDir()
	seeding, err := openSeeding(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		`CREATE TABLE organizations (instance_id TEXT, id TEXT, pending INTEGER, PRIMARY KEY (instance_id, id))`,
		`CREATE TABLE invitations (instance_id TEXT, organization_id TEXT, id TEXT PRIMARY KEY, email_address TEXT, email_key TEXT UNIQUE, role_id TEXT)`,
		`CREATE TABLE events (instance_id TEXT, organization_id TEXT, id TEXT PRIMARY KEY, data TEXT)`,
		`CREATE TABLE outbox (instance_id TEXT, organization_id TEXT, bucket INTEGER, id TEXT PRIMARY KEY, subject_id TEXT)`,
		`INSERT INTO organizations VALUES ('ins_1', '` + organizationID(0) + `', 1), ('ins_1', '` + organizationID(1) + `', 0)`,
		`INSERT INTO invitations VALUES ('ins_1', 'org_1', 'orginv_1', 'a', 'a', 'role_1')`,
		`INSERT INTO events VALUES ('ins_1', 'org_1', 'msg_1', '{}')`,
		`INSERT INTO outbox VALUES ('ins_1', 'org_1', 0, 'ema_1', 'orginv_1')`,
	} {
		if _, err := seeding.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := seeding.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := openRawLoop(t.Context(), data, 2)
	if err != nil {
		t.Fatal(err)
	}
	r, err := l.run(t.Context(), time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	var synchronous int
	if err := l.conn.QueryRowContext(t.Context(), `PRAGMA synchronous`).Scan(&synchronous); err != nil || synchronous != 2 {
		t.Errorf("synchronous = %d, %v, want 2 (FULL)", synchronous, err)
	}
	if err := l.close(); err != nil {
		t.Fatal(err)
	}

	db, err := openSeeding(data)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	want := int(r.latency.total) + 1
	if want%rawBatch != 1 {
		t.Errorf("%d creates are no whole batches", want-1)
	}
	for query, want := range map[string]int{
		`SELECT count(*) FROM invitations WHERE role_id = 'role_1'`:                                     want,
		`SELECT count(*) FROM events WHERE data = '{}'`:                                                 want,
		`SELECT count(DISTINCT subject_id) FROM outbox JOIN invitations i ON i.id = subject_id`:         want,
		`SELECT sum(pending) FROM organizations`:                                                        want,
		`SELECT count(DISTINCT organization_id) FROM invitations WHERE id LIKE 'orginv\_z%' ESCAPE '\'`: 2,
	} {
		var got int
		if err := db.QueryRowContext(t.Context(), query).Scan(&got); err != nil || got != want {
			t.Errorf("%s: got %d, %v, want %d", query, got, err, want)
		}
	}
}
