package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

var sqliteDialect = dialect{
	begin:    "BEGIN IMMEDIATE",
	snapshot: "BEGIN",
	schema:   strings.NewReplacer(),
	migrator: goose.DialectSQLite3,
	duplicate: func(err error) bool {
		e, ok := errors.AsType[*sqlite.Error](err)
		return ok && (e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
	},
	unavailable: func(err error) bool {
		e, ok := errors.AsType[*sqlite.Error](err)
		if !ok {
			return false
		}
		switch e.Code() & 0xff { // the primary result code
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_INTERRUPT:
			return true
		}
		return false
	},
	lost: func(*sql.Conn) bool { return false }, // a file does not hang up
}

// openSQLite returns the pools of the writer and of the readers of a file, which is
// readable by its owner only.
func openSQLite(_ context.Context, opts Options) (pools, error) {
	if _, err := os.Stat(filepath.Dir(opts.Path)); err != nil {
		return pools{}, fmt.Errorf("opening the data folder: %w", err)
	}
	// SQLite gives the log beside the file the file's own mode.
	file, err := os.OpenFile(opts.Path, os.O_CREATE|os.O_RDONLY, 0o600)
	if err != nil {
		return pools{}, fmt.Errorf("opening the database: %w", err)
	}
	if err := file.Close(); err != nil {
		return pools{}, fmt.Errorf("opening the database: %w", err)
	}
	write, err := sql.Open(cmp.Or(opts.driver, "sqlite"), dsn(opts.Path, "_txlock=immediate&_pragma=cache_size("+writerCache+")"))
	if err != nil {
		return pools{}, err
	}
	read, err := sql.Open(cmp.Or(opts.driver, "sqlite"), dsn(opts.Path, "_pragma=query_only(1)"))
	if err != nil {
		return pools{}, errors.Join(err, write.Close())
	}
	return pools{sqliteDialect, write, read, 2 * max(runtime.GOMAXPROCS(0), 2)}, nil
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

// reserveFile keeps the file's reservation until Close.
func (db *DB) reserveFile(ctx context.Context) error {
	lock, err := reserve(ctx, db.opts.Path)
	if err != nil {
		return err
	}
	db.reservation = lock
	db.cache.enabled.Store(true)
	return nil
}

// reserve takes an exclusive lock on a second, empty SQLite file, which the operating
// system takes back from a process that dies; closing gives it back.
func reserve(ctx context.Context, path string) (*sql.DB, error) {
	lock, err := sql.Open("sqlite", "file:"+escapePath(path+".lock")+"?_pragma=locking_mode(EXCLUSIVE)&_pragma=journal_mode(MEMORY)")
	if err != nil {
		return nil, fmt.Errorf("reserving the data folder: %w", err)
	}
	lock.SetMaxOpenConns(1)
	if _, err = lock.ExecContext(ctx, `BEGIN EXCLUSIVE; COMMIT`); err != nil {
		if sqliteDialect.unavailable(err) {
			err = ErrReserved
		}
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}
