package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
)

// shared is a connection to a server through which many requests read at once, single
// statements without a transaction. Whatever is asked while one cargo is under way
// travels with the next: the more there is to do, the less each journey costs.
type shared struct {
	pool *sql.DB
	// pooled says that what travels together brings its settings.
	pooled bool
	turn   chan struct{} // held by who sends
	conn   *conn         // of who has the turn

	mu       sync.Mutex
	pipeline pipeline
}

// sharers are the shared connections of a process.
type sharers struct {
	list []*shared
	last atomic.Uint32
}

// sharedConnections are as many as keep a server's processors busy while others are
// under way: what travels together is carried out by one of them.
const sharedConnections = 4

func newSharers(ctx context.Context, from *source) (*sharers, error) {
	s := new(sharers)
	for range sharedConnections {
		c, err := from.sql.Conn(ctx)
		if err != nil {
			return s, err
		}
		s.list = append(s.list, &shared{pool: from.sql, pooled: from.db.dialect.pooled, turn: make(chan struct{}, 1), conn: newConn(from, c)})
	}
	return s, nil
}

// next returns the connection whose turn it is.
func (s *sharers) next() *shared { return s.list[int(s.last.Add(1)%sharedConnections)] }

func (s *sharers) close() (err error) {
	for _, one := range s.list {
		err = errors.Join(err, one.conn.close())
	}
	return err
}

// tries is how often a statement travels, when those before it in a cargo have failed.
const tries = 3

// do carries out a statement and lets answer read what it returns.
func (s *shared) do(query string, args []any, answer func(pgx.BatchResults) error) error {
	return s.travel(func() (*cargo, int) { return s.add(query, args, answer) })
}

// travel carries out a statement that add lets wait, as the one at a place of a cargo.
func (s *shared) travel(add func() (*cargo, int)) (err error) {
	for range tries {
		load, at := add()
		err = s.carry(load)
		switch {
		case at < load.reached:
			return nil
		case at == load.reached: // it is the one that failed
			return err
		}
	}
	return err
}

func (s *shared) add(query string, args []any, answer func(pgx.BatchResults) error) (load *cargo, at int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wait(query, args, answer)
}

// wait is add for who has the lock.
func (s *shared) wait(query string, args []any, answer func(pgx.BatchResults) error) (load *cargo, at int) {
	if s.pipeline.waiting == nil && s.pooled {
		s.pipeline.add(ofTransaction, nil, discard)
	}
	s.pipeline.add(query, args, answer)
	load = s.pipeline.waiting
	if load.arrived == nil {
		load.arrived = make(chan struct{})
	}
	return load, len(load.answers) - 1
}

// join is add for a query that is carried out once for all who ask for it before it
// leaves, and have the one answer.
func (s *shared) join(query string) (load *cargo, at int, a *answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if load = s.pipeline.waiting; load != nil && load.common.query == query {
		return load, load.common.at, load.common.answer
	}
	a = new(answer)
	load, at = s.wait(query, nil, a.take)
	load.common.query, load.common.at, load.common.answer = query, at, a
	return load, at, a
}

// carry returns when load has arrived, whoever of those who wait for it sends it.
func (s *shared) carry(load *cargo) error {
	select {
	case <-load.arrived:
	case s.turn <- struct{}{}:
		if s.leaves(load) {
			s.send(load)
			close(load.arrived)
		}
		<-s.turn
	}
	return load.err
}

// leaves reports whether load is still here, and takes it.
func (s *shared) leaves(load *cargo) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pipeline.waiting != load {
		return false // it has arrived
	}
	s.pipeline.waiting = nil
	return true
}

func (s *shared) send(load *cargo) {
	if s.conn, load.err = s.conn.renewed(s.pool); load.err == nil {
		_ = s.conn.send(load) // load keeps the error
	}
}

// sharedRow is a row that is not asked for before Scan.
type sharedRow struct {
	shared *shared
	query  string
	args   []any
}

func (r *sharedRow) Scan(dest ...any) error {
	var a answer
	if err := r.shared.do(r.query, r.args, a.take); err != nil {
		return err
	}
	return a.place(dest)
}

// together returns the row of a query that has no parameters, which must not be modified:
// many may get the same.
func (s *shared) together(query string) *commonRow { return &commonRow{s, query} }

type commonRow struct {
	shared *shared
	query  string
}

func (r *commonRow) Scan(dest ...any) error {
	var a *answer
	err := r.shared.travel(func() (load *cargo, at int) {
		load, at, a = r.shared.join(r.query)
		return load, at
	})
	if err != nil {
		return err
	}
	return a.place(dest)
}
