package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// Copied is what a finished copy holds.
type Copied struct {
	SchemaVersion int64
	Tables        int
	Rows          int64
	Kept          int64 // of the rows those that were there before, from an attempt that was cut short
}

// CopyProgress says how far the copy of one table is. A table that is Done was compared.
type CopyProgress struct {
	Table    string
	Step     CopyStep
	Rows, Of int64
}

// CopyStep is what is done with a table, in this order.
type CopyStep string

// Steps of a table.
const (
	Comparing CopyStep = "comparing" // with rows from an attempt that was cut short
	Writing   CopyStep = "writing"
	Checking  CopyStep = "checking"
	Done      CopyStep = "done"
)

// ErrUnfinishedCopy is returned by Open for a database that Copy has not finished.
var ErrUnfinishedCopy = errors.New("it is an unfinished copy: run the same usher copy again, which goes on, or take an empty database")

// ErrHoldsData is returned by Copy when the target has rows that are not those of an
// unfinished copy.
var ErrHoldsData = errors.New("it holds data already: a copy goes into an empty database")

var errBusy = errors.New("a server or another copy writes to it")

// Copy makes the database to, which must be empty, hold what the database from holds at
// the moment when Copy begins to read it; of both only Path and Database count, and the
// Keys of from, which must be those of the data unless they are nil. A server may go on
// writing to from. Nobody serves to meanwhile: Copy reserves it (ErrReserved), and until
// everything was compared it is an unfinished copy, which Open refuses.
//
// A copy that was cut short is taken up by copying again, from any source: rows that the
// target has already are compared, and only those that differ are written.
func Copy(ctx context.Context, from, to Options, told func(CopyProgress)) (_ Copied, err error) {
	c := &copying{told: told}
	if c.tables, c.version, err = schemaTables(ctx); err != nil {
		return Copied{}, err
	}
	if c.from, err = openSource(ctx, from, c.version); err != nil {
		return Copied{}, fmt.Errorf("the source: %w", err)
	}
	defer func() { err = errors.Join(err, c.from.close()) }()
	if c.to, err = openTarget(ctx, to, c); err != nil {
		return Copied{}, fmt.Errorf("the target: %w", err)
	}
	defer func() { err = errors.Join(err, c.to.close()) }()
	done := Copied{SchemaVersion: c.version, Tables: len(c.tables)}
	for _, t := range c.tables {
		rows, kept, err := c.copy(ctx, t)
		if err != nil {
			return Copied{}, fmt.Errorf("copying %s: %w", t.name, err)
		}
		done.Rows, done.Kept = done.Rows+rows, done.Kept+kept
	}
	if err := c.to.finish(ctx); err != nil {
		return Copied{}, fmt.Errorf("finishing the copy: %w", err)
	}
	return done, nil
}

// copying is a copy under way.
type copying struct {
	tables   []table
	version  int64 // of the schema
	from, to *end
	told     func(CopyProgress)
}

// end is one of the two databases of a copy, on one connection.
type end struct {
	pools
	opts Options
	conn *sql.Conn
	lock *sql.DB // that reserves a file; nil without one
	turn *sql.Tx // that reserves a database of a server; nil without one
}

func (e *end) close() error {
	if e.turn != nil {
		_ = e.turn.Rollback() // unless the copy was finished in it
	}
	err := errors.Join(e.conn.Close(), e.read.Close(), e.write.Close())
	if e.lock != nil {
		err = errors.Join(err, e.lock.Close())
	}
	return err
}

