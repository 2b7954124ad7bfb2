package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"maps"
	"runtime"
	"slices"
	"sync"
)

// DSN is how the package opens a file.
var DSN = dsn

// ErrLost is of what a connection broke off.
var ErrLost = errLost

// Write runs raw statements, and then f, as one operation of the writer.
func (db *DB) Write(ctx context.Context, f func() error, statements ...string) error {
	return db.write(ctx, func(t *tx) error {
		t.changed = []string{}
		for _, s := range statements {
			if _, err := t.exec(s); err != nil {
				return err
			}
		}
		if f == nil {
			return nil
		}
		return f()
	})
}

// WithoutSavepoint runs a statement on the writer's connection before anything
// is written, as pragmas want it.
func (db *DB) WithoutSavepoint(ctx context.Context, statement string) error {
	return db.write(ctx, func(t *tx) error {
		_, err := t.conn.sql.ExecContext(context.Background(), statement)
		return err
	})
}

// Waiting returns how many operations wait for their turn.
func (db *DB) Waiting() int { return len(db.writer.jobs) }

// Statements returns every statement that the database's connections have kept
// prepared. Nothing may run meanwhile.
func (db *DB) Statements() []string {
	list := slices.Collect(maps.Keys(db.writer.conn.stmts))
	for _, c := range db.primary.readers.idle {
		list = slices.AppendSeq(list, maps.Keys(c.stmts))
	}
	return list
}

// WithDriver returns options to open the file with another driver of database/sql.
func (o Options) WithDriver(name string) Options {
	o.driver = name
	return o
}

// WithConnector returns options to reach the server through other connections, so many
// of them for reading; wrap may be nil.
func (o Options) WithConnector(wrap func(driver.Connector) driver.Connector, readers int) Options {
	o.wrap, o.readers = wrap, readers
	return o
}

// Unanswered begins a transaction as the writer does, calls meanwhile with its number,
// loses its connection, and returns what is found out about its end.
func (db *DB) Unanswered(ctx context.Context, meanwhile func(number string)) error {
	c, err := db.writer.sql.Conn(ctx)
	if err != nil {
		return err
	}
	on := newConn(db.primary, c)
	if err := on.begin(db.dialect.begin); err != nil {
		return err
	}
	mark, err := on.serialize()
	if err != nil {
		return err
	}
	meanwhile(mark.number)
	if err := on.close(); err != nil {
		return err
	}
	return db.outcome(ctx, mark)
}

// Together asks queries of one shared connection so that they travel together, and
// returns what each was answered.
func (db *DB) Together(queries ...string) (answers []string, errs []error) {
	answers, errs = make([]string, len(queries)), make([]error, len(queries))
	s := db.primary.sharers.next()
	queued := func() int {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.pipeline.waiting == nil {
			return 0
		}
		return len(s.pipeline.waiting.answers)
	}
	s.turn <- struct{}{}
	var all sync.WaitGroup
	for k, query := range queries {
		all.Go(func() { errs[k] = (&sharedRow{s, query, nil}).Scan(&answers[k]) })
		for queued() <= k {
			runtime.Gosched()
		}
	}
	<-s.turn
	all.Wait()
	return answers, errs
}

// Setting returns a server's setting for a statement alone, on a snapshot, and in a
// transaction that writes.
func (db *DB) Setting(ctx context.Context, name string) (values [3]string, err error) {
	read := func(k int) func(t *tx) error {
		return func(t *tx) error { return t.row(`SELECT current_setting($1)`, name).Scan(&values[k]) }
	}
	return values, errors.Join(db.query(ctx, read(0)), db.read(ctx, read(1)), db.write(ctx, read(2)))
}

// Asked returns how many statements travel when n ask at once for what was acknowledged.
func Asked(n int) int {
	s := new(shared)
	for range n {
		s.join(acknowledged)
	}
	return len(s.pipeline.waiting.answers)
}
