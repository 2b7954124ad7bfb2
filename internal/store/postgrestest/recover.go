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
