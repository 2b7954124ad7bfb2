package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
)

// source is what is read from: a file, a server, or a standby of the server.
type source struct {
	db      *DB
	sql     *sql.DB
	readers *readers
	sharers *sharers      // nil where each who reads has a connection
	era     atomic.Uint64 // raised when a connection is found to be lost
}

// open opens the connections of n readers.
func (s *source) open(ctx context.Context, n int) (err error) {
	s.readers = newReaders(n)
	for range n {
		c, err := s.sql.Conn(ctx)
		if err != nil {
			return fmt.Errorf("opening a reader: %w", err)
		}
		s.readers.give(newConn(s, c))
	}
	if s.db.dialect.pipelines {
		s.sharers, err = newSharers(ctx, s)
	}
	return err
}

func (s *source) close() error {
	var err error
	if s.readers != nil { // else it was not opened
		err = s.readers.close()
	}
	if s.sharers != nil {
		err = errors.Join(err, s.sharers.close())
	}
	return errors.Join(err, s.sql.Close())
}

// hold runs f with a connection of its own.
func (s *source) hold(ctx context.Context, f func(*tx) error) error {
	return s.take(ctx, func(c *conn) error {
		t := s.db.begin(c)
		t.by = asking(ctx)
		return f(t)
	})
}

// take runs f with a connection that works.
func (s *source) take(ctx context.Context, f func(*conn) error) error {
	c, err := s.readers.take(ctx)
	if err != nil {
		return err
	}
	defer func() { s.readers.give(c) }()
	if c, err = c.renewed(s.sql); err != nil {
		return err
	}
	return f(c)
}
