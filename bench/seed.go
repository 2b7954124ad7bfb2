package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	_ "modernc.org/sqlite" // the engine that usher uses
)

// Seeded rows are numbered, and their ids are these numbers: older than, and so
// in lists behind, every id that usher makes.
const numbered = "%027d"

// numberedSQL is the same in SQL, for a number that an expression gives.
func numberedSQL(prefix, n string) string {
	return "'" + prefix + "000000000' || substr(CAST(1000000000000000000 + (" + n + ") AS TEXT), 2)"
}

func organizationID(n int) string { return fmt.Sprintf("org_"+numbered, n) }
func invitationID(n int) string   { return fmt.Sprintf("orginv_"+numbered, n) }

// perOrganization is how many pending invitations an organization is seeded
// with: one page.
const perOrganization = 10

const databaseFile = "usher.db"

// storage returns the flags that name a data folder, or a database by its URL.
func storage(data string) []string {
	if isURL(data) {
		return []string{"--database", data}
	}
	return []string{"--data", data}
}

func isURL(data string) bool { return strings.HasPrefix(data, "postgres://") }

// seed fills a data folder, or an empty database, with an instance without limits and n organizations,
// each with an admin and a page of pending invitations. One of each kind is made
// by usher itself, the others are copies of those rows. It returns the secret
// key and the id of the admin.
func (u *usher) seed(ctx context.Context, data string, n int) (key, admin string, err error) {
	create := append([]string{"instance", "create", "--name", "bench", "--max-allowed-memberships", "0"}, storage(data)...)
	printed, err := u.run(ctx, create...)
	if err != nil {
		return "", "", err
	}
	_, key, _ = strings.Cut(printed, "secret key")
	key, _, _ = strings.Cut(strings.TrimSpace(key), "\n")
	if admin, err = u.first(ctx, data, key); err != nil {
		return "", "", fmt.Errorf("making the first rows: %w", err)
	}
	db, err := openSeeding(data)
	if err != nil {
		return "", "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, c := range []struct {
		table string
		count int
		set   map[string]string
	}{
		{"organizations", n, map[string]string{"id": numberedSQL("org_", "n"), "slug": "'bench-' || n", "pending": fmt.Sprint(perOrganization)}},
		{"memberships", n, map[string]string{"organization_id": numberedSQL("org_", "n"), "id": numberedSQL("orgmem_", "n")}},
	} {
		if err := multiply(ctx, db, c.table, 0, c.count, c.set); err != nil {
			return "", "", err
		}
	}
	return key, admin, seedInvitations(ctx, db, 0, n*perOrganization, fmt.Sprintf("n / %d", perOrganization))
}

// first makes a user, an organization and an invitation through the API.
func (u *usher) first(ctx context.Context, data, key string) (admin string, err error) {
	p, _, err := u.serve(ctx, data, key)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	c, err := dial(ctx, p.addr, key)
	if err != nil {
		return "", err
	}
	defer c.conn.Close()
	if admin, err = c.make("/v1/users", map[string]any{
		"email_address": []string{"ada@bench.example"}, "first_name": "Ada", "last_name": "Admin",
	}); err != nil {
		return "", err
	}
	organization, err := c.make("/v1/organizations", map[string]any{
		"name": "Bench", "slug": "bench", "created_by": admin, "max_allowed_memberships": 0,
	})
	if err != nil {
		return "", err
	}
	_, err = c.make("/v1/organizations/"+organization+"/invitations", newInvitation("first@bench.example", admin))
	return admin, err
}

// newInvitation is the body of every create.
func newInvitation(address, inviter string) map[string]any {
	return map[string]any{
		"email_address": address, "role": "org:member", "inviter_user_id": inviter,
		"public_metadata": map[string]any{"team": "growth", "seat": 1},
		"redirect_url":    "https://app.bench.example/welcome?from=invitation",
	}
}

// make creates a resource and returns its id.
func (c *client) make(path string, body map[string]any) (string, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	answer, err := c.post(raw, path)
	if err != nil {
		return "", err
	}
	var made struct {
		ID string `json:"id"`
	}
	err = json.Unmarshal(answer, &made)
	return made.ID, err
}

// openSeeding opens the database of a server that is not running, to be filled
// without regard for a crash.
func openSeeding(data string) (*sql.DB, error) {
	return open(data, "journal_mode(OFF)", "synchronous(OFF)", "cache_size(-65536)")
}

func open(data string, pragmas ...string) (*sql.DB, error) {
	if isURL(data) {
		return sql.Open("pgx", data)
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(data, databaseFile)+"?"+url.Values{"_pragma": pragmas}.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// seedInvitations adds pending invitations numbered from first on, each to the
// organization whose number the SQL expression gives. It does not count them.
func seedInvitations(ctx context.Context, db *sql.DB, first, count int, organization string) error {
	address := numberedSQL("seeded", "n") + " || '@bench.example'"
	return multiply(ctx, db, "invitations", first, count, map[string]string{
		"organization_id": numberedSQL("org_", organization),
		"id":              numberedSQL("orginv_", "n"),
		"email_address":   address,
		"email_key":       address,
	})
}

// multiply adds copies of a table's newest row. The columns in set are SQL
// expressions over n, the copy's number, which counts from first.
func multiply(ctx context.Context, db *sql.DB, table string, first, count int, set map[string]string) error {
	newest, err := newestRow(ctx, db, table)
	if err != nil {
		return err
	}
	values := slices.Clone(newest.columns)
	for i, column := range values {
		if expression, ok := set[column]; ok {
			values[i] = expression
		}
	}
	if _, err := db.ExecContext(ctx, `
		WITH RECURSIVE numbers (n) AS (VALUES (CAST($1 AS BIGINT)) UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < $2)
		INSERT INTO `+table+` (`+strings.Join(newest.columns, ", ")+`)
		SELECT `+strings.Join(values, ", ")+`
		FROM numbers, (SELECT * FROM `+table+` ORDER BY id DESC LIMIT 1) AS newest`, first, first+count); err != nil {
		return fmt.Errorf("seeding %s (%v): %w", table, slices.Sorted(maps.Keys(set)), err)
	}
	return nil
}

// row is a row of some table, whatever its columns are.
type row struct {
	columns []string
	values  []any
}

// set replaces values by column.
func (r *row) set(column string, value any) {
	r.values[slices.Index(r.columns, column)] = value
}

// newestRow returns the row with the greatest id, which usher made itself.
func newestRow(ctx context.Context, db *sql.DB, table string) (*row, error) {
	rows, err := db.QueryContext(ctx, `SELECT * FROM `+table+` ORDER BY id DESC LIMIT 1`)
	if err != nil {
		return nil, fmt.Errorf("reading a row of %s: %w", table, err)
	}
	defer rows.Close()
	r := &row{}
	if r.columns, err = rows.Columns(); err != nil {
		return nil, err
	}
	r.values = make([]any, len(r.columns))
	into := make([]any, len(r.columns))
	for i := range into {
		into[i] = &r.values[i]
	}
	if !rows.Next() {
		return nil, errors.Join(fmt.Errorf("%s is empty", table), rows.Err())
	}
	return r, rows.Scan(into...)
}

// copyDatabase copies the database of a server that is not running into another
// data folder, which it makes.
func copyDatabase(from, to string) (err error) {
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	source, err := os.Open(filepath.Join(from, databaseFile))
	if err != nil {
		return err
	}
	defer source.Close()
	destination, err := os.Create(filepath.Join(to, databaseFile))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, destination.Close()) }()
	if _, err := io.Copy(destination, source); err != nil {
		return err
	}
	return destination.Sync()
}
