package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Contents is what was found in a copy of the database when it was verified.
type Contents struct {
	SchemaVersion                                         int64
	Instances, Users, Organizations, Members, Invitations int64
}

// ErrExists is returned when something is there that was not to be replaced.
var ErrExists = errors.New("exists already")

// Backup copies the SQLite file at path, which a server may be writing, to the file at
// to: one consistent snapshot with every write that was answered before, readable by
// its owner only, verified, and on the disk when Backup returns. What is at to is
// replaced at once and as a whole; without replace Backup returns ErrExists instead.
// The copy has no free pages, so nothing in it was deleted before.
func Backup(ctx context.Context, path, to string, replace bool) (Contents, error) {
	if _, err := os.Stat(path); err != nil {
		return Contents{}, err
	}
	if _, err := os.Lstat(to); err == nil && !replace {
		return Contents{}, fmt.Errorf("%s %w", to, ErrExists)
	}
	part, err := newPart(to)
	if err != nil {
		return Contents{}, err
	}
	defer part.discard()
	if err := vacuumInto(ctx, path, part.name); err != nil {
		return Contents{}, fmt.Errorf("copying %s: %w", path, err)
	}
	found, err := verify(ctx, part.name)
	if err != nil {
		return Contents{}, err
	}
	return found, part.settle(to, replace)
}

// vacuumInto leaves the schema as it is: an older server may be running on it.
func vacuumInto(ctx context.Context, path, to string) (err error) {
	db, err := sql.Open("sqlite", "file:"+escapePath(path)+"?mode=rw&_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.ExecContext(ctx, `VACUUM INTO $1`, to)
	return err
}

// Restore makes what it reads from backup the database file at path, and returns what
// is in it. It refuses, and leaves everything as it was, what is no whole database or
// one that a newer program has changed; a file that a server uses (ErrReserved); and,
// without replace, to replace another (ErrExists).
func Restore(ctx context.Context, backup io.Reader, path string, replace bool) (_ Contents, err error) {
	lock, err := reserve(ctx, path)
	if err != nil {
		return Contents{}, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if _, err := os.Stat(path); err == nil && !replace {
		return Contents{}, fmt.Errorf("%s %w", path, ErrExists)
	}
	part, err := newPart(path)
	if err != nil {
		return Contents{}, err
	}
	defer part.discard()
	if err := part.fill(backup); err != nil {
		return Contents{}, fmt.Errorf("reading the backup: %w", err)
	}
	found, err := verify(ctx, part.name)
	if err != nil {
		return Contents{}, fmt.Errorf("the backup: %w", err)
	}
	if err := retire(ctx, path); err != nil {
		return Contents{}, fmt.Errorf("closing the former database: %w", err)
	}
	return found, part.settle(path, replace)
}

// retire leaves no log beside the file at path: SQLite would take it for the log of
// what replaces the file. What the log held goes into the file, unless that is broken.
func retire(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite", "file:"+escapePath(path)+"?mode=rw&_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	_, _ = db.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`)
	if err := db.Close(); err != nil {
		return err
	}
	for _, end := range []string{"-wal", "-shm"} {
		if err := os.Remove(path + end); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// verify holds the file at path to being a whole database of usher that this program
// knows, without writing to it.
func verify(ctx context.Context, path string) (found Contents, err error) {
	db, err := sql.Open("sqlite", "file:"+escapePath(path)+"?mode=ro&immutable=1")
	if err != nil {
		return Contents{}, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var state string
	if err := db.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&state); err != nil {
		return Contents{}, fmt.Errorf("it is damaged, or no database: %w", err)
	}
	if state != "ok" {
		return Contents{}, fmt.Errorf("it is damaged: %s", state)
	}
	if err := db.QueryRowContext(ctx, `SELECT max(version_id) FROM schema_versions`).Scan(&found.SchemaVersion); err != nil {
		return Contents{}, fmt.Errorf("it is not a database of usher: %w", err)
	}
	newest, err := newestSchema()
	if err != nil {
		return Contents{}, err
	}
	if found.SchemaVersion > newest {
		return Contents{}, fmt.Errorf("it has schema version %d and this program knows %d: use the newer program", found.SchemaVersion, newest)
	}
	err = db.QueryRowContext(ctx, `
		SELECT
			(SELECT count(*) FROM instances), (SELECT count(*) FROM users), (SELECT count(*) FROM organizations),
			(SELECT count(*) FROM memberships), (SELECT count(*) FROM invitations)`).
		Scan(&found.Instances, &found.Users, &found.Organizations, &found.Members, &found.Invitations)
	if err != nil {
		return Contents{}, fmt.Errorf("it is not a database of usher: %w", err)
	}
	return found, nil
}

// part is a file that is being made beside the one that it will be.
type part struct {
	name string
	file *os.File
}

// newPart makes an empty file, readable by its owner only, in the folder of to.
func newPart(to string) (*part, error) {
	dir, err := filepath.Abs(filepath.Dir(to))
	if err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(dir, ".usher-*.part")
	if err != nil {
		return nil, err
	}
	return &part{file.Name(), file}, nil
}

func (p *part) fill(r io.Reader) error {
	_, err := io.Copy(p.file, r)
	return err
}

// settle gives the file its name when it is on the disk.
func (p *part) settle(to string, replace bool) error {
	if err := p.file.Sync(); err != nil {
		return err
	}
	if err := p.rename(to, replace); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(p.name))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// rename does not replace unless it may, even when the other file came in the meantime;
// only where there are no hard links is that left to chance.
func (p *part) rename(to string, replace bool) error {
	if replace {
		return os.Rename(p.name, to)
	}
	err := os.Link(p.name, to)
	if err == nil || errors.Is(err, os.ErrExist) {
		return err
	}
	if _, err := os.Lstat(to); err == nil {
		return fmt.Errorf("%s %w", to, ErrExists)
	}
	return os.Rename(p.name, to)
}

// discard removes what is left of the file.
func (p *part) discard() {
	_ = p.file.Close()
	_ = os.Remove(p.name)
}
