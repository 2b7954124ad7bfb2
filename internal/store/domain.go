package store

import (
	"context"
	"strings"

	"usher/internal/invite"
)

const domainColumns = `o.id, o.organization_id, o.name, o.name_key, o.enrollment_mode, o.verified, o.owned_at,
	o.affiliation, o.code_number, o.code_attempts, o.code_expires_at, o.invitations, o.suggestions, o.created_at, o.updated_at`

func scanDomain(row scanner, instance string) (*invite.Domain, error) {
	d := invite.Domain{InstanceID: instance}
	err := row.Scan(&d.ID, &d.OrganizationID, &d.Name, &d.Key, &d.Mode, &d.Verified, &d.OwnedAt,
		&d.Affiliation.Address, &d.Code.Number, &d.Code.Attempts, &d.Code.ExpiresAt, &d.Invitations, &d.Suggestions, &d.CreatedAt, &d.UpdatedAt)
	d.Affiliation, _ = invite.ParseEmail(d.Affiliation.Address) // it was one when it came in
	return &d, err
}

// domain returns the row, or refuses with OrganizationNotFound or DomainNotFound.
func (t *tx) domain(instance, organization, id string) (*invite.Domain, error) {
	d, err := scanDomain(t.row(`
		SELECT `+domainColumns+`
		FROM organization_domains o
		WHERE o.instance_id = $1 AND o.organization_id = $2 AND o.id = $3`, instance, organization, id), instance)
	if missing(err, nil) == nil && err != nil {
		if _, err := t.organization(instance, organization); err != nil {
			return nil, err
		}
	}
	return d, missing(err, invite.Err(invite.DomainNotFound, id))
}

// Domain returns a domain of an organization, or refuses with OrganizationNotFound or
// DomainNotFound.
func (db *DB) Domain(ctx context.Context, in *invite.Instance, organization, id string) (*invite.Domain, error) {
	if err := in.Settings.CheckDomains(); err != nil {
		return nil, err
	}
	var d *invite.Domain
	err := db.read(ctx, func(t *tx) (err error) {
		if err := t.mayIn(in.ID, organization, invite.DomainsRead); err != nil {
			return err
		}
		d, err = t.domain(in.ID, organization, id)
		return err
	})
	return d, err
}

// CreateDomain adds a domain to an organization. Of all organizations of an
// instance one may have it verified. The owners of its addresses are enrolled as
// its mode says: some at once, the others by SweepEnrollments.
func (db *DB) CreateDomain(ctx context.Context, in *invite.Instance, organization string, n invite.NewDomain) (*invite.Domain, error) {
	if err := in.Settings.CheckDomains(); err != nil {
		return nil, err
	}
	asked, err := n.Domain(&in.Settings)
	if err != nil {
		return nil, err
	}
	var d *invite.Domain
	err = db.write(ctx, func(t *tx) error {
		o, err := t.organization(in.ID, organization)
		if err != nil {
			return err
		}
		if err := t.may(o, invite.DomainsManage); err != nil {
			return err
		}
		made := *asked
		d = &made
		d.ID, d.InstanceID, d.OrganizationID, d.CreatedAt, d.UpdatedAt = t.newID(domainID), in.ID, o.ID, t.now, t.now
		if err := t.insertDomain(d); err != nil {
			return err
		}
		if o.Domains >= invite.MaxDomains {
			return &invite.Error{Kind: invite.DomainQuota, Limit: invite.MaxDomains}
		}
		t.changed = []string{} // lists of invitations do not show domains
		if err := t.countDomains(o, 1); err != nil {
			return err
		}
		if err := t.beginEnrolling(in, d); err != nil {
			return err
		}
		return t.event(in.ID, o.ID, invite.DomainCreatedEvent, d)
	})
	return d, err
}

func (t *tx) insertDomain(d *invite.Domain) error {
	n, err := t.exec(`
		INSERT INTO organization_domains (instance_id, organization_id, id, name, name_key, enrollment_mode, verified, owned_at, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT DO NOTHING`,
		d.InstanceID, d.OrganizationID, d.ID, d.Name, d.Key, d.Mode, d.Verified, d.OwnedAt, d.CreatedAt, d.UpdatedAt)
	if err != nil || n > 0 {
		return err
	}
	var here int
	if err := t.row(`
		SELECT count(*)
		FROM organization_domains
		WHERE instance_id = $1 AND organization_id = $2 AND name_key = $3`, d.InstanceID, d.OrganizationID, d.Key).Scan(&here); err != nil {
		return err
	}
	if here > 0 {
		return invite.ParamErr(invite.DomainTakenHere, "name")
	}
	return invite.ParamErr(invite.DomainTaken, "name")
}

