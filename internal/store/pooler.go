package store

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// A pooler in transaction mode, such as PgBouncer, carries out each transaction on
// whichever of its own connections is free. So nothing may stay in a session, which is
// somebody else's a moment later: no setting, prepared statement or lock, and nothing
// that is listened for.

// pooled reports whether a pooler answers: statements are carried out by another process
// than the connection was told of, since a pooler makes that number up.
func pooled(ctx context.Context, config *pgx.ConnConfig) (bool, error) {
	c, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return false, err
	}
	defer c.Close(context.WithoutCancel(ctx))
	var process uint32
	err = c.QueryRow(ctx, `SELECT pg_backend_pid()`, pgx.QueryExecModeSimpleProtocol).Scan(&process)
	return process != c.PgConn().PID(), err
}

// unnamed has statements travel as text each time, with what is known of their
// parameters, unless the URL says otherwise.
func unnamed(_ context.Context, config *pgx.ConnConfig) error {
	if !strings.Contains(config.ConnString(), "default_query_exec_mode") {
		config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	return nil
}

// settings keep a statement, a wait for the lock, and a process that hangs while it
// holds the lock from holding up the others for long. And each statement has its index:
// a plan that was made while a table was small, or by old statistics, must not read all
// of it later. They hold for a session, or for one transaction. They do not stand in the
// startup message, which poolers refuse.
func settings(transaction bool) string {
	return strings.ReplaceAll(`SELECT
		set_config('statement_timeout', '30s', @), set_config('lock_timeout', '15s', @),
		set_config('idle_in_transaction_session_timeout', '15s', @),
		set_config('enable_seqscan', 'off', @), set_config('jit', 'off', @)`, "@", strconv.FormatBool(transaction))
}

var (
	ofSession     = settings(false)
	ofTransaction = settings(true)
)

func bound(ctx context.Context, c *pgx.Conn) error {
	_, err := c.Exec(ctx, ofSession)
	return err
}

// begin lets a transaction begin when the next statement travels.
func (c *conn) begin(how string) error {
	err := c.later(how)
	if err == nil && c.db.dialect.pooled {
		err = c.later(ofTransaction)
	}
	return err
}

// looking is how often a server behind a pooler asks for what others have committed.
const looking = time.Second

// look wakes those who wait for an instance's events when its log has grown, until ctx
// ends. It is what listen is where a pooler keeps notifications away.
func (db *DB) look(ctx context.Context) {
	for seen := map[string]string{}; ctx.Err() == nil; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(looking):
		}
		now := make(map[string]string)
		for _, key := range db.signals.awaited() {
			newest, err := db.newestEvent(ctx, key)
			if err != nil {
				continue // it is asked again
			}
			now[key] = newest
			if before, known := seen[key]; !known || before != newest { // what came before the first look may have been missed
				db.signals.wake(key)
			}
		}
		seen = now
	}
}

// newestEvent returns the id of the last event in an instance's log, or an empty text.
func (db *DB) newestEvent(ctx context.Context, instance string) (id string, err error) {
	err = db.query(ctx, func(t *tx) error {
		return t.row(`SELECT COALESCE(max(id), '') FROM events WHERE instance_id = $1`, instance).Scan(&id)
	})
	return id, err
}
