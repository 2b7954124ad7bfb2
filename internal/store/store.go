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
	"context"
	"crypto/rsa"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"usher/internal/invite"
)

// Options configures a DB.
type Options struct {
	// Path is the SQLite file. Its folder must exist, the file is made readable by its
	// owner only.
	Path string
	// Database is the postgres:// URL of the database to use instead of a file.
	Database string
	// DatabaseRead is the postgres:// URL of a standby of Database that may answer reads;
	// empty for none. It need not be there.
	DatabaseRead string
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

	driver  string                                  // of database/sql; empty: SQLite's
	wrap    func(driver.Connector) driver.Connector // of PostgreSQL's connections; nil: as they are
	readers int                                     // connections to PostgreSQL that read; 0: postgresReaders

	patience time.Duration // how long PostgreSQL may be silent; 0: patience
}

// DB is the database. It is safe for concurrent use.
type DB struct {
	opts    Options
	dialect dialect
	primary *source
	standby *standby // nil without one
	writer  *writer
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
	written     atomic.Int64  // what Notice saw of a file's writes
	reservation *sql.DB       // holds Reserve's lock; nil without one
	log         reached       // how far it is, where there is a standby
	silence     func()        // ends listening to other processes; nil on SQLite
	closed      func() error

	signals signals
	version int64
}

// Open opens or creates the database, migrates its schema and starts the writer.
// Close must be called. With keys that are not those of the data it returns
// ErrOtherMasterKey, for a copy that was cut short ErrUnfinishedCopy.
func Open(ctx context.Context, opts Options) (*DB, error) {
	name, open := opts.Path, openSQLite
	if opts.Database != "" {
		name, open = "the database", openPostgres
	}
	p, err := open(ctx, opts)
	if err != nil {
		return nil, err
	}
	version, err := migrate(ctx, p.write, p.dialect)
	if err == nil {
		err = finished(ctx, p.write)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening %s: %w", name, err), p.write.Close(), p.read.Close())
	}
	db := &DB{opts: opts, dialect: p.dialect, version: version, cache: newCache()}
	db.primary = &source{db: db, sql: p.read}
	db.closed = sync.OnceValue(db.close)
	if db.writer, err = startWriter(ctx, db, p.write); err != nil {
		return nil, errors.Join(err, p.read.Close(), p.write.Close())
	}
	err = db.primary.open(ctx, p.readers)
	if err == nil && opts.DatabaseRead != "" {
		err = db.openStandby(ctx, opts.DatabaseRead)
		if db.standby != nil && !errors.Is(err, ErrOtherDatabase) {
			err = nil // it may be there later
		}
	}
	if err == nil {
		err = db.checkMasterKey(ctx)
	}
	if err == nil {
		err = db.continueIDs(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if opts.Database != "" {
		listening, stop := context.WithCancel(context.WithoutCancel(ctx))
		var ended sync.WaitGroup
		if db.dialect.pooled {
			ended.Go(func() { db.look(listening) })
		} else {
			ended.Go(func() { db.listen(listening) })
		}
		db.silence = func() { stop(); ended.Wait() }
	}
	return db, nil
}

// Close waits for the writes under way and closes the database. No operation
// may be started afterwards; closing again changes nothing.
func (db *DB) Close() error { return db.closed() }

func (db *DB) close() error {
	if db.silence != nil {
		db.silence()
	}
	err := errors.Join(db.writer.close(), db.primary.close())
	if db.standby != nil {
		err = errors.Join(err, db.standby.close())
	}
	if db.reservation != nil {
		err = errors.Join(err, db.reservation.Close())
	}
	return err
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
