package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// To a server each statement is a journey, which takes longer than what is done there.
// So statements wait until somebody needs an answer, and then travel together: an
// operation of ten statements makes two or three journeys.

// pipeline is what a connection to a server has not sent yet.
type pipeline struct {
	waiting *cargo
	texts   map[string]text // as numbered makes them
}

type text struct {
	query string
	uses  []int
}

// cargo are statements that travel together, in order. The first that fails keeps those
// behind it from being carried out.
type cargo struct {
	batch   pgx.Batch
	answers []func(pgx.BatchResults) error // one for each
	sent    bool
	reached int   // how many were answered
	err     error // of the others

	// On a shared connection.
	arrived chan struct{} // closed when all this is known
	common  struct {      // what several ask for at once
		query  string
		at     int
		answer *answer
	}
}

// add lets a statement wait. Its answer must be read by answer, whole.
func (p *pipeline) add(query string, args []any, answer func(pgx.BatchResults) error) {
	known, ok := p.texts[query]
	if !ok {
		known.query, known.uses = numbered(query)
		if p.texts == nil || len(p.texts) >= maxTexts {
			p.texts = make(map[string]text)
		}
		p.texts[query] = known
	}
	if p.waiting == nil {
		p.waiting = new(cargo)
	}
	list := make([]any, len(known.uses)) // the caller's stay as they are: they may be used twice
	for k, n := range known.uses {
		list[k] = args[n-1]
	}
	toPostgres(list)
	p.waiting.batch.Queue(known.query, list...)
	p.waiting.answers = append(p.waiting.answers, answer)
}

// maxTexts bounds the statements that are remembered: filters can be combined in more
// ways than are worth keeping.
const maxTexts = 1024

var errDropped = errors.New("the transaction was taken back")

// drop forgets what waits.
func (p *pipeline) drop() {
	if p.waiting != nil {
		p.waiting.sent, p.waiting.err = true, errDropped
		p.waiting = nil
	}
}

// pipeliner is a connection that sends several statements at once.
type pipeliner interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// served is a connection of database/sql to a server.
type served interface{ Conn() *pgx.Conn }

// flush sends what waits and reads the answers.
func (c *conn) flush() error {
	load := c.pipeline.waiting
	if load == nil {
		return nil
	}
	c.pipeline.waiting = nil
	return c.send(load)
}

func (c *conn) send(load *cargo) error {
	load.sent = true
	load.err = c.sql.Raw(func(inner any) error {
		p, ok := inner.(pipeliner)
		if !ok {
			p = inner.(served).Conn()
		}
		results := p.SendBatch(context.Background(), &load.batch)
		for _, answer := range load.answers {
			if err := answer(results); err != nil {
				_ = results.Close() // says the same
				return err
			}
			load.reached++
		}
		return results.Close()
	})
	return load.err
}

func discard(r pgx.BatchResults) error {
	_, err := r.Exec()
	return err
}

// answer is the first row that a query finds.
type answer struct {
	read   bool
	values []any // nil: there is none
}

func (a *answer) take(results pgx.BatchResults) error {
	rows, err := results.Query()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() && a.values == nil {
		if a.values, err = rows.Values(); err != nil {
			return err
		}
	}
	rows.Close()
	a.read = rows.Err() == nil
	return rows.Err()
}

func (a *answer) place(dest []any) error {
	if a.values == nil {
		return sql.ErrNoRows
	}
	return place(a.values, dest)
}

// servedRow is the row that a statement is asked for which waits, or has travelled.
type servedRow struct {
	conn *conn
	in   *cargo
	answer
}

func (c *conn) ask(query string, args []any) *servedRow {
	r := &servedRow{conn: c}
	c.pipeline.add(query, args, r.take)
	r.in = c.pipeline.waiting
	return r
}

func (r *servedRow) Scan(dest ...any) error {
	if !r.in.sent {
		_ = r.conn.flush() // its error is for who got no answer
	}
	if !r.read {
		return r.in.err
	}
	return r.place(dest)
}

// each sends a query behind what waits, and calls scan for every row.
func (c *conn) each(query string, args []any, scan func(row scanner) error) error {
	c.pipeline.add(query, args, scanning(scan))
	return c.flush()
}

func scanning(scan func(row scanner) error) func(pgx.BatchResults) error {
	return func(results pgx.BatchResults) error {
		rows, err := results.Query()
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if err := scan(current{rows}); err != nil {
				return err
			}
		}
		rows.Close()
		return rows.Err()
	}
}

// current is the row that rows stand at.
type current struct{ pgx.Rows }

func (c current) Scan(dest ...any) error {
	values, err := c.Values()
	if err != nil {
		return err
	}
	return place(values, dest)
}

// place puts the columns of a row where they belong, as database/sql would.
func place(values, dest []any) error {
	if len(values) != len(dest) {
		return fmt.Errorf("a row of %d columns, want %d", len(values), len(dest))
	}
	for k, v := range values {
		if err := put(dest[k], v); err != nil {
			return fmt.Errorf("column %d: %w", k, err)
		}
	}
	return nil
}

func put(dest, value any) error {
	to := reflect.ValueOf(dest).Elem()
	switch v := value.(type) {
	case string:
		switch {
		case to.Kind() == reflect.String:
			to.SetString(v)
			return nil
		case to.Kind() == reflect.Slice:
			to.SetBytes([]byte(v))
			return nil
		}
	case []byte:
		if to.Kind() == reflect.Slice {
			to.SetBytes(v)
			return nil
		}
	case int64:
		return putInteger(to, v)
	case int32:
		return putInteger(to, int64(v))
	case bool:
		if to.Kind() == reflect.Bool {
			to.SetBool(v)
			return nil
		}
	case pgtype.Numeric: // a sum
		if n, err := v.Int64Value(); err == nil && n.Valid {
			return putInteger(to, n.Int64)
		}
	}
	return fmt.Errorf("%T for a %T", value, dest)
}

// putInteger also knows that the schema keeps what is true as 1.
func putInteger(to reflect.Value, n int64) error {
	switch {
	case to.CanInt():
		to.SetInt(n)
	case to.CanUint():
		to.SetUint(uint64(n))
	case to.Kind() == reflect.Bool:
		to.SetBool(n != 0)
	default:
		return fmt.Errorf("a number for a %v", to.Type())
	}
	return nil
}
