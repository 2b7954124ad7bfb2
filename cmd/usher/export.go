package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"usher/internal/clerk"
	"usher/internal/config"
	"usher/internal/invite"
	"usher/internal/store"
)

// exportPage is how much of a list is in memory at once.
const exportPage = 500

// export writes an organization with all that belongs to it as JSON Lines.
func export(ctx context.Context, c *config.Export, stdout io.Writer) error {
	return withInstance(ctx, &c.Data, c.Instance, func(db *store.DB, in *invite.Instance) error {
		if c.File == standard {
			return exportTo(ctx, db, in, c.Org, stdout)
		}
		return exportFile(ctx, db, in, c)
	})
}

// exportFile leaves no half of an export behind.
func exportFile(ctx context.Context, db *store.DB, in *invite.Instance, c *config.Export) (err error) {
	flags := os.O_CREATE | os.O_WRONLY | os.O_EXCL
	name := c.File
	if c.Force {
		name += ".part"
		flags = os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	}
	file, err := os.OpenFile(name, flags, 0o600)
	if errors.Is(err, os.ErrExist) {
		err = forceable(fmt.Errorf("%s %w", c.File, store.ErrExists))
	}
	if err != nil {
		return fmt.Errorf("exporting: %w", err)
	}
	if err = errors.Join(exportTo(ctx, db, in, c.Org, file), file.Sync(), file.Close()); err == nil && c.Force {
		err = os.Rename(name, c.File)
	}
	if err != nil {
		_ = os.Remove(name)
	}
	return err
}

// exportTo writes from one snapshot, in an order that depends on nothing else.
func exportTo(ctx context.Context, db *store.DB, in *invite.Instance, organization string, w io.Writer) error {
	buffered := bufio.NewWriter(w)
	e := &exporter{db: db, in: in, encoder: &clerk.Encoder{}, w: buffered, roles: make(map[string]bool)}
	err := db.Snapshot(ctx, func(ctx context.Context) error {
		o, err := db.Organization(ctx, in, organization)
		if err != nil {
			return err
		}
		e.o = o
		for _, write := range []func(context.Context) error{e.organization, e.domains, e.members, e.requests, e.invitations, e.rolesUsed, e.events} {
			if err := write(ctx); err != nil {
				return err
			}
		}
		return buffered.Flush()
	})
	if err != nil {
		return fmt.Errorf("exporting %s: %w", organization, err)
	}
	return nil
}

// exporter writes one organization. Its encoder has no keys, and makes no links.
type exporter struct {
	db      *store.DB
	in      *invite.Instance
	o       *invite.Organization
	encoder *clerk.Encoder
	w       *bufio.Writer
	roles   map[string]bool // by key, those that were met
}

// line writes an object as events have it, which is the API's form without links.
func (e *exporter) line(data any) error {
	raw, err := e.encoder.EventData(data, e.db.Now())
	return e.write(raw, err)
}

func (e *exporter) write(raw json.RawMessage, err error) error {
	if err != nil {
		return err
	}
	_, err = e.w.Write(append(raw, '\n'))
	return err
}

// pages calls read with one page after the other until one is not full.
func pages(read func(invite.Page) (int, error)) error {
	for p := (invite.Page{Limit: exportPage}); ; p.Offset += exportPage {
		if n, err := read(p); err != nil || n < exportPage {
			return err
		}
	}
}

func (e *exporter) organization(context.Context) error { return e.line(e.o) }

// domains are there, too, where they are switched off.
func (e *exporter) domains(ctx context.Context) error {
	in := *e.in
	in.Settings.DomainsEnabled = true
	return pages(func(p invite.Page) (int, error) {
		list, _, err := e.db.OrganizationDomains(ctx, &in, e.o.ID, store.DomainFilter{OrderBy: "created_at", Page: p})
		for _, d := range list {
			err = errors.Join(err, e.line(d))
		}
		return len(list), err
	})
}

func (e *exporter) members(ctx context.Context) error {
	return pages(func(p invite.Page) (int, error) {
		list, _, err := e.db.Memberships(ctx, e.in, e.o.ID, store.MembershipFilter{Page: p})
		for _, m := range list {
			e.roles[m.Role.Key] = true
			err = errors.Join(err, e.line(m))
		}
		return len(list), err
	})
}

func (e *exporter) requests(ctx context.Context) error {
	return pages(func(p invite.Page) (int, error) {
		list, _, err := e.db.MembershipRequests(ctx, e.in, e.o.ID, store.RequestFilter{Page: p})
		for _, r := range list {
			raw, failed := clerk.Marshal(e.encoder.MembershipRequest(r))
			err = errors.Join(err, e.write(raw, failed))
		}
		return len(list), err
	})
}

func (e *exporter) invitations(ctx context.Context) error {
	return pages(func(p invite.Page) (int, error) {
		list, err := e.db.Invitations(ctx, e.in, e.o.ID, store.InvitationFilter{OrderBy: "created_at", Page: p})
		for _, i := range list.Invitations {
			e.roles[i.Role] = true
			err = errors.Join(err, e.line(i))
		}
		return len(list.Invitations), err
	})
}

func (e *exporter) rolesUsed(ctx context.Context) error {
	return pages(func(p invite.Page) (int, error) {
		list, _, err := e.db.Roles(ctx, e.in, store.CatalogFilter{OrderBy: "created_at", Page: p})
		n := len(list)
		for _, r := range slices.DeleteFunc(list, func(r invite.Role) bool { return !e.roles[r.Key] }) {
			err = errors.Join(err, e.line(r))
		}
		return n, err
	})
}

func (e *exporter) events(ctx context.Context) error {
	for after := ""; ; {
		list, _, err := e.db.Events(ctx, e.in, store.EventFilter{Organization: e.o.ID, After: after, Limit: exportPage})
		if err != nil {
			return err
		}
		for _, event := range list {
			if err := e.write(clerk.AppendEvent(nil, &event), nil); err != nil {
				return err
			}
			after = event.ID
		}
		if len(list) < exportPage {
			return nil
		}
	}
}
