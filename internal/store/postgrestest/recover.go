package postgrestest

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// Copy makes a base backup of a server that archives its log into ../archive.
func (s *Server) Copy() error {
	program, err := Find("pg_basebackup")
	if err != nil {
		return err
	}
	out, err := s.command(program, "--host", s.dir, "--username", "usher", "--pgdata", filepath.Join(s.dir, "base"), "--checkpoint", "fast").CombinedOutput()
	if err != nil {
		return fmt.Errorf("pg_basebackup: %w\n%s", err, out)
	}
	return nil
}

// Archive returns when all that was committed before is in the archive.
func (s *Server) Archive(ctx context.Context) error {
	db, err := sql.Open("pgx", s.URL)
	if err != nil {
		return err
	}
	defer db.Close()
	var name string
	if err := db.QueryRowContext(ctx, `SELECT pg_walfile_name(pg_switch_wal())`).Scan(&name); err != nil {
		return err
	}
	return until(ctx, func() (done bool, err error) {
		err = db.QueryRowContext(ctx, `SELECT COALESCE(last_archived_wal, '') >= $1 FROM pg_stat_archiver`, name).Scan(&done)
		return done, err
	})
}

// Recover starts another server from the base backup, which replays the archive up to a
// restore point and goes on from there.
func (s *Server) Recover(ctx context.Context, point string) (*Server, error) {
	dir, err := os.MkdirTemp("", "usher-postgres-")
	if err != nil {
		return nil, err
	}
	r := &Server{dir: dir, who: s.who, URL: "postgres://usher@/postgres?host=" + url.QueryEscape(dir), settings: []string{
		"restore_command=cp " + filepath.Join(s.dir, "archive") + "/%f %p", "recovery_target_name=" + point, "recovery_target_action=promote",
	}}
	if r.who != nil {
		if err := os.Chown(dir, int(r.who.Uid), int(r.who.Gid)); err != nil {
			return nil, err
		}
	}
	const script = `mv "$1/base" "$0/data" && touch "$0/data/recovery.signal"`
	if out, err := r.command("sh", "-c", script, dir, s.dir).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("taking the base backup: %w\n%s", err, out)
	}
	if err := r.start(); err != nil {
		return nil, err
	}
	db, err := sql.Open("pgx", r.URL)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	return r, until(ctx, func() (done bool, err error) {
		err = db.QueryRowContext(ctx, `SELECT NOT pg_is_in_recovery()`).Scan(&done)
		return done, err
	})
}

// Standby starts a server that follows s and can be read from, with settings as
// name=value besides.
func (s *Server) Standby(settings ...string) (*Server, error) {
	program, err := Find("pg_basebackup")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "usher-postgres-")
	if err != nil {
		return nil, err
	}
	r := &Server{dir: dir, who: s.who, URL: "postgres://usher@/postgres?host=" + url.QueryEscape(dir), settings: settings}
	if r.who != nil {
		if err := os.Chown(dir, int(r.who.Uid), int(r.who.Gid)); err != nil {
			return nil, err
		}
	}
	out, err := r.command(program, "--host", s.dir, "--username", "usher", "--pgdata", r.data(), "--checkpoint", "fast", "--write-recovery-conf").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("pg_basebackup: %w\n%s", err, out)
	}
	return r, r.start()
}

// Pause keeps a standby as it is until Resume.
func (s *Server) Pause(ctx context.Context) error {
	return s.do(ctx, `SELECT pg_wal_replay_pause()`, `SELECT pg_get_wal_replay_pause_state() = 'paused'`)
}

// Resume has a standby follow again, and returns when it has all that is durable on its
// primary.
func (s *Server) Resume(ctx context.Context, primary *Server) error {
	db, err := sql.Open("pgx", primary.URL)
	if err != nil {
		return err
	}
	defer db.Close()
	var durable string
	if err := db.QueryRowContext(ctx, `SELECT pg_current_wal_flush_lsn()`).Scan(&durable); err != nil {
		return err
	}
	return s.do(ctx, `SELECT pg_wal_replay_resume()`, `SELECT pg_last_wal_replay_lsn() >= '`+durable+`'`)
}

// Promote makes a standby a primary.
func (s *Server) Promote(ctx context.Context) error {
	return s.do(ctx, `SELECT pg_promote()`, `SELECT NOT pg_is_in_recovery()`)
}

// do carries out a statement and returns when what it causes is done.
func (s *Server) do(ctx context.Context, statement, done string) error {
	db, err := sql.Open("pgx", s.URL)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, statement); err != nil {
		return err
	}
	return until(ctx, func() (yes bool, err error) {
		err = db.QueryRowContext(ctx, done).Scan(&yes)
		return yes, err
	})
}

// until asks again and again, for a minute.
func until(ctx context.Context, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		if yes, err := done(); yes || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}
