package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"usher/internal/invite"
)

// conn is one database connection with the statements prepared on it.
type conn struct {
	db     *DB
	source *source // that it is a connection to
	sql    *sql.Conn
	stmts  map[string]statement
	used   invite.Instant // last
	era    uint64         // of the source's connections, when it was known to work

	pipeline pipeline // to a server
	known    bool     // to be one to a standby of the primary
	replayed position // that the standby has at least reached
}

// statement is a prepared statement.
type statement struct {
	*sql.Stmt
	once bool // the caller must close it
}

func newConn(s *source, c *sql.Conn) *conn {
	return &conn{db: s.db, source: s, sql: c, stmts: make(map[string]statement)}
}

// prepare returns the prepared statement for query.
func (c *conn) prepare(query string) (s statement, err error) {
	if s, ok := c.stmts[query]; ok {
		return s, nil
	}
	if s.Stmt, err = c.sql.PrepareContext(context.Background(), query); err != nil {
		return statement{}, err
	}
	if s.once = len(c.stmts) >= maxTexts; !s.once {
		c.stmts[query] = s
	}
	return s, nil
}

// renewed returns c, or another connection of the pool in place of one that is lost.
// It asks whether c still works when another connection was lost, or c was not used
// for a while: a server does not say good-bye to everybody when it restarts.
func (c *conn) renewed(pool *sql.DB) (*conn, error) {
	if c.db.opts.Database == "" {
		return c, nil // a file does not hang up
	}
	ctx, cancel := context.WithTimeout(context.Background(), reconnecting)
	defer cancel()
	era, now := c.source.era.Load(), c.db.Now()
	if c.sql != nil && (c.era != era || now > c.used.Add(idle)) {
		_ = c.sql.PingContext(ctx) // lost tells
	}
	if c.sql == nil || c.db.dialect.lost(c.sql) {
		if c.sql != nil && c.era == era {
			era = c.source.era.Add(1)
		}
		_ = c.close()
		fresh, err := pool.Conn(ctx)
		if err != nil {
			return c, err
		}
		c = newConn(c.source, fresh)
	}
	c.era, c.used = era, now
	return c, nil
}

const (
	reconnecting = 5 * time.Second  // how long a request waits for a connection in place of a lost one
	idle         = 30 * time.Second // after which a connection is asked whether it works
)

func (c *conn) close() error {
	if c.sql == nil {
		return nil
	}
	if c.db.opts.Database != "" {
		_ = c.sql.Close() // a server forgets what its connections had, however they end
		return nil
	}
	var err error
	for _, s := range c.stmts {
		err = errors.Join(err, s.Close())
	}
	return errors.Join(err, c.sql.Close())
}

// tx is one transaction: what an operation reads and writes through. Statements
// run to their end even when the request has gone, because the connection is
// shared by a whole batch of them.
type tx struct {
	db     *DB
	conn   *conn
	shared *shared        // instead of a connection of its own, for single statements
	now    invite.Instant // one instant for the whole operation
	write  bool
	wrote  bool
	after  []func()        // run once the commit is durable
	tells  map[string]bool // what other processes are to hear then
	// What lists show differently after the operation: these organizations', or
	// every organization's. Neither set, with something written, counts as all.
	changed    []string
	changedAll bool
	by         string // the user who asks; empty for the application

	generation uint64          // of everything, when the transaction began
	horizons   uint64          // their state then
	uncached   bool            // what others read before may not be what this reads
	catalogs   uint64          // their generation then
	cast       uint64          // the version of a catalog that was read with something else
	castOf     string          // its instance
	recast     bool            // this operation, or one before it, changed a catalog
	altered    string          // the instance whose catalog this operation has changed
	own        *invite.Catalog // as this operation sees it; nil until it asks
	fixed      bool            // on one snapshot already
}

// errReadOnly is a mistake of this package: a write outside db.write.
var errReadOnly = errors.New("write in a read transaction")

// exec runs a statement that changes rows and returns how many it changed.
func (t *tx) exec(query string, args ...any) (int64, error) {
	if err := t.begin(); err != nil {
		return 0, err
	}
	return t.conn.exec(query, args...)
}

// later is exec where nobody needs to know how many rows are changed, or refuses
// because of it: a server hears of the statement together with the next one. Its error
// may be that one's, or the commit's.
func (t *tx) later(query string, args ...any) error {
	if err := t.begin(); err != nil {
		return err
	}
	return t.conn.later(query, args...)
}

// begin opens the operation's savepoint before its first write: an operation
// that is refused by a rule has mostly written nothing and costs none.
func (t *tx) begin() error {
	if !t.write {
		return errReadOnly
	}
	if t.wrote {
		return nil
	}
	if err := t.conn.later("SAVEPOINT operation"); err != nil {
		return err
	}
	t.wrote = true
	return nil
}