// openEnd connects to a database as it is. A copy takes its time: its statements are not
// cut off as those of a server are.
func openEnd(ctx context.Context, opts Options) (*end, error) {
	open := openSQLite
	if opts.Database != "" {
		open, opts.patience = openPostgres, 24*time.Hour
	}
	p, err := open(ctx, opts)
	if err != nil {
		return nil, err
	}
	e := &end{pools: p, opts: opts}
	if e.conn, err = p.write.Conn(ctx); err != nil {
		return nil, errors.Join(err, p.read.Close(), p.write.Close())
	}
	if opts.Database != "" && !p.dialect.pooled {
		_, err = e.conn.ExecContext(ctx, `SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0`)
	}
	if err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

// openSource opens a database of this program's schema and keeps its state of now.
func openSource(ctx context.Context, opts Options, version int64) (_ *end, err error) {
	if opts.Database == "" {
		if _, err := os.Stat(opts.Path); err != nil {
			return nil, err
		}
	}
	e, err := openEnd(ctx, opts)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.close())
		}
	}()
	// The transaction ends with the connection.
	if _, err := e.conn.ExecContext(ctx, e.dialect.snapshot); err != nil {
		return nil, err
	}
	switch have, err := e.version(ctx); {
	case err != nil:
		return nil, fmt.Errorf("it is not a database of usher: %w", err)
	case have < version:
		return nil, fmt.Errorf("it has schema version %d and this program has %d: run usher migrate on it, or copy with the program that serves it", have, version)
	case have > version:
		return nil, fmt.Errorf("it has schema version %d and this program knows %d: use the newer program", have, version)
	}
	if err := finished(ctx, e.conn); err != nil {
		return nil, err
	}
	return e, e.holdTo(ctx)
}

// holdTo compares the keys of the options, if there are any, with those of the data.
func (e *end) holdTo(ctx context.Context) error {
	if e.opts.Keys == nil {
		return nil
	}
	var others int
	err := e.conn.QueryRowContext(ctx, `SELECT count(*) FROM instances WHERE master_key <> $1`, e.opts.Keys.Mark()).Scan(&others)
	if err == nil && others > 0 {
		return ErrOtherMasterKey
	}
	return err
}

// openTarget opens, and makes where there is none, a database that is empty or an
// unfinished copy, and marks it as the latter.
func openTarget(ctx context.Context, opts Options, c *copying) (_ *end, err error) {
	e, err := openEnd(ctx, opts)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.close())
		}
	}()
	if err := e.reserve(ctx); err != nil {
		return nil, err
	}
	if have, err := e.version(ctx); err == nil && have != 0 && have != c.version {
		return nil, fmt.Errorf("it has schema version %d and this program %d: take an empty database", have, c.version)
	}
	if _, err := migrate(ctx, e.write, e.dialect); err != nil {
		return nil, err
	}
	switch err := finished(ctx, e.conn); {
	case err == nil:
		if err := e.empty(ctx, c.tables); err != nil {
			return nil, err
		}
	case !errors.Is(err, ErrUnfinishedCopy):
		return nil, err
	}
	_, err = e.conn.ExecContext(ctx, `INSERT INTO unfinished_copies (id) VALUES (1) ON CONFLICT DO NOTHING`)
	return e, err
}

// reserve keeps servers from the target: from the file, or from writing to the database,
// by the lock that their transactions take (see conn.serialize).
func (e *end) reserve(ctx context.Context) (err error) {
	if e.opts.Database == "" {
		e.lock, err = reserve(ctx, e.opts.Path)
		return err
	}
	if e.turn, err = claim(ctx, e.read, "usher "); errors.Is(err, errTaken) {
		return errBusy
	}
	return err
}

// finish says that the target is a copy. In the database of a server it says so in the
// transaction that has kept others from writing, or not at all.
func (e *end) finish(ctx context.Context) error {
	const finished = `DELETE FROM unfinished_copies`
	if e.turn == nil {
		_, err := e.conn.ExecContext(ctx, finished)
		return err
	}
	if _, err := e.turn.ExecContext(ctx, finished); err != nil {
		return err
	}
	return e.turn.Commit()
}

// version returns the schema's.
func (e *end) version(ctx context.Context) (v int64, err error) {
	err = e.conn.QueryRowContext(ctx, `SELECT max(version_id) FROM schema_versions`).Scan(&v)
	return v, err
}

