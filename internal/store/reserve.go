package store

import (
	"context"
	"errors"
)

// ErrReserved is returned by Reserve when another process serves the file.
var ErrReserved = errors.New("another usher serves this data folder")

// Reserve makes this process the only one that serves a SQLite file, until Close or
// the end of the process; it returns ErrReserved when there is another. Commands
// that only add to the database need no reservation. With it pages of lists may be
// kept in memory, since every change to them passes here or is noticed (see Notice), and what a server before
// this one was about to deliver is due at once.
//
// Any number of processes serve a PostgreSQL database. They keep nothing in memory
// but keys and settings, for a second, and wait until another's lease has run out.
func (db *DB) Reserve(ctx context.Context) error {
	if db.opts.Database == "" {
		if err := db.reserveFile(ctx); err != nil {
			return err
		}
		if err := db.Notice(ctx); err != nil {
			return err
		}
	}
	return db.renewSigningKeys(ctx)
}

// Notice drops what is kept in memory of a file if another process has written to it
// since the last call, as commands of an operator do.
func (db *DB) Notice(ctx context.Context) error {
	if db.opts.Database != "" {
		return nil
	}
	return db.write(ctx, func(t *tx) error {
		// Of the connection that writes: it changes when any other one does.
		var version int64
		if err := t.row(`PRAGMA data_version`).Scan(&version); err != nil {
			return err
		}
		if before := db.written.Swap(version); before != 0 && before != version {
			db.cache.recast.Add(1)
			db.cache.all.Add(1)
			db.settings.Add(1)
		}
		return nil
	})
}
