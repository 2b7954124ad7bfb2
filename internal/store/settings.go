package store

import (
	"context"
	"encoding/json"
	"fmt"

	"usher/internal/invite"
)

// UpdateInstance changes the settings of an instance. It refuses with ValueExists a
// frontend host that another one has.
func (db *DB) UpdateInstance(ctx context.Context, in *invite.Instance, c invite.InstanceChange) error {
	_, err := db.changeInstance(ctx, in, func(t *tx, in *invite.Instance) error {
		if err := c.Apply(in); err != nil {
			return err
		}
		return t.freeHost(in)
	})
	return err
}

// freeHost refuses with ValueExists a frontend host that another instance has.
func (t *tx) freeHost(in *invite.Instance) error {
	var taken bool
	if err := t.row(`
		SELECT count(*) > 0
		FROM instances
		WHERE frontend_host = $2 AND frontend_host <> '' AND instance_id <> $1`, in.ID, in.FrontendHost).Scan(&taken); err != nil {
		return err
	}
	if taken {
		return invite.ParamErr(invite.ValueExists, "frontend_host", in.FrontendHost)
	}
	return nil
}

// UpdateRestrictions changes who may come in, and returns what holds now.
func (db *DB) UpdateRestrictions(ctx context.Context, in *invite.Instance, c invite.RestrictionsChange) (*invite.Restrictions, error) {
	changed, err := db.changeInstance(ctx, in, func(_ *tx, in *invite.Instance) error {
		c.Apply(&in.Settings.Restrictions)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &changed.Settings.Restrictions, nil
}

// changeInstance changes an instance as it is in the database: in may be older.
func (db *DB) changeInstance(ctx context.Context, in *invite.Instance, change func(*tx, *invite.Instance) error) (*invite.Instance, error) {
	var changed *invite.Instance
	err := db.write(ctx, func(t *tx) (err error) {
		if changed, err = t.instance(in.ID); err != nil {
			return err
		}
		if err := change(t, changed); err != nil {
			return err
		}
		settings, err := json.Marshal(changed.Settings)
		if err != nil {
			return fmt.Errorf("writing settings: %w", err)
		}
		t.changed = []string{} // lists do not show settings
		t.instanceChanged()
		err = t.later(`
			UPDATE instances
			SET home_url = $2, frontend_host = $3, max_allowed_memberships = $4, settings = $5
			WHERE instance_id = $1`, in.ID, changed.HomeURL, changed.FrontendHost, changed.MaxAllowedMemberships, string(settings))
		return err
	})
	return changed, err
}

// OrganizationSettings reads what holds for the organizations of an instance.
func (db *DB) OrganizationSettings(ctx context.Context, in *invite.Instance) (invite.OrganizationSettings, error) {
	s := invite.OrganizationSettings{Instance: in}
	err := db.read(ctx, func(t *tx) (err error) {
		s.Roles, err = t.roleSet(in.ID, "")
		return err
	})
	return s, err
}

// UpdateOrganizationSettings changes what holds for the organizations of an
// instance, and returns what holds now.
func (db *DB) UpdateOrganizationSettings(ctx context.Context, in *invite.Instance, c invite.OrganizationSettingsChange) (invite.OrganizationSettings, error) {
	var s invite.OrganizationSettings
	_, err := db.changeInstance(ctx, in, func(t *tx, in *invite.Instance) error {
		if err := c.Apply(in); err != nil {
			return err
		}
		initial, err := t.roleSet(in.ID, "")
		if err != nil {
			return err
		}
		own := *initial
		s.Instance, s.Roles = in, &own
		if c.DomainsEnabled != nil || c.EnrollmentModes != nil {
			if err := t.enrollAgain(in); err != nil {
				return err
			}
		}
		if c.CreatorRoleID == nil && c.DomainsRoleID == nil {
			return nil
		}
		if err := c.Appoint(&own); err != nil {
			return err
		}
		return t.updateRoleSet(in.ID, &own)
	})
	return s, err
}
