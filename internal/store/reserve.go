package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// ErrReserved is returned by Reserve when another process serves the file.
var ErrReserved = errors.New("another usher serves this data folder")

// Reserve makes this process the only one that serves the database file, until
// Close or the end of the process; it returns ErrReserved when there is another.
// Commands that only add to the database need no reservation. With it pages of
// lists may be kept in memory, since every change to them passes here.
//
// The reservation is an exclusive lock on a second, empty SQLite file, which the
// operating system takes back from a process that dies.
func (db *DB) Reserve(ctx context.Context) error {
	lock, err := sql.Open("sqlite", "file:"+escapePath(db.opts.Path+".lock")+"?_pragma=locking_mode(EXCLUSIVE)&_pragma=journal_mode(MEMORY)")
	if err != nil {
		return fmt.Errorf("reserving the data folder: %w", err)
	}
	lock.SetMaxOpenConns(1)
	if _, err = lock.ExecContext(ctx, `BEGIN EXCLUSIVE; COMMIT`); err != nil {
		if db.dialect.unavailable(err) {
			err = ErrReserved
		}
		return errors.Join(err, lock.Close())
	}
	db.reservation = lock
	db.cache.enabled.Store(true)
	return db.renewSigningKeys(ctx)
}
