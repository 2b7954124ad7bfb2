package store

import (
	"context"
	"database/sql"
	"errors"

	"usher/internal/invite"
)

const userColumns = `u.id, u.external_id, u.username, u.first_name, u.last_name, u.primary_email_address_id,
	u.public_metadata, u.private_metadata, u.unsafe_metadata, u.banned, u.created_at, u.updated_at`

func scanUser(row scanner) (*invite.User, error) {
	var u invite.User
	err := row.Scan(&u.ID, &u.ExternalID, &u.Username, &u.FirstName, &u.LastName, &u.PrimaryEmailAddressID,
		(*[]byte)(&u.PublicMetadata), (*[]byte)(&u.PrivateMetadata), (*[]byte)(&u.UnsafeMetadata), &u.Banned, &u.CreatedAt, &u.UpdatedAt)
	return &u, err
}

// user returns the user with all addresses, or refuses with UserNotFound.
func (t *tx) user(instance, id string) (*invite.User, error) {
	u, err := scanUser(t.row(`SELECT `+userColumns+` FROM users u WHERE u.instance_id = $1 AND u.id = $2`, instance, id))
	if err != nil {
		return nil, missing(err, invite.Err(invite.UserNotFound, id))
	}
	return u, t.addresses(instance, u)
}

func (t *tx) addresses(instance string, u *invite.User) error {
	return t.each(`
		SELECT e.id, e.user_id, e.email_address, e.email_key, e.verified, e.created_at, e.updated_at
		FROM email_addresses e
		WHERE e.instance_id = $1 AND e.user_id = $2
		ORDER BY e.id`, []any{instance, u.ID}, func(row scanner) error {
		var a invite.EmailAddress
		err := row.Scan(&a.ID, &a.UserID, &a.Email.Address, &a.Email.Key, &a.Verified, &a.CreatedAt, &a.UpdatedAt)
		u.EmailAddresses = append(u.EmailAddresses, a)
		return err
	})
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
	// Only people who exist are remembered: strangers' ids are a client's to make up.
	p, err := t.db.cache.people.recall(instance+" "+id, t.generation, t.uncached || t.everywhere(), func() (*invite.Person, error) {
		var p invite.Person
		targets, finish := personOf(&p)
		err := t.row(`SELECT `+personColumns+` FROM `+personFrom+` WHERE u.instance_id = $1 AND u.id = $2`, instance, id).Scan(targets...)
		finish()
		return &p, err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return p, err
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
	if err := t.admit(in, n.Emails...); err != nil {
		return nil, err
	}
	u := &invite.User{
		ID: t.newID(userID), ExternalID: n.ExternalID, Username: n.Username,
		FirstName: n.FirstName, LastName: n.LastName, CreatedAt: t.now, UpdatedAt: t.now,
		PublicMetadata: emptyObject, PrivateMetadata: emptyObject, UnsafeMetadata: emptyObject,
	}
	if n.CreatedAt != 0 {
		u.CreatedAt = n.CreatedAt
	}
	if err := n.Metadata.Apply(&u.PublicMetadata, &u.PrivateMetadata, &u.UnsafeMetadata); err != nil {
		return nil, err
	}
	for _, e := range n.Emails {
		u.EmailAddresses = append(u.EmailAddresses, invite.EmailAddress{
			ID: t.newID(emailAddressID), UserID: u.ID, Email: e, Verified: by, CreatedAt: t.now, UpdatedAt: t.now,
		})
	}
	if len(u.EmailAddresses) > 0 {
		u.PrimaryEmailAddressID = u.EmailAddresses[0].ID
	}
	if err := t.insertUser(in.ID, u); err != nil {
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

func (t *tx) insertUser(instance string, u *invite.User) error {
	for i := range u.EmailAddresses {
		if err := t.insertAddress(instance, &u.EmailAddresses[i]); err != nil {
			return err
		}
	}
	if err := t.uniqueUser(instance, u); err != nil {
		return err
	}
	_, err := t.exec(`
		INSERT INTO users (instance_id, id, external_id, username, first_name, last_name, primary_email_address_id,
			public_metadata, private_metadata, unsafe_metadata, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		instance, u.ID, u.ExternalID, u.Username, u.FirstName, u.LastName, u.PrimaryEmailAddressID,
		string(u.PublicMetadata), string(u.PrivateMetadata), string(u.UnsafeMetadata), u.CreatedAt, u.UpdatedAt)
	return err
}

func (t *tx) insertAddress(instance string, a *invite.EmailAddress) error {
	n, err := t.exec(`
		INSERT INTO email_addresses (instance_id, user_id, id, email_address, email_key, email_domain, verified, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT DO NOTHING`,
		instance, a.UserID, a.ID, a.Email.Address, a.Email.Key, a.Email.Domain(), a.Verified, a.CreatedAt, a.UpdatedAt)
	if err == nil && n == 0 {
		return invite.ParamErr(invite.IdentifierExists, "email_address", a.Email.Address)
	}
	return err
}

// uniqueUser refuses names that another user has. The unique indexes hold the
// same promise; asking first tells which of them it is.
func (t *tx) uniqueUser(instance string, u *invite.User) error {
	for _, f := range []struct{ column, value, param string }{
		{"username", u.Username, "username"},
		{"external_id", u.ExternalID, "external_id"},
	} {
		if f.value == "" {
			continue
		}
		var taken int
		err := t.row(`SELECT count(*) FROM users WHERE instance_id = $1 AND `+f.column+` = $2 AND id <> $3`, instance, f.value, u.ID).Scan(&taken)
		if err != nil {
			return err
		}
		if taken > 0 {
			return invite.ParamErr(invite.IdentifierExists, f.param, f.value)
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

// UserFilter selects and orders a list of users. Empty fields select all.
type UserFilter struct {
	EmailAddresses []string // any of these, compared folded
	IDs            []string
	ExternalIDs    []string
	Usernames      []string
	Query          string // part of an address, name, username or the exact id, in any case
	OrderBy        string // created_at, updated_at, first_name, last_name or username
	Descending     bool
	invite.Page
}

func (f *UserFilter) where(instance string) (q where, unfiltered bool) {
	tenant := q.arg(instance)
	q.and(`u.instance_id = ` + tenant)
	q.in(`u.id`, f.IDs)
	q.in(`u.external_id`, f.ExternalIDs)
	q.in(`u.username`, f.Usernames)
	addresses := `u.id IN (SELECT e.user_id FROM email_addresses e WHERE e.instance_id = ` + tenant + ` AND `
	if len(f.EmailAddresses) > 0 {
		q.and(addresses + `e.email_key IN (` + q.list(keysOf(f.EmailAddresses)) + `))`)
	}
	if f.Query != "" {
		like := ` LIKE ` + q.arg(contains(f.Query)) + ` ESCAPE '\'`
		q.and(`(u.id = ` + q.arg(f.Query) + ` OR lower(u.first_name || ' ' || u.last_name)` + like +
			` OR lower(u.username)` + like + ` OR ` + addresses + `e.email_address` + like + `))`)
	}
	return q, len(q.conditions) == 1
}

// keysOf folds addresses; one that is malformed stands for itself and matches nothing.
func keysOf(addresses []string) []string {
	keys := make([]string, len(addresses))
	for i, s := range addresses {
		keys[i] = s
		if e, ok := invite.ParseEmail(s); ok {
			keys[i] = e.Key
		}
	}
	return keys
}

// Users returns one page of users.
func (db *DB) Users(ctx context.Context, in *invite.Instance, f UserFilter) ([]*invite.User, error) {
	var list []*invite.User
	err := db.read(ctx, func(t *tx) error {
		list = nil
		q, _ := f.where(in.ID)
		query := `SELECT ` + userColumns + ` FROM users u` + q.clause() + order(`u.`+f.OrderBy, `u.id`, f.Descending) + q.limit(f.Page)
		if err := t.each(query, q.args, func(row scanner) error {
			u, err := scanUser(row)
			list = append(list, u)
			return err
		}); err != nil {
			return err
		}
		for _, u := range list {
			if err := t.addresses(in.ID, u); err != nil {
				return err
			}
		}
		return nil
	})
	return list, err
}

// CountUsers returns how many users match.
func (db *DB) CountUsers(ctx context.Context, in *invite.Instance, f UserFilter) (int, error) {
	var n int
	err := db.read(ctx, func(t *tx) (err error) {
		q, unfiltered := f.where(in.ID)
		n, err = t.total(in.ID, "users", unfiltered, q)
		return err
	})
	return n, err
}

// UpdateUser changes a user.
func (db *DB) UpdateUser(ctx context.Context, in *invite.Instance, id string, c invite.UserChange) (*invite.User, error) {
	var u *invite.User
	err := db.write(ctx, func(t *tx) (err error) {
		if u, err = t.user(in.ID, id); err != nil {
			return err
		}
		if err := c.Apply(u); err != nil {
			return err
		}
		u.UpdatedAt, t.changedAll = t.now, true
		if err := t.uniqueUser(in.ID, u); err != nil {
			return err
		}
		if _, err := t.exec(`
			UPDATE users
			SET external_id = $3, username = $4, first_name = $5, last_name = $6, primary_email_address_id = $7,
				public_metadata = $8, private_metadata = $9, unsafe_metadata = $10, created_at = $11, updated_at = $12
			WHERE instance_id = $1 AND id = $2`,
			in.ID, u.ID, u.ExternalID, u.Username, u.FirstName, u.LastName, u.PrimaryEmailAddressID,
			string(u.PublicMetadata), string(u.PrivateMetadata), string(u.UnsafeMetadata), u.CreatedAt, u.UpdatedAt); err != nil {
			return err
		}
		return t.event(in.ID, "", invite.UserUpdatedEvent, u)
	})
	return u, err
}

// DeleteUser deletes a user with its addresses and memberships. Invitations the
// user sent stay and lose their inviter.
func (db *DB) DeleteUser(ctx context.Context, in *invite.Instance, id string) (invite.Deleted, error) {
	var gone invite.Deleted
	err := db.write(ctx, func(t *tx) error {
		u, err := t.user(in.ID, id)
		if err != nil {
			return err
		}
		gone = invite.Deleted{Object: "user", ID: u.ID, ExternalID: u.ExternalID}
		organizations, err := t.strings(`SELECT organization_id FROM memberships WHERE instance_id = $1 AND user_id = $2`, in.ID, id)
		if err != nil {
			return err
		}
		for _, o := range organizations {
			if err := t.leave(in.ID, o, id); err != nil {
				return err
			}
		}
		if err := t.disenroll(in.ID, id, ""); err != nil {
			return err
		}
		t.changedAll = true
		for _, query := range []string{
			`DELETE FROM email_addresses WHERE instance_id = $1 AND user_id = $2`,
			`DELETE FROM sign_in_tokens WHERE instance_id = $1 AND user_id = $2`,
			`DELETE FROM users WHERE instance_id = $1 AND id = $2`,
		} {
			if _, err := t.exec(query, in.ID, id); err != nil {
				return err
			}
		}
		if err := t.count(in.ID, "users", -1); err != nil {
			return err
		}
		return t.event(in.ID, "", invite.UserDeletedEvent, gone)
	})
	return gone, err
}

// leave removes one membership of a user who is being deleted.
func (t *tx) leave(instance, organization, user string) error {
	o, err := t.organization(instance, organization)
	if err := t.unswept(o, err); err != nil {
		return err
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