func (t *tx) countDomains(o *invite.Organization, by int) error {
	if err := t.later(`UPDATE organizations SET domains = domains + $3 WHERE instance_id = $1 AND id = $2`, o.InstanceID, o.ID, by); err != nil {
		return err
	}
	return t.count(o.InstanceID, "organization_domains", by)
}

// UpdateDomain changes a domain, and begins to enroll the owners of its addresses
// when its mode changes or it becomes verified. What it has made and nobody has
// answered is taken back when it is not verified any more, or when the change
// asks for that.
func (db *DB) UpdateDomain(ctx context.Context, in *invite.Instance, organization, id string, c invite.DomainChange) (*invite.Domain, error) {
	if err := in.Settings.CheckDomains(); err != nil {
		return nil, err
	}
	var d *invite.Domain
	err := db.write(ctx, func(t *tx) (err error) {
		if err := t.mayIn(in.ID, organization, invite.DomainsManage); err != nil {
			return err
		}
		if d, err = t.domain(in.ID, organization, id); err != nil {
			return err
		}
		before := *d
		if err := c.Apply(d, &in.Settings); err != nil {
			return err
		}
		d.UpdatedAt, t.changed = t.now, []string{} // lists of invitations do not show domains
		if err := t.updateDomain(d); err != nil {
			return err
		}
		if c.DeletePending || before.Verified != invite.Unverified && d.Verified == invite.Unverified {
			if err := t.withdraw(d); err != nil {
				return err
			}
		}
		if d.Mode != before.Mode || d.Verified != before.Verified || c.DeletePending {
			if err := t.beginEnrolling(in, d); err != nil {
				return err
			}
		}
		return t.event(in.ID, d.OrganizationID, invite.DomainUpdatedEvent, d)
	})
	return d, err
}

func (t *tx) updateDomain(d *invite.Domain) error {
	_, err := t.exec(`
		UPDATE organization_domains
		SET enrollment_mode = $4, verified = $5, owned_at = $6, updated_at = $7
		WHERE instance_id = $1 AND organization_id = $2 AND id = $3`,
		d.InstanceID, d.OrganizationID, d.ID, d.Mode, d.Verified, d.OwnedAt, d.UpdatedAt)
	if err != nil && t.db.dialect.duplicate(err) {
		return invite.ParamErr(invite.DomainTaken, "name")
	}
	return err
}

// ConfirmDomainOwnership notes that the organization owns the domain. Once noted,
// it changes nothing.
func (db *DB) ConfirmDomainOwnership(ctx context.Context, in *invite.Instance, organization, id string) (*invite.Domain, error) {
	if err := in.Settings.CheckDomains(); err != nil {
		return nil, err
	}
	var d *invite.Domain
	err := db.write(ctx, func(t *tx) (err error) {
		if d, err = t.domain(in.ID, organization, id); err != nil || d.OwnedAt != 0 {
			return err
		}
		d.OwnedAt, d.UpdatedAt, t.changed = t.now, t.now, []string{} // lists of invitations do not show domains
		if err := t.updateDomain(d); err != nil {
			return err
		}
		return t.event(in.ID, d.OrganizationID, invite.DomainUpdatedEvent, d)
	})
	return d, err
}

// DeleteDomain takes a domain from an organization, with what it has made and
// nobody has answered. Members stay.
func (db *DB) DeleteDomain(ctx context.Context, in *invite.Instance, organization, id string) (invite.Deleted, error) {
	gone := invite.Deleted{Object: "organization_domain", ID: id}
	if err := in.Settings.CheckDomains(); err != nil {
		return gone, err
	}
	err := db.write(ctx, func(t *tx) error {
		if err := t.mayIn(in.ID, organization, invite.DomainsManage); err != nil {
			return err
		}
		d, err := t.domain(in.ID, organization, id)
		if err != nil {
			return err
		}
		t.changed = []string{} // lists of invitations do not show domains
		if err := t.deleteDomain(d); err != nil {
			return err
		}
		if err := t.countDomains(&invite.Organization{InstanceID: in.ID, ID: organization}, -1); err != nil {
			return err
		}
		return t.event(in.ID, organization, invite.DomainDeletedEvent, gone)
	})
	return gone, err
}

func (t *tx) deleteDomain(d *invite.Domain) error {
	if err := t.later(`DELETE FROM organization_domains WHERE instance_id = $1 AND organization_id = $2 AND id = $3`, d.InstanceID, d.OrganizationID, d.ID); err != nil {
		return err
	}
	return t.withdraw(d)
}

