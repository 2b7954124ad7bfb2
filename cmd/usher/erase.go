package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"usher/internal/config"
	"usher/internal/invite"
	"usher/internal/store"
)

// erase forgets a person and prints how much there was. That nothing is known of an
// address is no failure: the command may be repeated.
func erase(ctx context.Context, c *config.Erase, stdout io.Writer) error {
	keys, err := invite.NewKeyring(c.MasterKey.Bytes)
	if err != nil {
		return mistake("master-key", err)
	}
	email, ok := invite.ParseEmail(c.Email)
	if !ok {
		return mistake("email", errors.New("this is no email address"))
	}
	return withSecrets(ctx, &c.Data, keys, selected(ctx, &c.Data, c.Instance, func(db *store.DB, in *invite.Instance) error {
		list, err := db.Erase(ctx, in, email, c.DryRun)
		if err != nil {
			return fmt.Errorf("erasing: %w", err)
		}
		if c.Compact && !c.DryRun {
			if err := db.Compact(ctx); err != nil {
				return fmt.Errorf("everything is erased, but free pages of the file may hold it: rewriting the file: %w", err)
			}
		}
		return tellErased(stdout, in, list, c.DryRun)
	}))
}

func tellErased(w io.Writer, in *invite.Instance, list []store.Erased, rehearsal bool) error {
	done := "erased from"
	if rehearsal {
		done = "would be erased from"
	}
	if len(list) == 0 {
		_, err := fmt.Fprintf(w, "nothing is known of the address in %s\n", in.ID)
		return err
	}
	for _, e := range list {
		if _, err := fmt.Fprintf(w, "%6d %s\n", e.Rows, e.What); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%s %s\n", done, in.ID)
	return err
}