func (e *end) empty(ctx context.Context, tables []table) error {
	for _, t := range tables {
		switch there, err := e.any(ctx, t, span{}); {
		case err != nil:
			return err
		case there:
			return ErrHoldsData
		}
	}
	return nil
}

// finished returns ErrUnfinishedCopy for a database that is one.
func finished(ctx context.Context, db interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}) error {
	var marks int
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM unfinished_copies`).Scan(&marks); err != nil {
		return err
	}
	if marks > 0 {
		return ErrUnfinishedCopy
	}
	return nil
}

// copy makes a table of the target hold the rows of the source, compares both, and
// returns how many there are and how many of them were there before. First everything
// is removed that differs, so that no row of another moment can claim what is unique.
func (c *copying) copy(ctx context.Context, t table) (rows, kept int64, err error) {
	var of int64
	if err := c.from.conn.QueryRowContext(ctx, `SELECT count(*) FROM `+t.name).Scan(&of); err != nil {
		return 0, 0, err
	}
	tell := func(step CopyStep) func(int64) {
		return func(reached int64) { c.told(CopyProgress{t.name, step, reached, of}) }
	}
	if err := c.prune(ctx, t, tell(Comparing)); err != nil {
		return 0, 0, err
	}
	sent, kept, err := c.fill(ctx, t, tell(Writing))
	if err != nil {
		return 0, 0, err
	}
	received, err := c.to.sum(ctx, t, span{}, tell(Checking))
	if err != nil {
		return 0, 0, err
	}
	if !received.equals(sent) {
		return 0, 0, fmt.Errorf("the source has %s, the target %s: nothing else may write to the target; copy again", sent, received)
	}
	tell(Done)(sent.rows)
	return sent.rows, kept, nil
}

// prune leaves in a table of the target only portions that are those of the source.
func (c *copying) prune(ctx context.Context, t table, reached func(int64)) error {
	there, err := c.to.any(ctx, t, span{})
	if err != nil || !there {
		return err
	}
	compared := int64(0)
	return c.from.portions(ctx, t, func(list [][]any, s span) error {
		want := newDigest()
		if err := want.addAll(list); err != nil {
			return err
		}
		compared += want.rows
		reached(compared)
		have, err := c.to.sum(ctx, t, s, func(int64) {})
		if err != nil || have.equals(want) {
			return err
		}
		where, args := s.condition(t)
		_, err = c.to.conn.ExecContext(ctx, `DELETE FROM `+t.name+where, args...) //nolint:gosec // names of the schema
		return err
	})
}

// fill adds the portions that a table of the target does not have, and returns what the
// source has in all and how many rows of it were there.
func (c *copying) fill(ctx context.Context, t table, reached func(int64)) (sent *digest, kept int64, err error) {
	sent = newDigest()
	err = c.from.portions(ctx, t, func(list [][]any, s span) error {
		if err := sent.addAll(list); err != nil {
			return err
		}
		there, err := c.to.any(ctx, t, s)
		switch {
		case there:
			kept += int64(len(list))
		case err == nil:
			err = c.to.insert(ctx, t, list)
		}
		reached(sent.rows)
		return err
	})
	return sent, kept, err
}

// maxParameters bounds a statement: SQLite's driver looks each parameter up among all
// others, so that with 30,000 a row takes twenty times as long, while PostgreSQL is
// not much faster than with this many.
const maxParameters = 300

// insert adds rows, all or none of them.
func (e *end) insert(ctx context.Context, t table, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	tx, err := e.conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	most := maxParameters / len(t.columns)
	for len(rows) > 0 {
		now := rows[:min(most, len(rows))]
		rows = rows[len(now):]
		args := make([]any, 0, len(now)*len(t.columns))
		for _, row := range now {
			args = append(args, row...)
		}
		query := `INSERT INTO ` + t.name + ` (` + strings.Join(t.columns, ", ") + `) VALUES ` + parameters(len(now), len(t.columns)) //nolint:gosec // names of the schema
		if _, err := tx.ExecContext(ctx, query, args...); err != nil {
			return err
		}
	}
	return tx.Commit()
}
