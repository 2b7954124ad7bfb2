package store

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// postgresDialect runs the same writer as on a file, against the writers of other
// processes: each transaction that writes takes one lock first and holds it until it
// has committed. So operations come one after the other on every engine, and what
// one of them decides by reading cannot be changed beneath it.
var postgresDialect = dialect{
	pipelines: true,
	begin:     "BEGIN",
	snapshot:  "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
	schema: strings.NewReplacer(
		" TEXT", ` TEXT COLLATE "C"`, // compared byte by byte, as in a file
		" INTEGER", " BIGINT", " BLOB", " BYTEA", ") STRICT;", ");",
	),
	migrator: goose.DialectPostgres,
	alone:    alone,
	duplicate: func(err error) bool {
		e, ok := errors.AsType[*pgconn.PgError](err)
		return ok && e.Code == "23505"
	},
	unavailable: unavailableInPostgres,
	lost: func(c *sql.Conn) bool {
		closed := true
		err := c.Raw(func(inner any) error {
			if p, ok := inner.(served); ok {
				closed = p.Conn().IsClosed()
			}
			return nil
		})
		return closed || err != nil
	},
}

// unavailableInPostgres knows the classes of errors (PostgreSQL manual, appendix A)
// by which a server or its network cannot be used for now.
func unavailableInPostgres(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch e.Code[:2] {
		case "08", "40", "53", "55", "57", "58", "25": // 25: the server has become a read-only standby
			return true
		}
		return false
	}
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	_, network := errors.AsType[net.Error](err)
	ended := errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
	return connecting || network || ended || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || pgconn.SafeToRetry(err) ||
		pgconn.Timeout(err) || errors.Is(err, errLost)
}

// errLost is returned for what a connection broke off.
var errLost = errors.New("the connection to the database was lost")

var parameter = regexp.MustCompile(`\$[0-9]+`)

// numbered numbers the parameters of a statement anew when it does not use them all,
// as statements made of several conditions may: PostgreSQL wants each used.
func numbered(query string) (text string, uses []int) {
	number := make(map[string]int)
	most := 0
	for _, p := range parameter.FindAllString(query, -1) {
		n, _ := strconv.Atoi(p[1:]) // digits
		number[p] = n
		most = max(most, n)
	}
	for _, n := range number {
		uses = append(uses, n)
	}
	slices.Sort(uses)
	if len(uses) == most {
		return query, uses
	}
	return parameter.ReplaceAllStringFunc(query, func(p string) string {
		return "$" + strconv.Itoa(slices.Index(uses, number[p])+1)
	}), uses
}

// toPostgres turns what the schema keeps as a number into one, and takes bytes out
// of texts that cannot be stored or compared: rules have refused them before
// anything is stored, so that they can only be looked for, and found nowhere.
func toPostgres(args []any) {
	for k, a := range args {
		v, err := driver.DefaultParameterConverter.ConvertValue(a)
		if err != nil {
			continue // the driver says what is wrong with it
		}
		switch v := v.(type) {
		case bool:
			args[k] = int64(0)
			if v {
				args[k] = int64(1)
			}
		case string:
			if strings.Contains(v, "\x00") {
				v = strings.ReplaceAll(v, "\x00", "\uFFFD")
			}
			args[k] = strings.ToValidUTF8(v, "\uFFFD")
		default:
			args[k] = v
		}
	}
}

// postgresReaders is how many connections of one process read snapshots at once.
const postgresReaders = 12

// openPostgres returns the pools of the database at a postgres:// URL.
func openPostgres(ctx context.Context, opts Options) (pools, error) {
	config, err := postgresConfig(opts.Database, cmp.Or(opts.patience, patience))
	if err != nil {
		return pools{}, err
	}
	fatal := config.OnPgError
	config.OnPgError = func(c *pgconn.PgConn, e *pgconn.PgError) bool {
		return fatal(c, e) && e.Code != readOnly // false closes the connection
	}
	d := postgresDialect
	if d.pooled, err = pooled(ctx, config); err != nil {
		return pools{}, fmt.Errorf("connecting to the database: %w", err)
	}
	prepared := stdlib.OptionAfterConnect(bound)
	if d.pooled {
		prepared = stdlib.OptionBeforeConnect(unnamed)
	}
	readers := cmp.Or(opts.readers, postgresReaders)
	// Beside the writer, two migrate.
	return pools{d, postgresPool(config, opts, 3, prepared), postgresPool(config, opts, readers+sharedConnections, prepared), readers}, nil
}

// postgresConfig says how to connect to the server at a URL, which may be silent for so
// long.
func postgresConfig(url string, silent time.Duration) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the URL of the database cannot be read: postgres://USER:PASSWORD@HOST:PORT/NAME is wanted") // it holds a password
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "usher"
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = min(5*time.Second, silent)
	}
	dial := config.DialFunc
	config.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		late := time.AfterFunc(silent, func() { _ = c.Close() })
		late.Stop()
		return &awaited{c, silent, late}, nil
	}
	return config, nil
}

