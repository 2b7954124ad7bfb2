package store

import (
	"context"
	"database/sql"
	"errors"

	"usher/internal/invite"
)

const userColumns = `u.id, u.external_id, u.username, u.first_name, u.last_name, u.locale, u.primary_email_address_id,
	u.public_metadata, u.private_metadata, u.unsafe_metadata, u.password_digest <> '', u.password_changed_at, u.banned, u.locked, u.guesses, u.locked_until,
	u.delete_self, u.create_organizations, u.create_organizations_limit, u.bypass_client_trust,
	u.legal_accepted_at, u.last_sign_in_at, u.last_active_at, u.created_at, u.updated_at`

func scanUser(row scanner) (*invite.User, error) {
	var u invite.User
	var limit int
	err := row.Scan(&u.ID, &u.ExternalID, &u.Username, &u.FirstName, &u.LastName, &u.Locale, &u.PrimaryEmailAddressID,
		(*[]byte)(&u.PublicMetadata), (*[]byte)(&u.PrivateMetadata), (*[]byte)(&u.UnsafeMetadata), &u.HasPassword, &u.PasswordChangedAt,
		&u.Banned, &u.Locked, &u.Guesses, &u.LockedUntil, &u.DeleteSelf, &u.CreateOrganizations, &limit, &u.BypassClientTrust,
		&u.LegalAcceptedAt, &u.LastSignInAt, &u.LastActiveAt, &u.CreatedAt, &u.UpdatedAt)
	if limit >= 0 {
		u.OrganizationsLimit = &limit
	}
	return &u, err
}

// organizationsLimit returns how the limit of a user is stored.
func organizationsLimit(u *invite.User) int {
	if u.OrganizationsLimit == nil {
		return -1
	}
	return *u.OrganizationsLimit
}

// user returns the user with all addresses, or refuses with UserNotFound.
func (t *tx) user(instance, id string) (*invite.User, error) {
	u, err := scanUser(t.row(`SELECT `+userColumns+` FROM users u WHERE u.instance_id = $1 AND u.id = $2`, instance, id))
	if err != nil {
		return nil, missing(err, invite.Err(invite.UserNotFound, id))
	}
	return u, t.addresses(instance, u)
}

// owner returns the user who has verified the address, or UserNotFound.
func (t *tx) owner(instance string, email invite.Email) (*invite.User, error) {
	var id string
	err := t.row(`
		SELECT user_id
		FROM email_addresses
		WHERE instance_id = $1 AND email_key = $2 AND verified <> ''`, instance, email.Key).Scan(&id)
	if err != nil {
		return nil, missing(err, invite.Err(invite.UserNotFound))
	}
	return t.user(instance, id)
}

const personColumns = `u.id, u.first_name, u.last_name, u.username, u.banned, COALESCE(e.email_address, '')`

const personFrom = `users u
	LEFT JOIN email_addresses e ON e.instance_id = u.instance_id AND e.user_id = u.id AND e.id = u.primary_email_address_id`

// personOf returns scan targets for personColumns and what turns them into the person.
func personOf(p *invite.Person) (targets []any, finish func()) {
	var email string
	targets = []any{&p.UserID, &p.FirstName, &p.LastName, &p.Username, &p.Banned, &email}
	return targets, func() {
		if p.Identifier = email; email == "" {
			p.Identifier = p.Username
		}
	}
}

// person returns nil for a user who does not exist any more.
func (t *tx) person(instance, id string) (*invite.Person, error) {
	return t.askPerson(instance, id)()
}

// askPerson asks for a person with what else is asked before the answer is wanted.
func (t *tx) askPerson(instance, id string) (answer func() (*invite.Person, error)) {
	row := t.row(`SELECT `+personColumns+` FROM `+personFrom+` WHERE u.instance_id = $1 AND u.id = $2`, instance, id)
	return func() (*invite.Person, error) {
		// Only people who exist are remembered: strangers' ids are a client's to make up.
		p, err := t.db.cache.people.recall(instance+" "+id, t.generation, t.uncached || t.everywhere(), func() (*invite.Person, error) {
			var p invite.Person
			targets, finish := personOf(&p)
			err := row.Scan(targets...)
			finish()
			return &p, err
		})
		if errors.Is(err, sql.ErrNoRows) {
			return nil, nil
		}
		return p, err
	}
}

