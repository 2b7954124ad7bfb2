package store

import (
	"context"
	"encoding/json"
	"fmt"

	"usher/internal/invite"
)

// UpdateInstance changes the settings of an instance.
func (db *DB) UpdateInstance(ctx context.Context, in *invite.Instance, c invite.InstanceChange) error {
	_, err := db.changeInstance(ctx, in, func(_ *tx, in *invite.Instance) error { return c.Apply(&in.Settings) })
	return err
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
		_, err = t.exec(`
			UPDATE instances
			SET max_allowed_memberships = $2, settings = $3
			WHERE instance_id = $1`, in.ID, changed.MaxAllowedMemberships, string(settings))
		return err
	})
	return changed, err
}

// OrganizationSettings reads what holds for the organizations of an instance.
func (db *DB) OrganizationSettings(ctx context.Context, in *invite.Instance) (invite.OrganizationSettings, error) {
	var s invite.OrganizationSettings
	err := db.read(ctx, func(t *tx) (err error) {
		s, err = t.organizationSettings(in)
		return err
	})
	return s, err
}

func (t *tx) organizationSettings(in *invite.Instance) (s invite.OrganizationSettings, err error) {
	s.Instance = in
	if s.CreatorRole, err = t.role(in.ID, in.Settings.CreatorRoleID); err != nil {
		return s, missing(err, invite.ParamErr(invite.RoleNotFound, "creator_role_id"))
	}
	s.DomainsRole, err = t.role(in.ID, in.Settings.DomainsRoleID)
	return s, missing(err, invite.ParamErr(invite.RoleNotFound, "domains_default_role_id"))
}

// UpdateOrganizationSettings changes what holds for the organizations of an
// instance, and returns what holds now.
func (db *DB) UpdateOrganizationSettings(ctx context.Context, in *invite.Instance, c invite.OrganizationSettingsChange) (invite.OrganizationSettings, error) {
	var s invite.OrganizationSettings
	_, err := db.changeInstance(ctx, in, func(t *tx, in *invite.Instance) (err error) {
		if err := c.Apply(in); err != nil {
			return err
		}
		if s, err = t.organizationSettings(in); err != nil || c.CreatorRoleID == nil {
			return err
		}
		return invite.CheckCreatorRole(s.CreatorRole)
	})
	return s, err
}
