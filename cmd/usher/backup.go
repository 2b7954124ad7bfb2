package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"usher/internal/config"
	"usher/internal/store"
)

// standard stands for standard input or output where a file is named.
const standard = "-"

// keyApart is said with every copy: without the key a backup opens no link.
const keyApart = "The master key is not in it: keep that elsewhere, you need both to restore."

// backup copies the database; a server may go on writing meanwhile. What it says
// about a copy to standard output is on standard error.
func backup(ctx context.Context, c *config.Backup, stdout, stderr io.Writer) error {
	if c.Database.Reveal() != "" {
		return foreign("backup", "pg_dump --format=custom")
	}
	source := filepath.Join(c.Dir, databaseFile)
	if c.File == standard {
		return backupTo(ctx, stdout, stderr, source)
	}
	found, err := store.Backup(ctx, source, c.File, c.Force)
	if err != nil {
		return fmt.Errorf("backing up %s: %w", c.Dir, forceable(err))
	}
	return tell(stdout, "backed up to "+c.File, found, keyApart)
}

// backupTo writes the copy to w once it was verified.
func backupTo(ctx context.Context, w, stderr io.Writer, source string) (err error) {
	dir, err := os.MkdirTemp("", "usher-backup-")
	if err != nil {
		return fmt.Errorf("making a folder for the copy: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	copied := filepath.Join(dir, databaseFile)
	found, err := store.Backup(ctx, source, copied, false)
	if err != nil {
		return fmt.Errorf("backing up: %w", err)
	}
	file, err := os.Open(copied)
	if err != nil {
		return fmt.Errorf("reading the copy: %w", err)
	}
	defer file.Close()
	if _, err := io.Copy(w, file); err != nil {
		return fmt.Errorf("writing the copy: %w", err)
	}
	return tell(stderr, "backed up", found, keyApart)
}

// restore makes a backup the database of a data folder.
func restore(ctx context.Context, c *config.Restore, stdin io.Reader, stdout io.Writer) error {
	if c.Database.Reveal() != "" {
		return foreign("restore", "pg_restore")
	}
	from := stdin
	if c.File != standard {
		file, err := os.Open(c.File)
		if err != nil {
			return fmt.Errorf("opening the backup: %w", err)
		}
		defer file.Close()
		from = file
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return fmt.Errorf("making the data folder: %w", err)
	}
	found, err := store.Restore(ctx, from, filepath.Join(c.Dir, databaseFile), c.Force)
	if errors.Is(err, store.ErrReserved) {
		return fmt.Errorf("%s: %w: stop it first", c.Dir, err)
	}
	if err != nil {
		return fmt.Errorf("restoring into %s: %w", c.Dir, forceable(err))
	}
	return tell(stdout, "restored into "+c.Dir, found, "Start usher with the master key that the backup was made under.")
}

// foreign names what does the work of a command where PostgreSQL keeps the data.
func foreign(command, tool string) error {
	return mistake("database", fmt.Errorf("usher %s is for the file in a folder; use %s", command, tool))
}

// forceable says how to replace what is in the way.
func forceable(err error) error {
	if errors.Is(err, store.ErrExists) {
		return fmt.Errorf("%w; --force replaces it", err)
	}
	return err
}

// tell says what came of a copy.
func tell(w io.Writer, done string, c store.Contents, hint string) error {
	_, err := fmt.Fprintf(w, "%s: schema version %d, %d instances, %d users, %d organizations, %d members, %d invitations\n%s\n",
		done, c.SchemaVersion, c.Instances, c.Users, c.Organizations, c.Members, c.Invitations, hint)
	return err
}