// CreateUser creates a user whose addresses count as verified by an admin.
func (db *DB) CreateUser(ctx context.Context, in *invite.Instance, n invite.NewUser) (*invite.User, error) {
	if err := n.Check(); err != nil {
		return nil, err
	}
	var u *invite.User
	err := db.write(ctx, func(t *tx) (err error) {
		u, err = t.newUser(in, &n, invite.VerifiedByAdmin)
		return err
	})
	return u, err
}

// newUser inserts a checked user and its addresses, if they may come in.
func (t *tx) newUser(in *invite.Instance, n *invite.NewUser, by invite.Verification) (*invite.User, error) {
	if err := t.admitted(in.ID, in.Settings.Restrictions, by == invite.VerifiedByTicket, n.Emails); err != nil {
		return nil, err
	}
	u := &invite.User{
		ID: t.newID(userID), ExternalID: n.ExternalID, Username: n.Username,
		FirstName: n.FirstName, LastName: n.LastName, Locale: n.Locale, CreatedAt: t.now, UpdatedAt: t.now,
		PublicMetadata: emptyObject, PrivateMetadata: emptyObject, UnsafeMetadata: emptyObject,
		Banned: n.Banned, Lockout: invite.Lockout{Locked: n.Locked}, LegalAcceptedAt: n.LegalAcceptedAt,
		UserSettings: invite.UserSettings{DeleteSelf: true, CreateOrganizations: true},
	}
	if n.PasswordDigest != "" {
		u.HasPassword, u.PasswordChangedAt = true, t.now
	}
	if err := n.Settings.Apply(&u.UserSettings); err != nil {
		return nil, err
	}
	if n.CreatedAt != 0 {
		u.CreatedAt = n.CreatedAt
	}
	if err := n.Metadata.Apply(&u.PublicMetadata, &u.PrivateMetadata, &u.UnsafeMetadata); err != nil {
		return nil, err
	}
	for i := range n.Emails {
		a := n.Address(i, by)
		a.ID, a.UserID, a.CreatedAt, a.UpdatedAt = t.newID(emailAddressID), u.ID, t.now, t.now
		u.EmailAddresses = append(u.EmailAddresses, a)
	}
	if len(u.EmailAddresses) > 0 {
		u.PrimaryEmailAddressID = u.EmailAddresses[0].ID
	}
	if err := t.insertUser(in.ID, u, n.PasswordDigest); err != nil {
		return nil, err
	}
	if err := t.count(in.ID, "users", 1); err != nil {
		return nil, err
	}
	for k := range u.EmailAddresses {
		if err := t.enroll(in, &u.EmailAddresses[k]); err != nil {
			return nil, err
		}
	}
	return u, t.event(in.ID, "", invite.UserCreatedEvent, u)
}

func (t *tx) insertUser(instance string, u *invite.User, digest string) error {
	for i := range u.EmailAddresses {
		if err := t.insertAddress(instance, &u.EmailAddresses[i]); err != nil {
			return err
		}
	}
	if err := t.uniqueUser(instance, u); err != nil {
		return err
	}
	err := t.later(`
		INSERT INTO users (instance_id, id, external_id, username, username_key, first_name, last_name, name_key, locale,
			primary_email_address_id, public_metadata, private_metadata, unsafe_metadata, password_digest, password_changed_at,
			banned, locked, delete_self, create_organizations, create_organizations_limit, bypass_client_trust,
			legal_accepted_at, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)`,
		instance, u.ID, u.ExternalID, u.Username, invite.Fold(u.Username), u.FirstName, u.LastName, u.NameKey(), u.Locale,
		u.PrimaryEmailAddressID, string(u.PublicMetadata), string(u.PrivateMetadata), string(u.UnsafeMetadata), digest, u.PasswordChangedAt,
		u.Banned, u.Locked, u.DeleteSelf, u.CreateOrganizations, organizationsLimit(u), u.BypassClientTrust,
		u.LegalAcceptedAt, u.CreatedAt, u.UpdatedAt)
	return err
}

