package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"usher/internal/config"
	"usher/internal/invite"
)

// createInstance makes an instance and prints its secret key, the only time
// that it can be seen.
func createInstance(ctx context.Context, c *config.Create, stdout io.Writer) (err error) {
	keys, err := invite.NewKeyring(c.MasterKey.Bytes)
	if err != nil {
		return mistake("master-key", err)
	}
	db, err := openStore(ctx, c.Dir, "", keys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	in := invite.Instance{
		Environment: c.Environment, Name: c.Name,
		MaxAllowedMemberships: c.MaxAllowedMemberships, MailProofOnly: c.MailProofOnly,
	}
	if c.HomeURL != nil {
		in.HomeURL = c.HomeURL.String()
	}
	made, secret, err := db.CreateInstance(ctx, in, "")
	if err != nil {
		return fmt.Errorf("creating the instance: %w", err)
	}
	_, err = fmt.Fprintf(stdout, "instance    %s\nsecret key  %s\n\nThe key is shown only now; the database has its hash.\n", made.ID, secret)
	return err
}

// listInstances prints a line for each instance.
func listInstances(ctx context.Context, c *config.List, stdout io.Writer) (err error) {
	if _, err := os.Stat(filepath.Join(c.Dir, databaseFile)); err != nil {
		return fmt.Errorf("there is no database in %s: %w", c.Dir, err)
	}
	db, err := openStore(ctx, c.Dir, "", nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	list, err := db.Instances(ctx)
	if err != nil {
		return fmt.Errorf("listing instances: %w", err)
	}
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tENVIRONMENT\tNAME\tCREATED")
	for _, in := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", in.ID, in.Environment, in.Name, in.CreatedAt.Time().Format(time.RFC3339))
	}
	return w.Flush()
}

// migrate brings the schema up and says which version it is now.
func migrate(ctx context.Context, c *config.Migrate, stdout io.Writer) error {
	db, err := openStore(ctx, c.Dir, "", nil)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "schema version %d\n", db.SchemaVersion())
	return errors.Join(err, db.Close())
}
