package store_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"usher/internal/invite"
	"usher/internal/store"
	"usher/internal/store/postgrestest"
	"usher/internal/store/storetest"
)

func TestPostgres(t *testing.T) {
	storetest.Run(t, func(t *testing.T, clock *storetest.Clock) (*store.DB, *sql.DB) {
		return openPostgres(t, postgrestest.URL(t), clock)
	})
}

func openPostgres(t *testing.T, url string, clock *storetest.Clock) (*store.DB, *sql.DB) {
	t.Helper()
	return openPostgresAs(t, clock, func(o *store.Options) { o.Database = url })
}

func openPostgresAs(t *testing.T, clock *storetest.Clock, as func(*store.Options)) (*store.DB, *sql.DB) {
	t.Helper()
	opts := options(t, "", clock)
	as(&opts)
	db := openOptions(t, opts)
	config, err := pgx.ParseConfig(opts.Database)
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe // it may lead through a pooler
	raw := stdlib.OpenDB(*config)
	t.Cleanup(func() {
		for _, err := range []error{db.Close(), raw.Close()} {
			if err != nil {
				t.Error(err)
			}
		}
	})
	return db, raw
}

// replicas is a world that two processes serve, whose clocks are their own.
type replicas struct {
	*storetest.World
	nodes  [2]*store.DB
	clocks [2]*storetest.Clock
}

func openReplicas(t *testing.T) *replicas {
	t.Helper()
	return openReplicasAt(t, postgrestest.URL(t))
}

func openReplicasAt(t *testing.T, url string) *replicas {
	t.Helper()
	r := &replicas{}
	r.World = storetest.NewWorld(t, func(t *testing.T, clock *storetest.Clock) (*store.DB, *sql.DB) {
		db, raw := openPostgres(t, url, clock)
		r.nodes[0], r.clocks[0] = db, clock
		return db, raw
	})
	r.clocks[1] = storetest.NewClock()
	r.nodes[1], _ = openPostgres(t, url, r.clocks[1])
	return r
}

func TestTwoServersStartAtOnce(t *testing.T) {
	url, clock := postgrestest.URL(t), storetest.NewClock()
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
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
	both.Wait()
}

