package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"usher/internal/invite"
	"usher/internal/store"
	"usher/internal/store/postgrestest"
	"usher/internal/store/storetest"
)

// USHER_POOLER=all takes every test, which takes a minute, else there are some.
func TestPooler(t *testing.T) {
	t.Parallel()
	step := 4
	if os.Getenv("USHER_POOLER") == "all" {
		step = 1
	}
	storetest.Some(t, step, func(t *testing.T, clock *storetest.Clock) (*store.DB, *sql.DB) {
		return openPostgres(t, postgrestest.Pooled(t), clock)
	})
}

func TestPoolerConnectionsThatBreakOff(t *testing.T) {
	breakOff(t, openReplicasAt(t, postgrestest.Pooled(t)))
}

// Servers that start at once take turns to make the tables, though there are more of
// them than connections.
func TestPoolerManyServersStartAtOnce(t *testing.T) {
	url, clock := postgrestest.Pooled(t), storetest.NewClock()
	var all sync.WaitGroup
	for range postgrestest.PoolSize + 2 {
		all.Go(func() {
			opts := options(t, "", clock)
			opts.Database = url
			db, err := store.Open(t.Context(), opts)
			if err != nil {
				t.Error(err)
				return
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// What servers do through a pooler leaves nothing in its sessions, which are others' as
// well.
func TestPoolerSessionsStayAsTheyWere(t *testing.T) {
	url := postgrestest.Pooled(t)
	work(t, openReplicasAt(t, url))
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	seen := make(map[int]bool)
	for range postgrestest.PoolSize { // in transactions at once: each has another session
		c, err := pgx.ConnectConfig(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(context.WithoutCancel(t.Context()))
		tx, err := c.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var process, left int
		var settings string
		if err := tx.QueryRow(t.Context(), `
			SELECT pg_backend_pid(),
				(SELECT count(*) FROM pg_prepared_statements WHERE statement NOT LIKE '%pg_prepared_statements%') +
				(SELECT count(*) FROM pg_listening_channels()) +
				(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()),
				COALESCE((SELECT string_agg(name, ' ') FROM pg_settings WHERE source = 'session' AND name NOT IN ('application_name', 'client_encoding')), '')`).
			Scan(&process, &left, &settings); err != nil {
			t.Fatal(err)
		}
		if left != 0 || settings != "" {
			t.Errorf("a session has %d statements, channels and locks, and the settings %q", left, settings)
		}
		seen[process] = true
	}
	if len(seen) != postgrestest.PoolSize {
		t.Errorf("looked into %d sessions, want %d", len(seen), postgrestest.PoolSize)
	}
}

// work has both servers do something at once, in every session there is.
func work(t *testing.T, r *replicas) {
	t.Helper()
	var all sync.WaitGroup
	for k := range 3 * postgrestest.PoolSize {
		all.Go(func() {
			i, err := r.nodes[k%2].CreateInvitation(t.Context(), r.Instance, r.Org.ID, invite.NewInvitation{EmailAddress: fmt.Sprintf("u%d@example.com", k), Role: invite.RoleMember, ExpiresInDays: 1})
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := r.nodes[(k+1)%2].Invitation(t.Context(), r.Instance, r.Org.ID, i.ID); err != nil {
				t.Error(err)
			}
			if _, err := r.nodes[k%2].Invitations(t.Context(), r.Instance, r.Org.ID, store.InvitationFilter{Page: invite.Page{Limit: 1}}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// A database is copied from and to a server behind a pooler.
func TestPoolerCopies(t *testing.T) {
	pooled := func(t *testing.T) store.Options { return store.Options{Database: postgrestest.Pooled(t)} }
	t.Run("to it", func(t *testing.T) { copies(t, engines["SQLite"](t), pooled(t)) })
	t.Run("from it", func(t *testing.T) { copies(t, pooled(t), engines["SQLite"](t)) })
}

// However the database is reached, each statement has its limits.
func TestStatementsHaveTheirLimits(t *testing.T) {
	for way, url := range map[string]string{"directly": postgrestest.URL(t), "through a pooler": postgrestest.Pooled(t)} {
		db, _ := openPostgres(t, url, storetest.NewClock())
		for name, want := range map[string]string{
			"statement_timeout": "30s", "lock_timeout": "15s", "idle_in_transaction_session_timeout": "15s", "enable_seqscan": "off", "jit": "off",
		} {
			got, err := db.Setting(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([3]string{want, want, want}, got); diff != "" {
				t.Errorf("%s, %s, for a statement, a snapshot, and what writes (-want +got):\n%s", way, name, diff)
			}
		}
	}
}

// Who waits at one server hears of what another commits, though nobody tells it.
func TestPoolerReplicasWakeEachOther(t *testing.T) {
	r := openReplicasAt(t, postgrestest.Pooled(t))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	hears := func(happened <-chan struct{}) {
		t.Helper()
		select {
		case <-happened:
		case <-ctx.Done():
			t.Fatal("nothing was heard")
		}
	}
	hears(r.nodes[1].Happened(r.Instance.ID)) // of what may have been missed
	happened := r.nodes[1].Happened(r.Instance.ID)
	if _, err := r.nodes[0].CreateOrganization(ctx, r.Instance, invite.NewOrganization{Name: "Acme"}); err != nil {
		t.Fatal(err)
	}
	hears(happened)
}