// postgresPool returns a pool of at most so many connections, none of which is left idle:
// every one is held by a reader or the writer.
func postgresPool(config *pgx.ConnConfig, opts Options, most int, prepared stdlib.OptionOpenDB) *sql.DB {
	connector := stdlib.GetConnector(*config, prepared)
	if opts.wrap != nil {
		connector = opts.wrap(connector)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(0)
	return db
}

// readOnly is what a server answers to a write that is a standby, or has become one. The
// next connection may lead to the primary; this one never will.
const readOnly = "25006"

// patience is how long a server may be silent that was asked something: longer than it
// works on a statement (see settings).
const patience = 35 * time.Second

// awaited is a connection that ends when the server, or its network, is silent for too
// long. Statements have no deadline of their own.
type awaited struct {
	net.Conn
	patience time.Duration
	late     *time.Timer
}

func (c *awaited) Read(p []byte) (int, error) {
	c.late.Reset(c.patience)
	defer c.late.Stop()
	return c.Conn.Read(p)
}

// transaction is what a transaction that writes is asked after by, if its commit is not
// answered. Its zero value is one that nobody can be asked about.
type transaction struct {
	number   string
	timeline string // of the server's log
	begun    string // by the server's clock
}

// serialize waits for the turn of a transaction that writes, among those of all
// processes, and returns what to ask after it by.
func (c *conn) serialize() (mark transaction, err error) {
	t := &tx{db: c.db, conn: c}
	err = t.row(`
		SELECT pg_current_xact_id()::text, substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8), now()::text
		FROM pg_advisory_xact_lock(hashtextextended('usher ' || current_schema(), 0))`).Scan(&mark.number, &mark.timeline, &mark.begun)
	return mark, err
}

// notify tells the other processes what has happened when the transaction commits.
func (c *conn) notify(keys map[string]bool) error {
	for key := range keys {
		if err := c.later(`SELECT pg_notify('usher', $1)`, key); err != nil {
			return err
		}
	}
	return nil
}

// outcome finds out how a transaction ended whose commit was not answered: nil if it
// is committed. It asks until the server says so, for as long as ctx lasts.
func (db *DB) outcome(ctx context.Context, mark transaction) error {
	for {
		status, same, err := db.ended(ctx, mark)
		switch {
		case err == nil && status == "committed" && same:
			return nil
		case err == nil && status == "committed":
			return fmt.Errorf("%w, and the database has crashed or changed since, so it is not known whether the commit was carried out", errLost)
		case err == nil && status == "aborted":
			return errLost
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w, and it is not known whether the commit was carried out: %w", errLost, errors.Join(err, ctx.Err()))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// ended returns how a transaction ended, and whether its number is certainly still its
// own. A server that crashes forgets the numbers of transactions of which nothing is in
// its log yet, and gives them out again; so does a standby that takes over. The first
// also begins its statistics anew, the second a timeline.
func (db *DB) ended(ctx context.Context, mark transaction) (status string, same bool, err error) {
	err = db.writer.sql.QueryRowContext(ctx, `
		SELECT COALESCE(pg_xact_status($1::text::xid8), ''),
			substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) = $2 AND COALESCE(stats_reset < $3::text::timestamptz, FALSE)
		FROM pg_stat_bgwriter
		WHERE NOT pg_is_in_recovery()`, mark.number, mark.timeline, mark.begun).Scan(&status, &same)
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == "22023" { // the number was not given out yet
		return "aborted", false, nil
	}
	return status, same, err
}

// alone waits until no other process migrates the schema, and keeps it so until done is
// called. The lock is a transaction's, which a pooler leaves its connection to, and is
// tried for, since who waits within a transaction holds one that the other may need.
func alone(ctx context.Context, db *sql.DB) (done func(), err error) {
	patient, cancel := context.WithTimeout(ctx, migrating)
	defer cancel()
	for {
		t, err := claim(ctx, db, "usher migration ")
		if err == nil {
			return func() { _ = t.Rollback() }, nil
		}
		if !errors.Is(err, errTaken) {
			return nil, err
		}
		select {
		case <-patient.Done():
			return nil, err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// migrating is how long another process may take to migrate the schema.
const migrating = 5 * time.Minute

var errTaken = errors.New("another process holds the lock")

// claim returns a transaction that holds the lock of this name, for the schema, until it
// ends, or errTaken. It may be idle for as long as it takes.
func claim(ctx context.Context, db *sql.DB, name string) (_ *sql.Tx, err error) {
	t, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	var held bool
	err = t.QueryRowContext(ctx, `
		SELECT pg_try_advisory_xact_lock(hashtextextended($1 || current_schema(), 0))
		FROM set_config('idle_in_transaction_session_timeout', '0', TRUE)`, name).Scan(&held)
	if err == nil && !held {
		err = errTaken
	}
	if err != nil {
		return nil, errors.Join(err, t.Rollback())
	}
	return t, nil
}

// settingsSignal says that an instance was changed.
const settingsSignal = "settings"

// listen wakes those who wait for what other processes commit, until ctx ends. What
// happens while it has no connection is found by those who look by themselves.
func (db *DB) listen(ctx context.Context) {
	for ctx.Err() == nil {
		if err := db.hear(ctx); err != nil && ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	}
}

func (db *DB) hear(ctx context.Context) error {
	c, err := pgx.Connect(ctx, db.opts.Database)
	if err != nil {
		return err
	}
	defer c.Close(context.WithoutCancel(ctx))
	if _, err := c.Exec(ctx, `LISTEN usher`); err != nil {
		return err
	}
	for {
		n, err := c.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		if n.Payload == settingsSignal {
			db.settings.Add(1)
		}
		db.signals.wake(n.Payload)
	}
}
