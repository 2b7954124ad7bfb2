package store

import (
	"errors"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// dialect holds the few things in which database engines differ. Every
// statement is written once, in the SQL that SQLite and PostgreSQL share:
// $n parameters, RETURNING, ON CONFLICT, partial indexes.
type dialect struct {
	name       string // also the folder of its schema
	skipLocked string // appended to a claiming SELECT
	// duplicate reports whether err is the violation of a unique index.
	duplicate func(err error) bool
	// unavailable reports whether err says that the database cannot be used
	// now, so that a later attempt may succeed.
	unavailable func(err error) bool
}

var sqliteDialect = dialect{
	name: "sqlite",
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
}
