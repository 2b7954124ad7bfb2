// Package store keeps usher's data. It has one type, DB, with one file for each
// aggregate; each exported method is one operation of the product and atomic:
// when it returns an error nothing has changed, and when it returns nil the
// change, its events and its messages survive a crash.
//
// What an operation decides together with the data is decided inside its
// transaction by the rules of package invite, whose errors it returns as they
// are. Every statement names the instance first.
package store

import (
	"cmp"
	"context"
	"crypto/rsa"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"usher/internal/invite"
)

// Options configures a DB.
type Options struct {
	// Path is the database file. Its folder must exist.
	Path string
	// Now is the clock; every instant that is stored or compared comes from it.
	Now func() time.Time
	// Keys seals what the database keeps but must not reveal; nil for a command
	// that has nothing to do with that.
	Keys *invite.Keyring
	// NewSigningKey makes what session tokens are signed with; nil makes RSA keys
	// of 2,048 bits.
	NewSigningKey func() (*rsa.PrivateKey, error)
	// Event renders a domain value as the JSON of an event's data. It must not
	// put in anything that can be replayed.
	Event func(data any, now invite.Instant) (json.RawMessage, error)

	driver string // of database/sql; empty: SQLite's
}

// DB is the database. It is safe for concurrent use.
type DB struct {
	opts    Options
	dialect dialect
	sql     *sql.DB // readers
	writer  *writer
	readers chan *conn
	cache   *cache
	made    sequence
	logos   logos

	signing       sync.Map // instance → signing
	authenticated sync.Map // key hash → authenticated
	hosts         struct {
		sync.Mutex
		known map[string]authenticated
	}
	settings    atomic.Uint64 // raised by each change of an instance
	reservation *sql.DB       // holds Reserve's lock; nil without one
	closed      func() error

	signals signals
	version int64
}

// Open opens or creates the database file, readable by its owner only, migrates its schema and starts the
// writer. Close must be called. With keys that are not those of the data it returns
// ErrOtherMasterKey.
func Open(ctx context.Context, opts Options) (*DB, error) {
	if _, err := os.Stat(filepath.Dir(opts.Path)); err != nil {
		return nil, fmt.Errorf("opening the data folder: %w", err)
	}
	// SQLite gives the log beside the file the file's own mode.
	file, err := os.OpenFile(opts.Path, os.O_CREATE|os.O_RDONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	write, err := sql.Open(cmp.Or(opts.driver, "sqlite"), dsn(opts.Path, "_txlock=immediate&_pragma=cache_size("+writerCache+")"))
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", opts.Path, err)
	}
	version, err := migrate(ctx, write, sqliteDialect)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening %s: %w", opts.Path, err), write.Close())
	}
	read, err := sql.Open(cmp.Or(opts.driver, "sqlite"), dsn(opts.Path, "_pragma=query_only(1)"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening %s: %w", opts.Path, err), write.Close())
	}
	db := &DB{opts: opts, dialect: sqliteDialect, sql: read, version: version, cache: newCache()}
	db.closed = sync.OnceValue(db.close)
	if db.writer, err = startWriter(ctx, db, write); err != nil {
		return nil, errors.Join(err, read.Close(), write.Close())
	}
	err = db.openReaders(ctx, 2*max(runtime.GOMAXPROCS(0), 2))
	if err == nil {
		err = db.checkMasterKey(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := db.continueIDs(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// writerCache is the page cache of the one connection that writes, 64 MiB and
// only filled as it writes: each write dirties a page of every index, in as many
// places as there are organizations.
const writerCache = "-65536"

// dsn returns the data source name of a file. The pragmas stand in it so that
// every connection gets them: a full sync at each commit, because a success is a
// promise, and a log of up to 16,000 pages between checkpoints.
func dsn(path, more string) string {
	return "file:" + escapePath(path) + "?" + strings.Join([]string{
		"_pragma=busy_timeout(5000)",
		"_pragma=journal_mode(WAL)",
		"_pragma=synchronous(FULL)",
		"_pragma=wal_autocheckpoint(16000)",
		"_pragma=cache_size(-16384)",
		"_pragma=foreign_keys(0)",
		more,
	}, "&")
}

// escapePath keeps a path from being read as the parameters of a data source.
func escapePath(path string) string { return (&url.URL{Path: path}).EscapedPath() }

func (db *DB) openReaders(ctx context.Context, n int) error {
	db.readers = make(chan *conn, n)
	for range n {
		c, err := db.sql.Conn(ctx)
		if err != nil {
			return fmt.Errorf("opening a reader: %w", err)
		}
		db.readers <- newConn(c)
	}
	return nil
}

// Close waits for the writes under way and closes the database. No operation
// may be started afterwards; closing again changes nothing.
func (db *DB) Close() error { return db.closed() }

func (db *DB) close() error {
	err := db.writer.close()
	for range cap(db.readers) {
		select {
		case c := <-db.readers:
			err = errors.Join(err, c.close())
		default: // Open failed half-way
		}
	}
	if db.reservation != nil {
		err = errors.Join(err, db.reservation.Close())
	}
	return errors.Join(err, db.sql.Close())
}

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error {
	return db.read(ctx, func(t *tx) error {
		var one int
		return t.row(`SELECT 1`).Scan(&one)
	})
}

// SchemaVersion returns the number of the newest migration applied.
func (db *DB) SchemaVersion() int64 { return db.version }

// Now returns the current instant of the database's clock.
func (db *DB) Now() invite.Instant { return invite.At(db.opts.Now()) }
