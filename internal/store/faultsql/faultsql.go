// Package faultsql makes calls of a database/sql driver fail when a test says so:
// each once before it takes effect, as when the connection is gone, and once after,
// as when only the answer is. Nothing but tests imports it.
package faultsql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Err is what a call returns that was made to fail.
var Err = errors.New("the call was made to fail")

// Operation is the kind of a call.
type Operation string

// The calls that can fail.
const (
	Prepare  Operation = "prepare"
	Exec     Operation = "exec"
	Query    Operation = "query"
	Next     Operation = "next row"
	Begin    Operation = "begin"
	Commit   Operation = "commit"
	Rollback Operation = "rollback"
)

// Call is one call of the driver.
type Call struct {
	Operation Operation
	Statement string // empty for Begin, Commit and Rollback
}

// Commits reports whether the call makes changes durable, whichever way it is made.
func (c Call) Commits() bool {
	return c.Operation == Commit || c.Operation == Exec && strings.EqualFold(c.Statement, "COMMIT")
}

// RollsBack reports whether the call takes a whole transaction back.
func (c Call) RollsBack() bool {
	return c.Operation == Rollback || c.Operation == Exec && strings.EqualFold(c.Statement, "ROLLBACK")
}

// Faults decides which calls fail. It is safe for concurrent use.
type Faults struct {
	mu    sync.Mutex
	which func(Call) bool // nil: none
	after bool
	hit   *Call
}

// Register registers, under a name, the driver that is registered as under, with
// faults.
func Register(name, under string) (*Faults, error) {
	db, err := sql.Open(under, "")
	if err != nil {
		return nil, err
	}
	f := new(Faults)
	sql.Register(name, faulty{db.Driver(), f})
	return f, db.Close()
}

// Arm makes the first call fail that which selects, before it takes effect or after.
func (f *Faults) Arm(after bool, which func(Call) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.which, f.after, f.hit = which, after, nil
}

// Disarm lets all calls through, and returns the one that failed since Arm; nil
// without one.
func (f *Faults) Disarm() *Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.which = nil
	return f.hit
}

// selects reports whether this call is to fail.
func (f *Faults) selects(c Call) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.which == nil || f.hit != nil || !f.which(c) {
		return false
	}
	f.hit = &c
	return true
}

// call makes a call, unless it is to fail. What a call returned that fails
// afterwards is handed to undo. Where there is a server, what fails is the connection.
func call[T any](on *conn, c Call, act func() (T, error), undo func(T)) (T, error) {
	var none T
	if !on.faults.selects(c) {
		return act()
	}
	if on.faults.after {
		if result, err := act(); err == nil {
			undo(result)
		}
	}
	if p, ok := on.full.(served); ok {
		_ = p.Conn().Close(context.Background())
		return none, fmt.Errorf("%w: %w", Err, io.ErrUnexpectedEOF)
	}
	return none, Err
}

// Connector returns the connections of another with faults.
func (f *Faults) Connector(under driver.Connector) driver.Connector { return connector{under, f} }

type connector struct {
	driver.Connector
	faults *Faults
}

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	under, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &servedConn{conn{under.(full), c.faults}}, nil
}

// served is a connection to a PostgreSQL server.
type served interface{ Conn() *pgx.Conn }

type servedConn struct{ conn }

func (c *servedConn) Conn() *pgx.Conn { return c.full.(served).Conn() }

// SendBatch sends the statements up to the one that fails, which it is the last of if
// it fails after its effect.
func (c *servedConn) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	for k, q := range b.QueuedQueries {
		if !c.faults.selects(Call{Exec, q.SQL}) {
			continue
		}
		if c.faults.after {
			k++
		}
		_ = c.Conn().SendBatch(ctx, &pgx.Batch{QueuedQueries: b.QueuedQueries[:k]}).Close()
		_ = c.Conn().Close(ctx)
		return broken{}
	}
	return c.Conn().SendBatch(ctx, b)
}

// broken is what there is to read from a connection that broke off.
type broken struct{ pgx.BatchResults }

func (b broken) Exec() (pgconn.CommandTag, error) { return pgconn.CommandTag{}, b.Close() }

func (b broken) Query() (pgx.Rows, error) { return nil, b.Close() }

func (broken) Close() error { return fmt.Errorf("%w: %w", Err, io.ErrUnexpectedEOF) }

type faulty struct {
	driver.Driver
	faults *Faults
}

func (d faulty) Open(name string) (driver.Conn, error) {
	c, err := d.Driver.Open(name)
	if err != nil {
		return nil, err
	}
	return &conn{c.(full), d.faults}, nil
}

// full is what a driver's connection must know, as those of SQLite and PostgreSQL do.
type full interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
}

type conn struct {
	full
	faults *Faults
}

func (c *conn) CheckNamedValue(v *driver.NamedValue) error { return check(c.full, v) }

// check converts an argument as the driver does, or else as database/sql would.
func check(under any, v *driver.NamedValue) error {
	if checker, ok := under.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	s, err := call(c, Call{Prepare, query},
		func() (driver.Stmt, error) { return c.full.PrepareContext(ctx, query) },
		func(s driver.Stmt) { _ = s.Close() })
	if err != nil {
		return nil, err
	}
	return &stmt{s, query, c}, nil
}

func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return call(c, Call{Exec, query},
		func() (driver.Result, error) { return c.full.ExecContext(ctx, query, args) },
		func(driver.Result) {})
}

func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.query(query, func() (driver.Rows, error) { return c.full.QueryContext(ctx, query, args) })
}

func (c *conn) query(query string, act func() (driver.Rows, error)) (driver.Rows, error) {
	r, err := call(c, Call{Query, query}, act, func(r driver.Rows) { _ = r.Close() })
	if err != nil {
		return nil, err
	}
	return &rows{r, query, c}, nil
}

func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	t, err := call(c, Call{Begin, ""},
		func() (driver.Tx, error) { return c.full.BeginTx(ctx, opts) },
		func(t driver.Tx) { _ = t.Rollback() })
	if err != nil {
		return nil, err
	}
	return &tx{t, c}, nil
}

type tx struct {
	driver.Tx
	on *conn
}

func (t *tx) Commit() error   { return t.end(Commit, t.Tx.Commit) }
func (t *tx) Rollback() error { return t.end(Rollback, t.Tx.Rollback) }

func (t *tx) end(how Operation, act func() error) error {
	_, err := call(t.on, Call{how, ""}, func() (any, error) { return nil, act() }, func(any) {})
	return err
}

type stmt struct {
	driver.Stmt
	query string
	on    *conn
}

func (s *stmt) CheckNamedValue(v *driver.NamedValue) error { return check(s.Stmt, v) }

func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return call(s.on, Call{Exec, s.query},
		func() (driver.Result, error) { return s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args) },
		func(driver.Result) {})
}

func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.on.query(s.query, func() (driver.Rows, error) { return s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args) })
}

type rows struct {
	driver.Rows
	query string
	on    *conn
}

// Next fails also where there is no further row: that is not known before.
func (r *rows) Next(dest []driver.Value) error {
	_, err := call(r.on, Call{Next, r.query}, func() (any, error) { return nil, r.Rows.Next(dest) }, func(any) {})
	return err
}