func (c *conn) exec(query string, args ...any) (changed int64, err error) {
	if c.db.dialect.pipelines {
		c.pipeline.add(query, args, func(r pgx.BatchResults) error {
			tag, err := r.Exec()
			changed = tag.RowsAffected()
			return err
		})
		err = c.flush()
		return changed, err
	}
	s, err := c.prepare(query)
	if err != nil {
		return 0, err
	}
	if s.once {
		defer s.Close()
	}
	res, err := s.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (c *conn) later(query string, args ...any) error {
	if c.db.dialect.pipelines {
		c.pipeline.add(query, args, discard)
		return nil
	}
	_, err := c.exec(query, args...)
	return err
}

// run executes a statement of transaction control.
func (c *conn) run(query string) error {
	_, err := c.exec(query)
	return err
}

// rollback ends the transaction without effect, if there is one. The engine may have
// done so itself, as it does when the disk is full; that is not an error here. It is
// tried again, since in a transaction left open the connection could begin no other.
func (c *conn) rollback() {
	c.pipeline.drop()
	if c.run("ROLLBACK") != nil {
		_ = c.run("ROLLBACK")
	}
}

// row runs a query of at most one row; Scan returns sql.ErrNoRows without one. The
// query is asked when Scan is called, or, of a server, with what is asked before.
func (t *tx) row(query string, args ...any) scanner {
	switch {
	case t.shared != nil:
		return &sharedRow{t.shared, query, args}
	case t.db.dialect.pipelines:
		return t.conn.ask(query, args)
	}
	return &fileRow{t.conn, query, args}
}

type scanner interface {
	Scan(dest ...any) error
}

// fileRow is a row that is not read before Scan.
type fileRow struct {
	conn  *conn
	query string
	args  []any
}

func (r *fileRow) Scan(dest ...any) error {
	s, err := r.conn.prepare(r.query)
	if err != nil {
		return err
	}
	if s.once {
		defer s.Close()
	}
	return s.QueryRowContext(context.Background(), r.args...).Scan(dest...)
}

// each runs a query and calls scan for every row. What scan reads must not be
// kept beyond the call unless it was copied.
func (t *tx) each(query string, args []any, scan func(row scanner) error) error {
	switch {
	case t.shared != nil:
		return t.shared.do(query, args, scanning(scan))
	case t.db.dialect.pipelines:
		return t.conn.each(query, args, scan)
	}
	s, err := t.conn.prepare(query)
	if err != nil {
		return err
	}
	if s.once {
		defer s.Close()
	}
	rows, err := s.QueryContext(context.Background(), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

type txKey struct{}

// read runs f on one snapshot of the database. Inside Once it runs in the
// transaction that Once holds.
func (db *DB) read(ctx context.Context, f func(*tx) error) error {
	return db.hold(ctx, func(t *tx) error { return t.stable(f) })
}

// Snapshot runs f on one snapshot of the database: what f reads with the context that it
// is given is from one moment, in however many calls, and what it would write is
// refused. Until f returns the log beside the file cannot begin anew.
func (db *DB) Snapshot(ctx context.Context, f func(context.Context) error) error {
	return db.read(ctx, func(t *tx) error {
		t.uncached = true
		return f(context.WithValue(ctx, txKey{}, t))
	})
}

// stable runs f on one snapshot, which a transaction that writes has already.
func (t *tx) stable(f func(*tx) error) error {
	switch {
	case t.write || t.fixed:
		return f(t)
	case t.shared != nil:
		return t.db.read(context.Background(), f)
	}
	return t.snapshot(f)
}

// snapshot ends its transaction even when f panics: the connection is used again.
func (t *tx) snapshot(f func(*tx) error) (err error) {
	if err := t.conn.begin(t.db.dialect.snapshot); err != nil {
		t.conn.rollback() // it may have begun
		return err
	}
	t.fixed = true
	defer func() {
		t.fixed = false
		end := t.conn.run("COMMIT")
		if end != nil {
			t.conn.rollback()
		}
		if err == nil {
			err = end
		}
	}()
	return f(t)
}

// query runs f without a transaction around it: each statement sees a snapshot
// of its own. It serves reads of a single statement.
func (db *DB) query(ctx context.Context, f func(*tx) error) error {
	if t, ok := ctx.Value(txKey{}).(*tx); ok {
		return f(t)
	}
	if served, err := db.standby.serve(ctx, f); served {
		return db.classify(err)
	}
	if db.primary.sharers == nil {
		return db.classify(db.primary.hold(ctx, f))
	}
	t := db.begin(nil)
	t.by, t.shared = asking(ctx), db.primary.sharers.next()
	return db.classify(f(t))
}

// hold runs f with a connection of its own.
func (db *DB) hold(ctx context.Context, f func(*tx) error) error {
	if t, ok := ctx.Value(txKey{}).(*tx); ok {
		return f(t)
	}
	if served, err := db.standby.serve(ctx, f); served {
		return db.classify(err)
	}
	return db.classify(db.primary.hold(ctx, f))
}

// begin returns a transaction on c. The generation is read first: what the
// transaction then sees is at least as new.
func (db *DB) begin(c *conn) *tx {
	return &tx{
		db: db, conn: c, now: db.Now(), uncached: !db.cache.enabled.Load(),
		generation: db.cache.all.Load(), horizons: db.cache.horizons.state(), catalogs: db.cache.recast.Load(),
	}
}

// write runs f in a durable transaction, committed together with whatever else
// is waiting. f may run twice; it must set its results anew each time. It must
// not use ctx to wait.
func (db *DB) write(ctx context.Context, f func(*tx) error) error {
	if t, ok := ctx.Value(txKey{}).(*tx); ok {
		return f(t)
	}
	if by := asking(ctx); by != "" {
		operate := f
		f = func(t *tx) error {
			t.by = by
			return operate(t)
		}
	}
	return db.classify(db.writer.do(ctx, f))
}

// classify turns what says that the operation could not be carried out now, and
// was not, into the kind that asks the client to come back.
func (db *DB) classify(err error) error {
	switch {
	case err == nil:
		return nil
	case db.dialect.unavailable(err), errors.Is(err, errClosed),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return fmt.Errorf("%w: %w", invite.Err(invite.Unavailable), err)
	}
	return err
}

// missing returns refusal when err says that there is no such row, else err.
func missing(err error, refusal error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return refusal
	}
	return err
}
