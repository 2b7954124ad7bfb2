package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"usher/internal/clerk"
	"usher/internal/config"
	"usher/internal/invite"
	"usher/internal/store"
)

// createInstance makes an instance and prints its secret key, the only time
// that it can be seen.
func createInstance(ctx context.Context, c *config.Create, stdout io.Writer) (err error) {
	keys, err := invite.NewKeyring(c.MasterKey.Bytes)
	if err != nil {
		return mistake("master-key", err)
	}
	db, err := openStore(ctx, &c.Data, nil, "", keys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	in := invite.Instance{
		Environment: c.Environment, Name: c.Name,
		MaxAllowedMemberships: c.MaxAllowedMemberships, MailProofOnly: c.MailProofOnly, FrontendHost: c.FrontendHost,
	}
	in.Settings.AllowedOrigins = c.Origins.List()
	if c.HomeURL != nil {
		in.HomeURL = c.HomeURL.String()
	}
	in.Settings.Sessions = limits(&c.Sessions)
	made, secret, err := db.CreateInstance(ctx, in, "")
	if err != nil {
		return fmt.Errorf("creating the instance: %w", taken(err))
	}
	_, err = fmt.Fprintf(stdout, "instance    %s\nsecret key  %s\n%s\nThe secret key is shown only now; the database has its hash.\n", made.ID, secret, frontend(made))
	return err
}

func limits(c *config.Sessions) invite.SessionLimits {
	return invite.SessionLimits{Lifetime: c.SessionLifetime, Idle: c.SessionIdle}
}

// frontend returns a line about the publishable key; none for an instance at the
// server's own host, which says so when it starts.
func frontend(in *invite.Instance) string {
	if in.FrontendHost == "" {
		return ""
	}
	return "publishable " + clerk.PublishableKey(in, "") + "\n"
}

// taken says in the words of the command line that a host is another instance's.
func taken(err error) error {
	if e, ok := errors.AsType[*invite.Error](err); ok && e.Kind == invite.ValueExists {
		return fmt.Errorf("--frontend-host: another instance is at %s", strings.Join(e.Values, ""))
	}
	return err
}

// updateInstance changes where an instance and its pages are.
func updateInstance(ctx context.Context, c *config.Update, stdout io.Writer) error {
	return withInstance(ctx, &c.Data, c.Instance, func(db *store.DB, in *invite.Instance) error {
		change := invite.InstanceChange{Sessions: limits(&c.Sessions)}
		if c.HomeURL != nil {
			change.HomeURL = new(c.HomeURL.String())
		}
		if c.FrontendHost != "" {
			change.FrontendHost = &c.FrontendHost
		}
		if origins := c.Origins.List(); origins != nil {
			change.AllowedOrigins = &origins
		}
		if err := db.UpdateInstance(ctx, in, change); err != nil {
			return fmt.Errorf("changing the instance: %w", taken(err))
		}
		_, err := fmt.Fprintf(stdout, "changed %s; a running server knows within a second\n", in.ID)
		return err
	})
}

// listInstances prints a line for each instance.
func listInstances(ctx context.Context, c *config.List, stdout io.Writer) error {
	return withData(ctx, &c.Data, func(db *store.DB) error {
		list, err := db.Instances(ctx)
		if err != nil {
			return fmt.Errorf("listing instances: %w", err)
		}
		w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tENVIRONMENT\tNAME\tFRONTEND HOST\tCREATED")
		for _, in := range list {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", in.ID, in.Environment, in.Name, cmp.Or(in.FrontendHost, "-"), in.CreatedAt.Time().Format(time.RFC3339))
		}
		return w.Flush()
	})
}

// withData runs f on the database that d names, without its secrets.
func withData(ctx context.Context, d *config.Data, f func(*store.DB) error) error {
	return withSecrets(ctx, d, nil, f)
}

// withSecrets is withData for what has to do with them.
func withSecrets(ctx context.Context, d *config.Data, keys *invite.Keyring, f func(*store.DB) error) (err error) {
	if d.Database.Reveal() == "" {
		if _, err := os.Stat(filepath.Join(d.Dir, databaseFile)); err != nil {
			return fmt.Errorf("there is no database in %s: %w", d.Dir, err)
		}
	}
	db, err := openStore(ctx, d, nil, "", keys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return f(db)
}

// withInstance runs f with the instance that is meant: the one named, or the only one.
func withInstance(ctx context.Context, d *config.Data, id string, f func(*store.DB, *invite.Instance) error) error {
	return withData(ctx, d, selected(ctx, d, id, f))
}

// selected passes on the instance that is meant.
func selected(ctx context.Context, d *config.Data, id string, f func(*store.DB, *invite.Instance) error) func(*store.DB) error {
	return func(db *store.DB) error {
		list, err := db.Instances(ctx)
		if err != nil {
			return fmt.Errorf("listing instances: %w", err)
		}
		if id == "" && len(list) == 1 {
			return f(db, list[0])
		}
		if id == "" {
			return fmt.Errorf("there are %d instances: name one with --instance", len(list))
		}
		for _, in := range list {
			if in.ID == id {
				return f(db, in)
			}
		}
		return fmt.Errorf("there is no instance %s in %s", id, d.Where())
	}
}

// rotateSigningKey has session tokens signed with a new key. A server that runs
// takes it within a second.
func rotateSigningKey(ctx context.Context, c *config.SigningKey, stdout io.Writer) error {
	keys, err := invite.NewKeyring(c.MasterKey.Bytes)
	if err != nil {
		return mistake("master-key", err)
	}
	return withSecrets(ctx, &c.Data, keys, selected(ctx, &c.Data, c.Instance, func(db *store.DB, in *invite.Instance) error {
		kid, err := db.RotateSigningKey(ctx, in, c.Overlap)
		if err != nil {
			return fmt.Errorf("replacing the signing key: %w", err)
		}
		_, err = fmt.Fprintf(stdout, "%s signs with %s now\n", in.ID, kid)
		return err
	}))
}

// rekey gives all instances another master key.
func rekey(ctx context.Context, c *config.Rekey, stdout io.Writer) error {
	keys, err := invite.NewKeyring(c.MasterKey.Bytes)
	if err != nil {
		return mistake("master-key", err)
	}
	return withData(ctx, &c.Data, func(db *store.DB) error {
		if err := db.Rekey(ctx, keys); err != nil {
			return fmt.Errorf("changing the master key: %w", err)
		}
		_, err := fmt.Fprintln(stdout, "The data belongs to this master key now. Restart usher with it.")
		return err
	})
}

// createKey makes another secret key and prints it, the only time that it can be
// seen.
func createKey(ctx context.Context, c *config.CreateKey, stdout io.Writer) error {
	return withInstance(ctx, &c.Data, c.Instance, func(db *store.DB, in *invite.Instance) error {
		secret, err := db.CreateKey(ctx, in)
		if err != nil {
			return fmt.Errorf("creating a key: %w", err)
		}
		_, err = fmt.Fprintf(stdout, "instance    %s\nsecret key  %s\n\nThe key is shown only now; the database has its hash.\n", in.ID, secret)
		return err
	})
}

// listKeys prints a line for each secret key of an instance.
func listKeys(ctx context.Context, c *config.ListKeys, stdout io.Writer) error {
	return withInstance(ctx, &c.Data, c.Instance, func(db *store.DB, in *invite.Instance) error {
		list, err := db.Keys(ctx, in)
		if err != nil {
			return fmt.Errorf("listing keys: %w", err)
		}
		w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tCREATED")
		for _, k := range list {
			fmt.Fprintf(w, "%s\t%s\n", k.ID, k.CreatedAt.Time().Format(time.RFC3339))
		}
		return w.Flush()
	})
}

// revokeKey ends a secret key.
func revokeKey(ctx context.Context, c *config.RevokeKey, stdout io.Writer) error {
	return withInstance(ctx, &c.Data, c.Instance, func(db *store.DB, in *invite.Instance) error {
		known, err := db.RevokeKey(ctx, in, c.KeyID)
		if err != nil {
			return fmt.Errorf("revoking a key: %w", err)
		}
		if !known {
			return fmt.Errorf("%s has no key %s", in.ID, c.KeyID)
		}
		_, err = fmt.Fprintf(stdout, "revoked %s\n", c.KeyID)
		return err
	})
}

// migrate brings the schema up and says which version it is now.
func migrate(ctx context.Context, c *config.Migrate, stdout io.Writer) error {
	db, err := openStore(ctx, &c.Data, nil, "", nil)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "schema version %d\n", db.SchemaVersion())
	return errors.Join(err, db.Close())
}