// uniqueUser refuses names that another user has. The unique indexes hold the
// same promise; asking first tells which of them it is.
func (t *tx) uniqueUser(instance string, u *invite.User) error {
	for _, f := range []struct {
		column, value, param string
		taken                invite.Kind
	}{
		{"username_key", invite.Fold(u.Username), "username", invite.IdentifierExists},
		{"external_id", u.ExternalID, "external_id", invite.ValueExists},
	} {
		if f.value == "" {
			continue
		}
		var taken bool
		err := t.row(`
			SELECT EXISTS (SELECT 1 FROM users WHERE instance_id = $1 AND `+f.column+` = $2 AND `+f.column+` <> '' AND id <> $3)`,
			instance, f.value, u.ID).Scan(&taken)
		if err != nil {
			return err
		}
		if taken {
			return invite.ParamErr(f.taken, f.param, f.value)
		}
	}
	return nil
}

// User returns a user, or UserNotFound.
func (db *DB) User(ctx context.Context, in *invite.Instance, id string) (*invite.User, error) {
	var u *invite.User
	err := db.read(ctx, func(t *tx) (err error) {
		u, err = t.user(in.ID, id)
		return err
	})
	return u, err
}

// UpdateUser changes a user.
func (db *DB) UpdateUser(ctx context.Context, in *invite.Instance, id string, c invite.UserChange) (*invite.User, error) {
	var u *invite.User
	err := db.write(ctx, func(t *tx) (err error) {
		u, err = t.changeUser(in, id, &c)
		return err
	})
	return u, err
}

func (t *tx) changeUser(in *invite.Instance, id string, c *invite.UserChange) (*invite.User, error) {
	u, err := t.user(in.ID, id)
	if err != nil {
		return nil, err
	}
	if err := c.Apply(u); err != nil {
		return nil, err
	}
	if err := t.uniqueUser(in.ID, u); err != nil {
		return nil, err
	}
	if c.PasswordDigest != nil {
		if err := t.setPassword(in.ID, u, *c.PasswordDigest); err != nil {
			return nil, err
		}
	}
	if c.SignOut || u.Banned {
		if err := t.revokeSessions(in.ID, u.ID); err != nil {
			return nil, err
		}
	}
	return u, t.saveUser(in.ID, u)
}

// saveUser stores what was changed in u, its password apart, and tells of it.
func (t *tx) saveUser(instance string, u *invite.User) error {
	u.UpdatedAt, t.changedAll = t.now, true
	if err := t.later(`
		UPDATE users
		SET external_id = $3, username = $4, username_key = $5, first_name = $6, last_name = $7, name_key = $8, locale = $9,
			primary_email_address_id = $10, public_metadata = $11, private_metadata = $12, unsafe_metadata = $13,
			banned = $14, locked = $15, delete_self = $16, create_organizations = $17, create_organizations_limit = $18,
			bypass_client_trust = $19, legal_accepted_at = $20, created_at = $21, updated_at = $22, guesses = $23, locked_until = $24
		WHERE instance_id = $1 AND id = $2`,
		instance, u.ID, u.ExternalID, u.Username, invite.Fold(u.Username), u.FirstName, u.LastName, u.NameKey(), u.Locale,
		u.PrimaryEmailAddressID, string(u.PublicMetadata), string(u.PrivateMetadata), string(u.UnsafeMetadata),
		u.Banned, u.Locked, u.DeleteSelf, u.CreateOrganizations, organizationsLimit(u),
		u.BypassClientTrust, u.LegalAcceptedAt, u.CreatedAt, u.UpdatedAt, u.Guesses, u.LockedUntil); err != nil {
		return err
	}
	return t.event(instance, "", invite.UserUpdatedEvent, u)
}

// BanUsers bans users, or takes their bans away, all of them or none, and returns
// them in the order given. Those of whom it is true already stay as they are.
func (db *DB) BanUsers(ctx context.Context, in *invite.Instance, ids []string, banned bool) ([]*invite.User, error) {
	var list []*invite.User
	err := db.write(ctx, func(t *tx) error {
		list = make([]*invite.User, len(ids))
		for i, id := range ids {
			u, err := t.user(in.ID, id)
			if err != nil {
				return err
			}
			if list[i] = u; u.Banned == banned {
				continue
			}
			u.Banned = banned
			if err := t.saveUser(in.ID, u); err != nil {
				return err
			}
			if !banned {
				continue
			}
			if err := t.revokeSessions(in.ID, id); err != nil {
				return err
			}
		}
		return nil
	})
	return list, err
}

