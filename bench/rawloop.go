package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// rawLoop is the ceiling that SQLite sets on creating: one connection that
// writes the rows of an invitation in transactions of a fixed size, as durable
// as usher's, without looking at anything.
type rawLoop struct {
	db            *sql.DB
	conn          *sql.Conn
	rows          []*rawRow
	seat          *sql.Stmt
	instance      any
	organizations int
	random        *rand.Rand
	made          int
}

// rawRow is a row that every create adds: a copy of one that usher wrote, with
// ids of its own.
type rawRow struct {
	*row
	table, prefix string // prefix of its ids, which sort behind usher's
	insert        *sql.Stmt
}

// rawBatch is the number of creates in one transaction.
const rawBatch = 64

// openRawLoop opens a database that usher has seeded. The settings are those of
// usher's store.
func openRawLoop(ctx context.Context, data string, organizations int) (l *rawLoop, err error) {
	db, err := open(data, "journal_mode(WAL)", "synchronous(FULL)", "wal_autocheckpoint(16000)", "cache_size(-65536)")
	if err != nil {
		return nil, err
	}
	l = &rawLoop{db: db, organizations: organizations, random: rand.New(rand.NewPCG(1, 2))}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
		}
	}()
	l.rows = []*rawRow{
		{table: "invitations", prefix: "orginv_z"},
		{table: "events", prefix: "msg_z"},
		{table: "outbox", prefix: "ema_z"},
	}
	for _, r := range l.rows {
		if r.row, err = newestRow(ctx, db, r.table); err != nil {
			return nil, err
		}
	}
	l.instance = l.rows[0].values[slices.Index(l.rows[0].columns, "instance_id")]
	if l.conn, err = db.Conn(ctx); err != nil {
		return nil, err
	}
	return l, l.prepare(ctx)
}

func (l *rawLoop) prepare(ctx context.Context) (err error) {
	for _, r := range l.rows {
		if r.insert, err = l.conn.PrepareContext(ctx, `
			INSERT INTO `+r.table+` (`+strings.Join(r.columns, ", ")+`)
			VALUES (?`+strings.Repeat(", ?", len(r.columns)-1)+`)`); err != nil {
			return fmt.Errorf("preparing the raw loop: %w", err)
		}
	}
	l.seat, err = l.conn.PrepareContext(ctx, `UPDATE organizations SET pending = pending + 1 WHERE instance_id = $1 AND id = $2`)
	return err
}

// close closes the statements too: a driver's connection stays open, and the
// file locked, as long as one of its statements does.
func (l *rawLoop) close() error {
	var err error
	for _, r := range l.rows {
		if r.insert != nil {
			err = errors.Join(err, r.insert.Close())
		}
	}
	if l.seat != nil {
		err = errors.Join(err, l.seat.Close())
	}
	if l.conn != nil {
		err = errors.Join(err, l.conn.Close())
	}
	return errors.Join(err, l.db.Close())
}

// run creates for a while. The latency is that of a transaction, shared by its
// creates; the CPU is this process's own and is left out.
func (l *rawLoop) run(ctx context.Context, duration time.Duration) (*result, error) {
	r := &result{}
	began := time.Now()
	for at := began; at.Sub(began) < duration; {
		if err := l.batch(ctx); err != nil {
			return nil, fmt.Errorf("raw loop: %w", err)
		}
		done := time.Now()
		for range rawBatch {
			r.latency.record(done.Sub(at))
		}
		at = done
	}
	r.took = time.Since(began)
	return r, nil
}

func (l *rawLoop) batch(ctx context.Context) error {
	if _, err := l.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	for range rawBatch {
		if err := l.create(ctx); err != nil {
			return err
		}
	}
	_, err := l.conn.ExecContext(ctx, "COMMIT")
	return err
}

func (l *rawLoop) create(ctx context.Context) error {
	l.made++
	organization := organizationID(l.random.IntN(l.organizations))
	id := func(prefix string) string { return fmt.Sprintf("%s%026d", prefix, l.made) }
	address := fmt.Sprintf("raw%d@bench.example", l.made)
	for _, r := range l.rows {
		r.set("organization_id", organization)
		r.set("id", id(r.prefix))
		switch r.table {
		case "invitations":
			r.set("email_address", address)
			r.set("email_key", address)
		case "outbox":
			r.set("subject_id", id("orginv_z"))
			r.set("bucket", l.made%8) // usher's number of buckets
		}
		if _, err := r.insert.ExecContext(ctx, r.values...); err != nil {
			return err
		}
	}
	_, err := l.seat.ExecContext(ctx, l.instance, organization)
	return err
}
