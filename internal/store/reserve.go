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
// kept in memory, since every change to them passes here, and what a server before
// this one was about to deliver is due at once.
//
// Any number of processes serve a PostgreSQL database. They keep nothing in memory
// but keys and settings, for a second, and wait until another's lease has run out.
func (db *DB) Reserve(ctx context.Context) error {
	if db.opts.Database == "" {
		if err := db.reserveFile(ctx); err != nil {
			return err
		}
	}
	return db.renewSigningKeys(ctx)
}
