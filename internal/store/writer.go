package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"time"

	"usher/internal/invite"
)

// writer is the one goroutine of a process that changes the database. It takes
// whatever operations are waiting, runs each behind its own savepoint in one
// transaction, commits once, and answers all: the cost of a durable commit is
// shared, and a refused operation takes back only its own changes. On PostgreSQL the
// writers of all processes take turns.
type writer struct {
	db   *DB
	sql  *sql.DB
	conn *conn
	jobs chan *job
	stop chan struct{}
	done chan struct{}
	// unsettled says that the batch has changed, and not yet committed, something
	// that the cache may remember otherwise.
	unsettled bool
	recast    bool // the same of catalogs
	// continued names the instances behind whose logs ids go on in this transaction.
	continued map[string]bool
	// catalogs are those read in this transaction, in which nobody else changes them.
	catalogs map[string]*invite.Catalog
}

type job struct {
	ctx    context.Context
	run    func(*tx) error
	tx     *tx
	err    error
	answer chan struct{}
}

// maxBatch bounds how long the first operation of a batch waits for the last.
const maxBatch = 256

// errClosed is returned for operations begun after Close.
var errClosed = errors.New("the database is closed")

func startWriter(ctx context.Context, db *DB, pool *sql.DB) (*writer, error) {
	c, err := pool.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("opening the writer: %w", err)
	}
	w := &writer{
		db: db, sql: pool, conn: newConn(db.primary, c),
		jobs: make(chan *job, maxBatch), stop: make(chan struct{}), done: make(chan struct{}),
	}
	go w.loop()
	return w, nil
}

// close carries out what is queued, then closes the connection.
func (w *writer) close() error {
	close(w.stop)
	<-w.done
	return errors.Join(w.conn.close(), w.sql.Close())
}

// do queues f and waits for its outcome. Once queued an operation is carried
// out unless ctx ended before its turn; the outcome is always the true one.
func (w *writer) do(ctx context.Context, f func(*tx) error) error {
	j := &job{ctx: ctx, run: f, answer: make(chan struct{})}
	select {
	case w.jobs <- j:
	case <-w.stop:
		return errClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case <-j.answer:
	case <-w.done:
		select {
		case <-j.answer: // its turn came before the end
		default:
			return errClosed
		}
	}
	return j.err
}

func (w *writer) loop() {
	defer close(w.done)
	batch := make([]*job, 0, maxBatch)
	for {
		select {
		case first := <-w.jobs:
			batch = w.collect(append(batch[:0], first))
		case <-w.stop:
			if batch = w.collect(batch[:0]); len(batch) == 0 {
				return
			}
		}
		w.serve(batch)
	}
}

// collect adds what is waiting, without waiting for more.
func (w *writer) collect(batch []*job) []*job {
	for len(batch) < maxBatch {
		select {
		case j := <-w.jobs:
			batch = append(batch, j)
		default:
			return batch
		}
	}
	return batch
}

// serve commits a batch and answers it. When one of several operations met an
// engine error, which may have undone the others' work as well, each is run
// again in a transaction of its own.
func (w *writer) serve(batch []*job) {
	if !w.commit(batch) && len(batch) > 1 {
		for _, j := range batch {
			w.commit([]*job{j})
		}
	}
	for _, j := range batch {
		close(j.answer)
	}
}

// commit runs a batch in one transaction. It reports false when an operation
// met an engine error, so that everything was taken back.
func (w *writer) commit(batch []*job) bool {
	mark, err := w.begin()
	if err != nil {
		w.conn.rollback()
		fail(batch, fmt.Errorf("beginning a transaction: %w", err))
		return true
	}
	wrote, tells := false, map[string]bool{}
	w.unsettled, w.recast = false, false
	w.continued, w.catalogs = make(map[string]bool), make(map[string]*invite.Catalog)
	for _, j := range batch {
		if err := w.perform(j); err != nil {
			w.conn.rollback()
			fail(batch, err)
			return false
		}
		if j.tx != nil && j.tx.wrote && j.err == nil {
			wrote = true
			maps.Copy(tells, j.tx.tells)
			w.unsettled, w.recast = w.unsettled || j.tx.everywhere(), w.recast || j.tx.recast
		}
	}
	if !wrote {
		w.conn.rollback()
		return true
	}
	at, err := w.end(mark, tells)
	if err != nil {
		w.conn.rollback()
	}
	for _, j := range batch {
		w.publish(j, at) // after an error too, which does not say that nothing was stored
	}
	if err != nil {
		fail(batch, fmt.Errorf("committing: %w", err))
	}
	return true
}

