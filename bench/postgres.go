package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"usher/internal/store/postgrestest"
)

// onPostgres measures the load on a PostgreSQL server that is started for it, with the
// settings that it is installed with: durable commits.
func (b *bench) onPostgres(ctx context.Context) (err error) {
	server, err := postgrestest.Start()
	if errors.Is(err, exec.ErrNotFound) {
		return errors.New("-postgres: there is no PostgreSQL in PATH or /usr/lib/postgresql")
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	b.say("seeding %d organizations", b.organizations+b.listed)
	if b.key, b.admin, err = b.usher.seed(ctx, server.URL, b.organizations+b.listed); err != nil {
		return err
	}
	db, err := open(server.URL)
	if err != nil {
		return err
	}
	defer db.Close()
	ceiling := &pgbench{url: server.URL, script: filepath.Join(b.dir, "create.sql"), duration: b.duration}
	sent, err := b.statementsOfCreate(ctx, server)
	if err != nil {
		return err
	}
	if err := ceiling.write(sent, b.organizations); err != nil {
		return err
	}
	data := server.URL
	if b.pooler {
		var pooler *postgrestest.Server
		if pooler, err = server.Pool(); err != nil {
			return fmt.Errorf("starting PgBouncer: %w", err)
		}
		defer func() { err = errors.Join(err, pooler.Stop()) }()
		data = pooler.URL
	}
	m, err := b.measure(ctx, data, pgbenchName, func(ctx context.Context) (*result, error) {
		// A server does so by itself every minute, which is longer than a round.
		if _, err := db.ExecContext(ctx, "ANALYZE"); err != nil {
			return nil, err
		}
		return ceiling.run(ctx)
	})
	if err != nil {
		return err
	}
	return report(b.out, b.options, m, postgresGoals, nil)
}

// statementsOfCreate returns the transaction by which usher creates an invitation.
func (b *bench) statementsOfCreate(ctx context.Context, server *postgrestest.Server) (list []postgrestest.Statement, err error) {
	served, _, err := b.usher.serve(ctx, server.URL, b.key)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, served.stop()) }()
	people, err := newPopulation(b.admin, b.organizations, b.listed)
	if err != nil {
		return nil, err
	}
	people.addresses.Store(1 << 40) // apart from those of the load
	t := serverOf(served)
	defer t.disconnect()
	if err := t.connect(ctx, 1); err != nil {
		return nil, err
	}
	all, err := server.Statements(ctx, func() error {
		for range 50 { // of which the log has the first ones not yet
			if err := people.create(t.workers[0]); err != nil {
				return err
			}
		}
		return nil
	})
	end := func(s postgrestest.Statement) bool { return s.Text == "COMMIT" }
	insert := -1
	for k, s := range all {
		if strings.HasPrefix(s.Text, "INSERT INTO invitations ") {
			insert = k
		}
	}
	if err != nil || insert < 0 {
		return nil, errors.Join(err, errors.New("the log has no invitation that is created"))
	}
	writer := all[insert].Process
	all = slices.DeleteFunc(all[:insert+slices.IndexFunc(all[insert:], end)+1], func(s postgrestest.Statement) bool { return s.Process != writer })
	begin := len(all) - 1
	for all[begin].Text != "BEGIN" {
		begin--
	}
	return all[begin:], nil
}

// pgbench is the ceiling that PostgreSQL sets on creating: its own load generator
// carries out the statements of usher's from 64 connections, in a transaction for each
// invitation, one after the other and without looking at what they return.
type pgbench struct {
	url, script string
	duration    time.Duration
}

// apart is what usher's writers need to take turns, and what they do once for all that
// are created together.
var apart = regexp.MustCompile(`pg_advisory_xact_lock|pg_notify|^SELECT catalog_version|SELECT max\(e\.id\) FROM events`)

var number = regexp.MustCompile(`\$\d+`)

// write makes the script from the statements by which an invitation was created, which
// are to create others.
func (p *pgbench) write(sent []postgrestest.Statement, organizations int) error {
	var script strings.Builder
	fmt.Fprintf(&script, "\\set n random(0, %d)\n\\set a random(1, 9000000000000000)\n", organizations-1)
	for _, s := range sent {
		if apart.MatchString(s.Text) {
			continue
		}
		text := number.ReplaceAllStringFunc(s.Text, func(n string) string {
			k, _ := strconv.Atoi(n[1:]) // digits
			return another(s.Parameters[k-1])
		})
		script.WriteString(strings.Join(strings.Fields(text), " ") + ";\n")
	}
	return os.WriteFile(p.script, []byte(script.String()), 0o600)
}

// another returns a parameter as that of another invitation in whichever organization.
// Colons are quoted, which pgbench takes for its variables even in texts.
func another(literal string) string {
	for prefix, expression := range map[string]string{
		"'org_": numberedSQL("org_", ":n"), "'orginv_": numberedSQL("orginv_z", ":a"),
		"'msg_": numberedSQL("msg_z", ":a"), "'ema_": numberedSQL("ema_z", ":a"),
	} {
		if strings.HasPrefix(literal, prefix) {
			return expression
		}
	}
	if literal == "NULL" {
		return literal
	}
	if strings.HasSuffix(literal, "@bench.example'") {
		return "'raw' || :a || '@bench.example'"
	}
	return strings.NewReplacer(`\`, `\\`, ":", `\072`).Replace("E" + literal)
}

var transactions = regexp.MustCompile(`(?m)^number of transactions actually processed: (\d+)`)

// run creates for a while. The CPU is another process's and is left out.
func (p *pgbench) run(ctx context.Context) (*result, error) {
	program, err := postgrestest.Find("pgbench")
	if err != nil {
		return nil, fmt.Errorf("looking for pgbench: %w", err)
	}
	took := max(time.Second, p.duration.Round(time.Second)) // it knows whole ones
	cmd := exec.CommandContext(ctx, program, "--no-vacuum", "--client", strconv.Itoa(compared), "--jobs", "2", "--protocol", "prepared",
		"--time", strconv.Itoa(int(took.Seconds())), "--file", p.script, p.url)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("pgbench: %w\n%s", err, out)
	}
	found := transactions.FindSubmatch(out)
	if found == nil {
		return nil, fmt.Errorf("pgbench says nothing of transactions:\n%s", out)
	}
	n, err := strconv.Atoi(string(found[1]))
	if err != nil {
		return nil, err
	}
	r := &result{took: took}
	for range n { // it tells the mean only
		r.latency.record(r.took * compared / time.Duration(n))
	}
	return r, nil
}