// deleteDomains deletes the domains of an organization that is being deleted.
func (t *tx) deleteDomains(o *invite.Organization) error {
	if o.Domains == 0 {
		return nil
	}
	var list []*invite.Domain
	if err := t.each(`
		SELECT `+domainColumns+`
		FROM organization_domains o
		WHERE o.instance_id = $1 AND o.organization_id = $2`, []any{o.InstanceID, o.ID}, func(row scanner) error {
		d, err := scanDomain(row, o.InstanceID)
		list = append(list, d)
		return err
	}); err != nil {
		return err
	}
	for _, d := range list {
		if err := t.deleteDomain(d); err != nil {
			return err
		}
	}
	return t.count(o.InstanceID, "organization_domains", -len(list))
}

// DomainFilter selects and orders a list of domains. Empty fields select all.
type DomainFilter struct {
	Organization string // id
	Verified     *bool
	Modes        []string
	WithoutModes []string
	Names        []string // exact, compared folded
	Query        string   // an organization's id, or part of the name, in any case and in both forms
	OrderBy      string   // created_at or name
	Descending   bool
	invite.Page
}

func (f *DomainFilter) where(instance string) (q where, unfiltered bool) {
	q.and(`o.instance_id = ` + q.arg(instance))
	if f.Organization != "" {
		q.and(`o.organization_id = ` + q.arg(f.Organization))
	}
	if f.Verified != nil && *f.Verified {
		q.and(`o.verified <> ''`)
	}
	if f.Verified != nil && !*f.Verified {
		q.and(`o.verified = ''`)
	}
	q.in(`o.enrollment_mode`, f.Modes)
	if len(f.WithoutModes) > 0 {
		q.and(`o.enrollment_mode NOT IN (` + q.list(f.WithoutModes) + `)`)
	}
	if len(f.Names) > 0 {
		keys := make([]string, len(f.Names))
		for i, name := range f.Names {
			keys[i] = invite.DomainKey(name)
		}
		q.in(`o.name_key`, keys)
	}
	switch {
	case strings.HasPrefix(f.Query, organizationID):
		q.and(`o.organization_id = ` + q.arg(f.Query))
	case f.Query != "":
		like := ` LIKE ` + q.arg(contains(f.Query)) + ` ESCAPE '\'`
		q.and(`(o.name` + like + ` OR o.name_key` + like + `)`)
	}
	return q, len(q.conditions) == 1
}

func (f *DomainFilter) query(instance string) (string, []any) {
	column := map[string]string{"created_at": "o.id", "name": "o.name"}[f.OrderBy] // ids sort by creation
	if len(f.Names) > 0 {
		column = computed(column)
	}
	q, _ := f.where(instance)
	return `SELECT ` + domainColumns + ` FROM organization_domains o` + q.clause() + order(column, "o.id", f.Descending) + q.limit(f.Page), q.args
}

// Domains returns one page of the domains of an instance, and the number that match.
func (db *DB) Domains(ctx context.Context, in *invite.Instance, f DomainFilter) ([]*invite.Domain, int, error) {
	if err := in.Settings.CheckDomains(); err != nil {
		return nil, 0, err
	}
	var list []*invite.Domain
	var total int
	err := db.read(ctx, func(t *tx) (err error) {
		list, total, err = t.domains(in.ID, f)
		return err
	})
	return list, total, err
}

// OrganizationDomains is Domains of one organization, or OrganizationNotFound.
func (db *DB) OrganizationDomains(ctx context.Context, in *invite.Instance, organization string, f DomainFilter) ([]*invite.Domain, int, error) {
	if err := in.Settings.CheckDomains(); err != nil {
		return nil, 0, err
	}
	var list []*invite.Domain
	var total int
	err := db.read(ctx, func(t *tx) error {
		o, err := t.organization(in.ID, organization)
		if err != nil {
			return err
		}
		if err := t.may(o, invite.DomainsRead); err != nil {
			return err
		}
		f.Organization = o.ID
		list, total, err = t.domains(in.ID, f)
		return err
	})
	return list, total, err
}

func (t *tx) domains(instance string, f DomainFilter) (list []*invite.Domain, total int, err error) {
	q, unfiltered := f.where(instance)
	if total, err = t.total(instance, "organization_domains", unfiltered, q); err != nil {
		return nil, 0, err
	}
	query, args := f.query(instance)
	err = t.each(query, args, func(row scanner) error {
		d, err := scanDomain(row, instance)
		list = append(list, d)
		return err
	})
	return list, total, err
}