// begin opens a transaction, on another connection if the last one is lost. On
// PostgreSQL it returns what to ask after the transaction by.
func (w *writer) begin() (mark transaction, err error) {
	for range 2 {
		if w.conn, err = w.conn.renewed(w.sql); err != nil {
			return transaction{}, err
		}
		if err = w.conn.begin(w.db.dialect.begin); err == nil && w.db.opts.Database != "" {
			mark, err = w.conn.serialize()
		}
		if err == nil || !w.db.dialect.lost(w.conn.sql) {
			break
		}
	}
	return mark, err
}

// settling is how long a writer tries to find out how a commit ended: with what it has
// waited before, less than a request may take.
const settling = 25 * time.Second

// end commits, and returns what commit does. Where the connection broke off meanwhile,
// the server is asked what became of the transaction.
func (w *writer) end(mark transaction, tells map[string]bool) (at position, err error) {
	if mark == (transaction{}) {
		return position{}, w.conn.run("COMMIT")
	}
	if err := w.conn.notify(tells); err != nil {
		return position{}, err
	}
	if at, err = w.conn.commit(); err == nil || !w.db.dialect.lost(w.conn.sql) {
		return at, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), settling)
	defer cancel()
	return position{}, w.db.outcome(ctx, mark)
}

// perform runs one job. A refusal by a rule stays with the job; any other error
// is returned, since the transaction may not be what it was.
func (w *writer) perform(j *job) error {
	j.tx, j.err = nil, nil
	if j.ctx.Err() != nil {
		j.err = context.Cause(j.ctx)
		return nil
	}
	t := w.db.begin(w.conn)
	t.write, t.uncached, t.recast = true, t.uncached || w.unsettled, w.recast
	j.tx = t
	j.err = guard(j.run, t)
	refused := isRefusal(j.err)
	switch {
	case j.err != nil && !refused:
		return j.err
	case !t.wrote:
		return nil
	case refused:
		if err := w.conn.later("ROLLBACK TO operation"); err != nil {
			return err
		}
	}
	return w.conn.later("RELEASE operation")
}

// guard keeps a panic of one operation from ending the writer. It becomes the
// operation's error, with the stack that it happened on.
func guard(run func(*tx) error, t *tx) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = refusal{fmt.Errorf("panic in a transaction: %v\n%s", v, debug.Stack())}
		}
	}()
	return run(t)
}

// isRefusal reports whether a rule has refused, so that trying again is of no use.
func isRefusal(err error) bool {
	if errors.Is(err, invite.Err(invite.Unavailable)) {
		return false
	}
	_, one := errors.AsType[*invite.Error](err)
	_, many := errors.AsType[invite.Errors](err)
	_, other := errors.AsType[refusal](err)
	return one || many || other
}

// refusal marks an error of a caller's function that is no engine error.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

func fail(batch []*job, cause error) {
	for _, j := range batch {
		j.tx, j.err = nil, cause
	}
}

// publish makes an operation's change visible to caches and workers, when it was
// committed and before the operation is answered.
func (w *writer) publish(j *job, at position) {
	if j.tx == nil || j.err != nil || !j.tx.wrote {
		return
	}
	if track, ok := j.ctx.Value(trackKey{}).(*Track); ok {
		track.wrote = at
	}
	w.db.cache.changed(j.tx)
	for _, f := range j.tx.after {
		f()
	}
}