// The log of an instance is in the order in which it was written, however the clocks
// of the servers differ: a reader that has come to its end misses nothing.
func TestReplicasWriteOneLog(t *testing.T) {
	r := openReplicas(t)
	r.clocks[1].Add(-time.Hour)
	var names, told []string
	cursor := ""
	for k := range 20 {
		name := fmt.Sprintf("Org %d", k)
		names = append(names, name)
		if _, err := r.nodes[k%2].CreateOrganization(t.Context(), r.Instance, invite.NewOrganization{Name: name}); err != nil {
			t.Fatal(err)
		}
		list, next, err := r.nodes[(k+1)%2].Events(t.Context(), r.Instance, store.EventFilter{After: cursor, Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		cursor = next
		for _, e := range list {
			for _, name := range names {
				if e.Type == invite.OrganizationCreatedEvent && slices.Contains([]string{nameIn(t, e.Data)}, name) {
					told = append(told, name)
				}
			}
		}
	}
	if diff := cmp.Diff(names, told); diff != "" {
		t.Errorf("a reader was told of (-want +got):\n%s", diff)
	}
}

// What one server changes, the other refuses by at once.
func TestReplicasKeepOneSetOfRules(t *testing.T) {
	r := openReplicas(t)
	ctx := t.Context()
	limit := 6
	if _, err := r.nodes[0].UpdateOrganization(ctx, r.Instance, r.Org.ID, invite.OrganizationChange{MaxAllowedMemberships: &limit}); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	made := map[string]int{}
	refused := map[invite.Kind]int{}
	for k := range 40 {
		all.Go(func() {
			address := fmt.Sprintf("u%d@example.com", k/2)
			_, err := r.nodes[k%2].CreateInvitation(ctx, r.Instance, r.Org.ID, invite.NewInvitation{EmailAddress: address, Role: invite.RoleMember, ExpiresInDays: 1, Notify: true})
			mu.Lock()
			defer mu.Unlock()
			if e, ok := errors.AsType[*invite.Error](err); ok {
				refused[e.Kind]++
			} else if err != nil {
				t.Error(err)
			} else {
				made[address]++
			}
		})
	}
	all.Wait()
	if len(made) != 5 || refused[invite.DuplicateInvitation]+refused[invite.QuotaExceeded] != 35 {
		t.Errorf("made %v, refused %v; want 5 beside the admin", made, refused)
	}
	for address, n := range made {
		if n != 1 {
			t.Errorf("%s is invited %d times", address, n)
		}
	}
	page, err := r.nodes[1].Invitations(ctx, r.Instance, r.Org.ID, store.InvitationFilter{Page: invite.Page{Limit: 100}})
	if err != nil || page.Total != 5 {
		t.Fatalf("got %d, %v", page.Total, err)
	}
	for k, i := range page.Invitations {
		var race sync.WaitGroup
		var revoked, joined error
		race.Go(func() { _, revoked = r.nodes[k%2].RevokeInvitation(ctx, r.Instance, r.Org.ID, i.ID, "") })
		race.Go(func() {
			_, joined = r.nodes[(k+1)%2].AcceptInvitation(ctx, invite.TicketFor(i, invite.ByMail), invite.Joiner{})
		})
		race.Wait()
		if (revoked == nil) == (joined == nil) {
			t.Errorf("revoking: %v; accepting: %v; want one of them refused", revoked, joined)
		}
	}
	claimed := map[string]int{}
	for k := range 4 {
		list, _, err := r.nodes[k%2].Claim(ctx, 3, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range list {
			claimed[m.ID]++
		}
	}
	for id, n := range claimed {
		if n != 1 {
			t.Errorf("message %s is claimed %d times", id, n)
		}
	}
	storetest.Invariants(t, r.nodes[0], r.Raw)
}

// Who waits at one server hears of what another commits.
func TestReplicasWakeEachOther(t *testing.T) {
	r := openReplicas(t)
	for {
		happened := r.nodes[1].Happened(r.Instance.ID)
		if _, err := r.nodes[0].CreateOrganization(t.Context(), r.Instance, invite.NewOrganization{Name: "Acme"}); err != nil {
			t.Fatal(err)
		}
		select {
		case <-happened:
			return
		case <-t.Context().Done():
			t.Fatal("nothing was heard")
		case <-time.After(time.Second): // it does not listen yet
		}
	}
}

// A server whose connections the database has closed goes on with others, and says of
// what broke off that it may be tried again.
func TestConnectionsThatBreakOff(t *testing.T) { breakOff(t, openReplicas(t)) }

func breakOff(t *testing.T, r *replicas) {
	t.Helper()
	ctx := t.Context()
	const others = `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'usher' AND pid <> pg_backend_pid()`
	create := func(k int) error {
		_, err := r.nodes[0].CreateInvitation(ctx, r.Instance, r.Org.ID, invite.NewInvitation{EmailAddress: fmt.Sprintf("u%d@example.com", k), Role: invite.RoleMember, ExpiresInDays: 1})
		return err
	}
	made := 0
	for round := range 10 {
		terminated := make(chan error, 1)
		go func() {
			var n int
			terminated <- r.Raw.QueryRowContext(context.WithoutCancel(ctx), others).Scan(&n)
		}()
		for k := range 20 {
			err := create(100*round + k)
			if err == nil {
				made++
			} else if !errors.Is(err, invite.Err(invite.Unavailable)) {
				t.Fatalf("got %v, want it made, or to come back", err)
			}
		}
		if err := <-terminated; err != nil {
			t.Log(err) // its own connection was another's turn
		}
		if err := create(100*round + 50); err != nil {
			t.Fatalf("afterwards: %v", err)
		}
		made++
		for range 32 { // every reader
			if err := r.nodes[0].Ping(ctx); err != nil {
				t.Fatalf("reading afterwards: %v", err)
			}
		}
	}
	var page store.InvitationPage
	var err error = invite.Err(invite.Unavailable)
	for k := 0; k < 2 && errors.Is(err, invite.Err(invite.Unavailable)); k++ { // the first time it may be on a lost connection
		page, err = r.nodes[1].Invitations(ctx, r.Instance, r.Org.ID, store.InvitationFilter{Page: invite.Page{Limit: 1}})
	}
	if err != nil || page.Total != made {
		t.Errorf("got %d invitations, %v; want the %d that were acknowledged", page.Total, err, made)
	}
	storetest.Invariants(t, r.nodes[0], r.Raw)
}

// Who reads through a connection with others is told of its own failure only.
func TestAStatementFailsForItselfAlone(t *testing.T) {
	db, _ := openPostgres(t, postgrestest.URL(t), storetest.NewClock())
	const bad = `SELECT (1 / length(''))::text`
	answers, errs := db.Together(`SELECT 'a'`, bad, `SELECT 'b'`, `SELECT 'c' WHERE FALSE`, bad, `SELECT 'd'`)
	if diff := cmp.Diff([]string{"a", "", "b", "", "", "d"}, answers); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	for k, err := range errs {
		none, divided := errors.Is(err, sql.ErrNoRows), err != nil && strings.Contains(err.Error(), "22012")
		if none != (k == 3) || divided != (k == 1 || k == 4) || (err != nil) != (none || divided) {
			t.Errorf("statement %d: %v", k, err)
		}
	}
}

// A server that crashed gives the number of a lost transaction out again. When that one
// is committed, the lost one is not taken for it.
func TestALostTransactionIsNotTakenForAnother(t *testing.T) {
	server, err := postgrestest.Start()
	if errors.Is(err, exec.ErrNotFound) {
		postgrestest.URL(t) // skips, or fails where PostgreSQL is demanded
	}
	if err != nil {
		t.Fatal(err)
	}
	db, raw := openPostgres(t, server.Schema(t), storetest.NewClock())
	err = db.Unanswered(t.Context(), func(lost string) {
		if err := server.Kill(); err != nil {
			t.Fatal(err)
		}
		for again := ""; again != lost; {
			if err := raw.QueryRowContext(t.Context(), `SELECT pg_current_xact_id()::text`).Scan(&again); err != nil {
				t.Fatal(err)
			}
			if len(again) > len(lost) || len(again) == len(lost) && again > lost {
				t.Skipf("transaction %s was not forgotten", lost)
			}
		}
	})
	if !errors.Is(err, store.ErrLost) {
		t.Errorf("got %v, want that the connection was lost", err)
	}
}

// A connection to a server that takes no writes is given up: what is to be written is
// answered with Unavailable, and carried out when another connection reaches one that does.
func TestAServerThatTakesNoWrites(t *testing.T) {
	server, err := postgrestest.Start()
	if errors.Is(err, exec.ErrNotFound) {
		postgrestest.URL(t) // skips, or fails where PostgreSQL is demanded
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, r := t.Context(), openReplicasAt(t, server.Schema(t))
	raw, err := r.Raw.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	order := func(statement string) {
		if _, err := raw.ExecContext(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	create := func() error {
		_, err := r.nodes[0].CreateOrganization(ctx, r.Instance, invite.NewOrganization{Name: "Acme"})
		return err
	}
	order(`ALTER ROLE usher SET default_transaction_read_only = on`)
	order(`SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'usher' AND pid <> pg_backend_pid()`)
	if err := create(); !errors.Is(err, invite.Err(invite.Unavailable)) {
		t.Errorf("on a server that takes no writes: got %v, want %s", err, invite.Unavailable)
	}
	order(`ALTER ROLE usher RESET default_transaction_read_only`)
	if err := create(); err != nil {
		t.Errorf("when another takes them: %v", err)
	}
}

func nameIn(t *testing.T, data []byte) string {
	t.Helper()
	var o struct {
		Name string `json:"Name"`
	}
	if err := json.Unmarshal(data, &o); err != nil {
		t.Fatal(err)
	}
	return o.Name
}

// What a server remembers of roles is no older than what another has committed.
func TestReplicasSeeEachOthersRoles(t *testing.T) {
	r := openReplicas(t)
	ctx := t.Context()
	named := func(k int) string {
		list, _, err := r.nodes[k].Roles(ctx, r.Instance, store.CatalogFilter{Page: invite.Page{Limit: 10}, OrderBy: "key"})
		if err != nil || len(list) == 0 {
			t.Fatalf("%d roles, %v", len(list), err)
		}
		return list[0].Name
	}
	list, _, err := r.nodes[0].Roles(ctx, r.Instance, store.CatalogFilter{Page: invite.Page{Limit: 10}, OrderBy: "key"})
	if err != nil {
		t.Fatal(err)
	}
	for k := range 6 {
		named(1 - k%2) // and remembered
		name := fmt.Sprintf("Name %d", k)
		if _, err := r.nodes[k%2].UpdateRole(ctx, r.Instance, list[0].ID, invite.RoleChange{Name: &name}); err != nil {
			t.Fatal(err)
		}
		for node := range r.nodes {
			if got := named(node); got != name {
				t.Errorf("server %d knows %q, want %q", node, got, name)
			}
		}
	}
}
