package store

import (
	"context"
	"errors"

	"usher/internal/invite"
)

type askingKey struct{}

// As returns a context in which operations are asked for by a user, who needs the
// permissions for them in the organization they are about. Without it the application
// asks, which may all. Whether the user has them is decided in the operation's own
// transaction.
func As(ctx context.Context, user string) context.Context {
	return context.WithValue(ctx, askingKey{}, user)
}

// asking returns the user who asks; empty for the application.
func asking(ctx context.Context) string {
	user, _ := ctx.Value(askingKey{}).(string)
	return user
}

// may refuses with NotAMember or MissingPermission when a user asks who has not the
// permission in the organization; empty for what every member may.
func (t *tx) may(o *invite.Organization, permission string) error {
	if t.by == "" {
		return nil
	}
	m, err := t.membership(o, t.by)
	if errors.Is(err, invite.Err(invite.MembershipNotFound)) {
		return invite.Err(invite.NotAMember)
	}
	if err != nil {
		return err
	}
	if permission != "" && !m.Role.Can(permission) {
		return invite.Err(invite.MissingPermission, permission)
	}
	return nil
}

// mayIn is may in an organization that the operation has not read. Nothing is read
// for the application.
func (t *tx) mayIn(instance, organization, permission string) error {
	if t.by == "" {
		return nil
	}
	o, err := t.organization(instance, organization)
	if err != nil {
		return err
	}
	return t.may(o, permission)
}

// mayFound refuses with CreationDisabled or CreationLimit a user who asks for an
// organization and may not have one more.
func (t *tx) mayFound(in *invite.Instance) error {
	if t.by == "" {
		return nil
	}
	u, err := t.user(in.ID, t.by)
	if err != nil {
		return err
	}
	if !u.CreateOrganizations {
		return invite.Err(invite.CreationDisabled)
	}
	limit := u.OrganizationsLimit
	if limit == nil || *limit == 0 {
		return nil
	}
	var made int
	if err := t.row(`
		SELECT count(*)
		FROM organizations
		WHERE instance_id = $1 AND created_by = $2 AND created_by <> ''`, in.ID, u.ID).Scan(&made); err != nil {
		return err
	}
	if made >= *limit {
		return &invite.Error{Kind: invite.CreationLimit, Limit: *limit}
	}
	return nil
}

// AcceptOwnInvitation makes a user a member by an invitation to any address that
// the user has verified. It refuses with OwnInvitationNotFound every other one and with
// NotPending one that is over, and else as AcceptInvitation does.
func (db *DB) AcceptOwnInvitation(ctx context.Context, in *invite.Instance, user, id string) (*invite.Invitation, *invite.Organization, error) {
	var i *invite.Invitation
	var o *invite.Organization
	err := db.write(ctx, func(t *tx) error {
		if err := in.Settings.CheckOrganizations(); err != nil {
			return err
		}
		u, err := t.user(in.ID, user)
		if err != nil {
			return err
		}
		o, i, err = t.ownInvitation(in, u, id)
		if errors.Is(err, invite.Err(invite.OwnInvitationNotFound)) {
			o, i, err = t.acceptEnrollment(in, u, id)
			return err
		}
		if err != nil {
			return err
		}
		if err := i.Accept(t.now); err != nil {
			return invite.Err(invite.NotPending)
		}
		if err := i.CheckJoiner(u, t.now); err != nil {
			return err
		}
		m, err := t.seat(&Ticketed{Instance: in, Organization: o, Invitation: i}, u)
		if err == nil {
			o = &m.Organization
		}
		return err
	})
	return i, o, err
}

// ownInvitation returns an invitation to one of the user's verified addresses.
func (t *tx) ownInvitation(in *invite.Instance, u *invite.User, id string) (*invite.Organization, *invite.Invitation, error) {
	refusal := invite.Err(invite.OwnInvitationNotFound)
	keys := u.VerifiedKeys()
	if len(keys) == 0 {
		return nil, nil, refusal
	}
	q := where{args: []any{in.ID, id}}
	var organization string
	// Not the bare id, to keep the planner on the addresses, of which there are few.
	if err := t.row(`
		SELECT i.organization_id
		FROM invitations i
		WHERE i.instance_id = $1 AND i.id || '' = $2 AND i.email_key IN (`+q.list(keys)+`) AND i.organization_id NOT IN `+left, q.args...).Scan(&organization); err != nil {
		return nil, nil, missing(err, refusal)
	}
	o, err := t.organization(in.ID, organization)
	if err := t.unswept(o, err); err != nil {
		return nil, nil, err
	}
	i, err := t.invitation(in.ID, o.ID, id)
	return o, i, err
}
