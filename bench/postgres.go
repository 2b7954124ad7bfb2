package main

import (
	"context"
	"database/sql"
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
	if _, err := db.ExecContext(ctx, "ANALYZE"); err != nil {
		return err
	}
	ceiling := &pgbench{url: server.URL, script: filepath.Join(b.dir, "create.sql"), duration: b.duration}
	if err := ceiling.write(ctx, db, b.organizations); err != nil {
		return err
	}
	m, err := b.measure(ctx, server.URL, pgbenchName, ceiling.run)
	if err != nil {
		return err
	}
	return report(b.out, b.options, m, postgresGoals, nil)
}

// pgbench is the ceiling that PostgreSQL sets on creating: its own load generator
// writes the rows of an invitation from 64 connections, each row as it was written by
// usher but with ids of its own, in a transaction for each invitation, and looks at nothing.
type pgbench struct {
	url, script string
	duration    time.Duration
}

// write makes the script from the newest rows of each kind.
func (p *pgbench) write(ctx context.Context, db *sql.DB, organizations int) error {
	var script strings.Builder
	fmt.Fprintf(&script, "\\set n random(0, %d)\n\\set a random(1, 9000000000000000)\nBEGIN;\n", organizations-1)
	organization := numberedSQL("org_", ":n")
	var instance string
	for _, r := range []struct{ table, prefix string }{{"invitations", "orginv_z"}, {"events", "msg_z"}, {"outbox", "ema_z"}} {
		newest, err := newestRow(ctx, db, r.table)
		if err != nil {
			return err
		}
		values := make([]string, len(newest.values))
		for i, v := range newest.values {
			if values[i], err = literal(ctx, db, v); err != nil {
				return err
			}
		}
		for column, value := range map[string]string{
			"id":              numberedSQL(r.prefix, ":a"),
			"organization_id": organization,
			"email_address":   "'raw' || :a || '@bench.example'",
			"email_key":       "'raw' || :a || '@bench.example'",
			"subject_id":      numberedSQL("orginv_z", ":a"),
			"bucket":          ":n % 8",
		} {
			if i := slices.Index(newest.columns, column); i >= 0 {
				values[i] = value
			}
		}
		instance = values[slices.Index(newest.columns, "instance_id")]
		fmt.Fprintf(&script, "INSERT INTO %s (%s) VALUES (%s);\n", r.table, strings.Join(newest.columns, ", "), strings.Join(values, ", "))
	}
	fmt.Fprintf(&script, "UPDATE organizations SET pending = pending + 1 WHERE instance_id = %s AND id = %s;\nCOMMIT;\n", instance, organization)
	return os.WriteFile(p.script, []byte(script.String()), 0o600)
}

// literal returns a value as SQL writes it, without the colons that pgbench takes for
// its variables even there.
func literal(ctx context.Context, db *sql.DB, v any) (text string, err error) {
	switch v := v.(type) {
	case string:
		err = db.QueryRowContext(ctx, `SELECT 'E' || ltrim(quote_literal($1::text), ' E')`, v).Scan(&text)
		text = strings.ReplaceAll(text, ":", `\072`)
	case []byte:
		text = fmt.Sprintf(`'\x%x'`, v)
	case nil:
		text = "NULL"
	default:
		text = fmt.Sprint(v)
	}
	return text, err
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
