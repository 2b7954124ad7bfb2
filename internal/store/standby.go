package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"usher/internal/invite"
)

// standby is a copy of the database that follows it a little later. It answers reads of
// which it has proven, on the connection that they are asked on, that it has replayed
// all that they must see; whatever it cannot, or not now, the primary answers.
type standby struct {
	*source
	// rests is until when it is left alone, after it failed or lagged; 0 while it is well.
	rests atomic.Int64

	served, passed atomic.Uint64 // how many reads it has answered, and how many it could not
}

const (
	standbyPatience = 2 * time.Second       // how long a standby may be silent, and a connection to it may take
	rest            = time.Second           // how long one is left alone that failed
	lag             = 16 * time.Millisecond // the longest single wait for one that is behind; all of them take twice as long
)

// ErrOtherDatabase is returned by Open when what it was given as a standby has another
// database.
var ErrOtherDatabase = errors.New("what is to be read from is not a standby of the database")

// Track is what a request knows of the database's log: how much of it its reads must
// see, and how much there was after its writes.
type Track struct {
	reads bool
	seen  position
	wrote position
}

type trackKey struct{}

// Track returns a context for a request. Where there is a standby it may answer the
// request's reads, if reads says so: when it has replayed all that was acknowledged
// before each of them, or, with a token of a Track, all that was when the token was made.
// A token that is no such thing counts as none.
func (db *DB) Track(ctx context.Context, reads bool, token string) (context.Context, *Track) {
	if db.standby == nil {
		return ctx, nil
	}
	t := &Track{reads: reads, seen: parsePosition(token)}
	return context.WithValue(ctx, trackKey{}, t), t
}

// Token names the state of the database behind the request's last write; it is empty
// when there was none, or where there is no standby.
func (t *Track) Token() string {
	if t == nil || t.wrote == (position{}) {
		return ""
	}
	return t.wrote.String()
}

// StandbyReads returns how many reads a standby has answered, and how many the primary
// had to because it was down or behind.
func (db *DB) StandbyReads() (served, passed uint64) {
	if db.standby == nil {
		return 0, 0
	}
	return db.standby.served.Load(), db.standby.passed.Load()
}

// position is a place in the database's log, on one of its timelines: positions of two
// timelines cannot be compared.
type position struct {
	timeline string // as names of log files begin
	offset   int64  // in bytes
}

func (p position) String() string { return p.timeline + "-" + strconv.FormatInt(p.offset, 16) }

func parsePosition(text string) position {
	timeline, offset, _ := strings.Cut(text, "-")
	n, err := strconv.ParseUint(offset, 16, 63)
	if err != nil {
		return position{}
	}
	return position{timeline, int64(n)}
}

// reaches reports whether all up to floor is before p.
func (p position) reaches(floor position) bool {
	return p.timeline == floor.timeline && p.offset >= floor.offset
}

// reached keeps the farthest position that was heard of.
type reached struct {
	mu sync.Mutex
	at position
}

func (r *reached) hear(p position) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.at.reaches(p) {
		r.at = p
	}
}

func (r *reached) reaches(p position) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.at.reaches(p)
}

// acknowledged asks a primary for a position behind all commits that anybody was told
// of: they are durable.
const acknowledged = `
	SELECT substr(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8), pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0')::bigint`

// replayed asks a standby how far it is. It knows the timeline that it is on from its
// last checkpoint: a standby that has not yet followed to the timeline of a new primary,
// and never may, says the old one. One that has become the primary says what the primary does.
const replayed = `
	SELECT
		CASE WHEN pg_is_in_recovery() THEN (SELECT upper(lpad(to_hex(timeline_id), 8, '0')) FROM pg_control_checkpoint())
			ELSE substr(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8) END,
		pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END, '0/0')::bigint`

// commit commits a transaction on a server. Where there is a standby it returns a
// position behind the commit, or none if the server does not tell.
func (c *conn) commit() (at position, err error) {
	if c.db.standby == nil {
		return position{}, c.run("COMMIT")
	}
	committed := false
	c.pipeline.add("COMMIT", nil, func(r pgx.BatchResults) error {
		err := discard(r)
		committed = err == nil
		return err
	})
	if err := at.scan(c.ask(acknowledged, nil)); !committed {
		return position{}, err
	}
	c.db.log.hear(at)
	return at, nil
}

