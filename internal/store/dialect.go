package store

import (
	"context"
	"database/sql"
	"strings"

	"github.com/pressly/goose/v3"
)

// dialect holds the few things in which database engines differ. Every
// statement is written once, in the SQL that SQLite and PostgreSQL share:
// $n parameters, RETURNING, ON CONFLICT, partial indexes.
type dialect struct {
	// pipelines says that statements travel to a server, several at once.
	pipelines bool
	pooled    bool   // sessions are shared with others, see pooler.go
	begin     string // a transaction that writes
	snapshot  string // one that reads a single state
	schema    *strings.Replacer
	migrator  goose.Dialect
	// alone keeps other processes from migrating until done is called; nil where the
	// engine does.
	alone func(ctx context.Context, db *sql.DB) (done func(), err error)
	// duplicate reports whether err is the violation of a unique index.
	duplicate func(err error) bool
	// unavailable reports whether err says that the database cannot be used
	// now, so that a later attempt may succeed.
	unavailable func(err error) bool
	// lost reports whether a connection can be used no more.
	lost func(c *sql.Conn) bool
}

// pools are what a database is opened as.
type pools struct {
	dialect     dialect
	write, read *sql.DB
	readers     int // connections that read at once
}