// LockUser locks a user until the lock is taken away, or takes every lock away, and
// the guesses with it that would have led to one.
func (db *DB) LockUser(ctx context.Context, in *invite.Instance, id string, locked bool) (*invite.User, error) {
	var u *invite.User
	err := db.write(ctx, func(t *tx) (err error) {
		if u, err = t.user(in.ID, id); err != nil || !u.Lock(locked) {
			return err
		}
		return t.saveUser(in.ID, u)
	})
	return u, err
}

// CountGuess counts a wrong password of a user, which may lock the user.
func (db *DB) CountGuess(ctx context.Context, in *invite.Instance, user string) error {
	return db.write(ctx, func(t *tx) error {
		t.changed = []string{}
		u, err := t.user(in.ID, user)
		if err != nil {
			return err
		}
		return t.countGuess(in.ID, u)
	})
}

// countGuess counts a wrong password or code. Only a lock is told of.
func (t *tx) countGuess(instance string, u *invite.User) error {
	if u.Guess(t.now) {
		return t.saveUser(instance, u)
	}
	err := t.later(`
		UPDATE users
		SET guesses = $3, locked_until = $4
		WHERE instance_id = $1 AND id = $2`, instance, u.ID, u.Guesses, u.LockedUntil)
	return err
}

// DeleteUser deletes a user with its addresses and memberships. Invitations the
// user sent stay and lose their inviter. Users who ask for it themselves are refused
// with SelfDeleteDisabled when the application keeps them from it, and with LastAdmin
// while they leave other members behind with nobody who can manage them.
func (db *DB) DeleteUser(ctx context.Context, in *invite.Instance, id string) (invite.Deleted, error) {
	var gone invite.Deleted
	err := db.write(ctx, func(t *tx) error {
		u, err := t.user(in.ID, id)
		if err != nil {
			return err
		}
		gone = invite.Deleted{Object: "user", ID: u.ID, ExternalID: u.ExternalID}
		if t.by != "" && !u.DeleteSelf {
			return invite.Err(invite.SelfDeleteDisabled)
		}
		if err := t.deleteUser(in.ID, u.ID); err != nil {
			return err
		}
		return t.event(in.ID, "", invite.UserDeletedEvent, gone)
	})
	return gone, err
}

// deleteUser deletes a user with all that is the user's, and leaves telling of it to the
// caller.
func (t *tx) deleteUser(instance, id string) error {
	organizations, err := t.strings(`SELECT organization_id FROM memberships WHERE instance_id = $1 AND user_id = $2 AND organization_id NOT IN `+left, instance, id)
	if err != nil {
		return err
	}
	if err := t.revokeSessions(instance, id); err != nil {
		return err
	}
	for _, o := range organizations {
		if err := t.leave(instance, o, id); err != nil {
			return err
		}
	}
	if err := t.disenroll(instance, id, "", ""); err != nil {
		return err
	}
	if err := t.forgetRequests(instance, id); err != nil {
		return err
	}
	t.changedAll = true
	for _, query := range []string{
		`DELETE FROM sessions WHERE instance_id = $1 AND user_id = $2`,
		`DELETE FROM email_addresses WHERE instance_id = $1 AND user_id = $2`,
		`DELETE FROM sign_in_tokens WHERE instance_id = $1 AND user_id = $2`,
		`DELETE FROM users WHERE instance_id = $1 AND id = $2`,
	} {
		if err := t.later(query, instance, id); err != nil {
			return err
		}
	}
	return t.count(instance, "users", -1)
}

// leave removes one membership of a user who is being deleted.
func (t *tx) leave(instance, organization, user string) error {
	o, err := t.organization(instance, organization)
	if err := t.unswept(o, err); err != nil {
		return err
	}
	if t.by != "" && o.Members > 1 {
		if err := t.managed(o, user); err != nil {
			return err
		}
	}
	m, err := t.membership(o, user)
	if err != nil {
		return err
	}
	m.Organization.Members--
	return t.removeMember(m)
}

func (t *tx) strings(query string, args ...any) ([]string, error) {
	var list []string
	err := t.each(query, args, func(row scanner) error {
		var s string
		err := row.Scan(&s)
		list = append(list, s)
		return err
	})
	return list, err
}