// identity tells databases apart; that of a standby is that of its primary.
const identity = `SELECT system_identifier::text || ' ' || current_database() || ' ' || current_schema() FROM pg_control_system()`

func (p *position) scan(row scanner) error { return row.Scan(&p.timeline, &p.offset) }

// openStandby prepares to read from a standby, which need not be there now.
func (db *DB) openStandby(ctx context.Context, url string) error {
	config, err := postgresConfig(url, standbyPatience)
	if err != nil {
		return err
	}
	readers := cmp.Or(db.opts.readers, postgresReaders)
	pool := postgresPool(config, db.opts, readers, stdlib.OptionAfterConnect(bound))
	s := &standby{source: &source{db: db, sql: pool, readers: newReaders(readers)}}
	for range readers {
		s.readers.give(newConn(s.source, nil)) // connected when it is needed
	}
	db.standby = s
	return s.take(ctx, func(c *conn) error { return s.recognize(c) })
}

// recognize returns ErrOtherDatabase for a connection to anything but a standby of the
// primary.
func (s *standby) recognize(c *conn) error {
	var own, its string
	if err := (&sharedRow{s.db.primary.sharers.next(), identity, nil}).Scan(&own); err != nil {
		return err
	}
	if err := c.ask(identity, nil).Scan(&its); err != nil {
		return err
	}
	if own != its {
		return ErrOtherDatabase
	}
	c.known = true
	return nil
}

// serve runs f on the standby and reports whether that is the answer. Where it is not, f
// has had no effect and is to be run on the primary.
func (s *standby) serve(ctx context.Context, f func(*tx) error) (served bool, err error) {
	track, ok := ctx.Value(trackKey{}).(*Track)
	if !ok || !track.reads {
		return false, nil
	}
	if !s.well() {
		s.passed.Add(1)
		return false, nil
	}
	floor, err := s.floor(track)
	if err != nil {
		return false, nil // the primary will say what is the matter
	}
	err = s.take(ctx, func(c *conn) error {
		if err := s.await(ctx, c, floor); err != nil {
			return err
		}
		t := s.db.begin(c)
		t.by = asking(ctx)
		served, err = true, f(t)
		return err
	})
	if err != nil && (!served || s.db.dialect.unavailable(err)) {
		s.passed.Add(1)
		s.rests.Store(int64(s.db.Now().Add(rest)))
		return false, nil
	}
	s.served.Add(1)
	s.rests.Store(0)
	return true, err
}

// well reports whether the standby is to be asked. After it failed one request in a
// while finds out whether it is well again.
func (s *standby) well() bool {
	until, now := s.rests.Load(), s.db.Now()
	return until == 0 || now >= invite.Instant(until) && s.rests.CompareAndSwap(until, int64(now.Add(rest)))
}

// floor returns what a read of the request must see. What the request brings counts
// where it is certain that there is such a place.
func (s *standby) floor(t *Track) (floor position, err error) {
	if t.seen != (position{}) && s.db.log.reaches(t.seen) {
		return t.seen, nil
	}
	if err := floor.scan(s.db.primary.sharers.list[0].together(acknowledged)); err != nil {
		return position{}, err
	}
	s.db.log.hear(floor)
	return floor, nil
}

// await returns when the server at the other end of c has replayed all up to floor.
func (s *standby) await(ctx context.Context, c *conn, floor position) error {
	if !c.known {
		if err := s.recognize(c); err != nil {
			return err
		}
	}
	for pause := time.Millisecond; !c.replayed.reaches(floor); pause *= 2 {
		if err := c.replayed.scan(c.ask(replayed, nil)); err != nil || c.replayed.reaches(floor) {
			return err
		}
		if pause > lag {
			return fmt.Errorf("the standby is at %v and not at %v", c.replayed, floor)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}
