package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"usher/internal/config"
	"usher/internal/invite"
	"usher/internal/store"
)

// copyDatabase copies one database to another and compares them. How far it is stands
// on standard error: a line that changes on a terminal, elsewhere one for each table.
func copyDatabase(ctx context.Context, c *config.Copy, stdout, stderr io.Writer) error {
	from, to := config.Place(c.From), config.Place(c.To)
	source, target := place(&from), place(&to)
	if c.MasterKey.Bytes != nil {
		keys, err := invite.NewKeyring(c.MasterKey.Bytes)
		if err != nil {
			return mistake("master-key", err)
		}
		source.Keys = keys
	}
	if to.Database.Reveal() == "" {
		if err := os.MkdirAll(to.Dir, 0o700); err != nil {
			return fmt.Errorf("making the data folder: %w", err)
		}
	}
	told := func(p store.CopyProgress) {
		if p.Step == store.Done {
			fmt.Fprintf(stderr, "%-28s %10d rows\n", p.Table, p.Rows)
		}
	}
	if terminal(stderr) {
		told = bar(stderr)
	}
	done, err := store.Copy(ctx, source, target, told)
	switch {
	case errors.Is(err, store.ErrReserved):
		return fmt.Errorf("copying: %w: stop it first", err)
	case ctx.Err() != nil:
		return fmt.Errorf("copying: %w: the same command goes on from here", ctx.Err())
	case err != nil:
		return fmt.Errorf("copying: %w", err)
	}
	_, err = fmt.Fprintf(stdout, "copied to %s: schema version %d, %d tables, %d rows (%d of them were there), the same by count and checksum on both sides\n%s\n",
		to.Where(), done.SchemaVersion, done.Tables, done.Rows, done.Kept,
		"What a server at the source has written since is not in it. Start usher here with the same master key, and not there any more.")
	return err
}

func place(d *config.Data) store.Options {
	return store.Options{Path: filepath.Join(d.Dir, databaseFile), Database: d.Database.Reveal()}
}

// barWidth is how many characters a bar has.
const barWidth = 30

// bar writes each table's progress over the last, and leaves a line when it is done.
func bar(w io.Writer) func(store.CopyProgress) {
	return func(p store.CopyProgress) {
		full := int(min(p.Rows, p.Of) * barWidth / cmp.Or(p.Of, 1))
		if p.Step == store.Done {
			full = barWidth
		}
		fmt.Fprintf(w, "\r%-28s [%-*.*s] %-9s %d of %d\x1b[K", p.Table, barWidth, full, barFull, p.Step, p.Rows, p.Of)
		if p.Step == store.Done {
			fmt.Fprintln(w)
		}
	}
}

const barFull = "=============================="
