package store

import (
	"context"

	"usher/internal/invite"
)

const addressColumns = `e.id, e.user_id, e.email_address, e.email_key, e.verified, e.reserved,
	e.code_number, e.code_attempts, e.code_expires_at, e.created_at, e.updated_at`

func scanAddress(row scanner) (invite.EmailAddress, error) {
	var a invite.EmailAddress
	err := row.Scan(&a.ID, &a.UserID, &a.Email.Address, &a.Email.Key, &a.Verified, &a.Reserved,
		&a.Code.Number, &a.Code.Attempts, &a.Code.ExpiresAt, &a.CreatedAt, &a.UpdatedAt)
	return a, err
}

// addresses reads the addresses of u.
func (t *tx) addresses(instance string, u *invite.User) error {
	return t.each(`
		SELECT `+addressColumns+`
		FROM email_addresses e
		WHERE e.instance_id = $1 AND e.user_id = $2
		ORDER BY e.id`, []any{instance, u.ID}, func(row scanner) error {
		a, err := scanAddress(row)
		u.EmailAddresses = append(u.EmailAddresses, a)
		return err
	})
}

// loose tells addresses apart that several users may have.
func loose(a *invite.EmailAddress) string {
	if a.Claimed() {
		return ""
	}
	return a.ID
}

func (t *tx) insertAddress(instance string, a *invite.EmailAddress) error {
	n, err := t.exec(`
		INSERT INTO email_addresses (instance_id, user_id, id, email_address, email_key, email_domain,
			verified, reserved, loose, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		ON CONFLICT DO NOTHING`,
		instance, a.UserID, a.ID, a.Email.Address, a.Email.Key, a.Email.Domain(), a.Verified, a.Reserved, loose(a), a.CreatedAt, a.UpdatedAt)
	if err == nil && n == 0 {
		return invite.ParamErr(invite.IdentifierExists, "email_address", a.Email.Address)
	}
	return err
}

// saveAddress stores what is known of an address, unless another user has claimed it.
func (t *tx) saveAddress(instance string, a *invite.EmailAddress) error {
	a.UpdatedAt = t.now
	_, err := t.exec(`
		UPDATE email_addresses
		SET verified = $4, reserved = $5, loose = $6, code_number = $7, code_attempts = $8, code_expires_at = $9, updated_at = $10
		WHERE instance_id = $1 AND user_id = $2 AND id = $3`,
		instance, a.UserID, a.ID, a.Verified, a.Reserved, loose(a), a.Code.Number, a.Code.Attempts, a.Code.ExpiresAt, a.UpdatedAt)
	if err != nil && t.db.dialect.duplicate(err) {
		return invite.ParamErr(invite.IdentifierExists, "email_address", a.Email.Address)
	}
	return err
}

// EmailAddress returns an address of any user, of the own ones for a user who asks; or
// AddressNotFound.
func (db *DB) EmailAddress(ctx context.Context, in *invite.Instance, id string) (*invite.EmailAddress, error) {
	var a invite.EmailAddress
	err := db.query(ctx, func(t *tx) (err error) {
		a, err = t.address(in.ID, id)
		return err
	})
	return &a, err
}

func (t *tx) address(instance, id string) (invite.EmailAddress, error) {
	a, err := scanAddress(t.row(`SELECT `+addressColumns+` FROM email_addresses e WHERE e.instance_id = $1 AND e.id = $2`, instance, id))
	if err == nil && t.by != "" && a.UserID != t.by {
		err = invite.Err(invite.AddressNotFound, id)
	}
	return a, missing(err, invite.Err(invite.AddressNotFound, id))
}

// CreateEmailAddress adds an address to a user. It refuses one that another user
// has verified or reserved, even when the new one is to be neither, and with
// ParamTooMany one that a user asks for who has enough.
func (db *DB) CreateEmailAddress(ctx context.Context, in *invite.Instance, n invite.NewEmailAddress) (*invite.EmailAddress, error) {
	if err := n.Check(); err != nil {
		return nil, err
	}
	var a invite.EmailAddress
	err := db.write(ctx, func(t *tx) error {
		u, err := t.user(in.ID, n.UserID)
		if err != nil {
			return err
		}
		if t.by != "" && len(u.EmailAddresses) >= invite.MaxOwnAddresses {
			return &invite.Error{Kind: invite.ParamTooMany, Param: "email_address", Limit: invite.MaxOwnAddresses}
		}
		a = n.Address()
		return t.addAddress(in, u, &a, n.Primary)
	})
	return &a, err
}

// unclaimed refuses an address that a user has verified or reserved.
func (t *tx) unclaimed(instance string, e invite.Email) error {
	var taken int
	err := t.row(`SELECT count(*) FROM email_addresses WHERE instance_id = $1 AND email_key = $2 AND loose = ''`, instance, e.Key).Scan(&taken)
	if err == nil && taken > 0 {
		return invite.ParamErr(invite.IdentifierExists, "email_address", e.Address)
	}
	return err
}

func (t *tx) addAddress(in *invite.Instance, u *invite.User, a *invite.EmailAddress, primary bool) error {
	a.ID, a.UserID, a.CreatedAt, a.UpdatedAt = t.newID(emailAddressID), u.ID, t.now, t.now
	if err := u.AddAddress(*a, primary); err != nil {
		return err
	}
	if err := t.unclaimed(in.ID, a.Email); err != nil {
		return err
	}
	if err := t.insertAddress(in.ID, a); err != nil {
		return err
	}
	if err := t.admit(in, a.Email); err != nil {
		return err
	}
	if err := t.enroll(in, a); err != nil {
		return err
	}
	return t.saveUser(in.ID, u)
}

// lose takes back what domains have made for u by an address that is not u's any
// more; another address of u may bring it again.
func (t *tx) lose(in *invite.Instance, u *invite.User, address string) error {
	if err := t.disenroll(in.ID, u.ID, "", address); err != nil {
		return err
	}
	for i := range u.EmailAddresses {
		if err := t.enroll(in, &u.EmailAddresses[i]); err != nil {
			return err
		}
	}
	return nil
}

// UpdateEmailAddress changes an address.
func (db *DB) UpdateEmailAddress(ctx context.Context, in *invite.Instance, id string, c invite.EmailAddressChange) (*invite.EmailAddress, error) {
	var a *invite.EmailAddress
	err := db.write(ctx, func(t *tx) error {
		u, err := t.addressee(in.ID, id)
		if err != nil {
			return err
		}
		if a, err = c.Apply(u, id); err != nil {
			return err
		}
		if err := t.saveAddress(in.ID, a); err != nil {
			return err
		}
		if a.Verified == invite.Unverified {
			err = t.lose(in, u, id)
		} else {
			err = t.enroll(in, a)
		}
		if err != nil {
			return err
		}
		return t.saveUser(in.ID, u)
	})
	return a, err
}

// SendAddressCode mails a code to an address that nothing has proven. Codes sent before
// are worth nothing from then on. It refuses with AddressNotFound, CodeUsed for an
// address that is verified, and TooManyRequests when there were enough codes.
func (db *DB) SendAddressCode(ctx context.Context, in *invite.Instance, id string) (*invite.EmailAddress, error) {
	var a invite.EmailAddress
	err := db.write(ctx, func(t *tx) (err error) {
		t.changed = []string{} // no list shows it
		if a, err = t.address(in.ID, id); err != nil {
			return err
		}
		if err := a.Prepare(t.now); err != nil {
			return err
		}
		if err := t.sendCode(in, a.Email, Subject{SubjectID: a.ID, CodeNumber: a.Code.Number}); err != nil {
			return err
		}
		return t.saveAddress(in.ID, &a)
	})
	return &a, err
}

// VerifyEmailAddress proves an address by the code that was mailed to it. It refuses
// with CodeIncorrect a wrong answer, which is counted nevertheless, with AddressNotFound,
// CodeUsed, CodeMissing, CodeExpired or CodeFailed, and with IdentifierExists when
// another user has proven the address meanwhile.
func (db *DB) VerifyEmailAddress(ctx context.Context, in *invite.Instance, id, answer string) (*invite.EmailAddress, error) {
	var a *invite.EmailAddress
	var wrong error
	err := db.write(ctx, func(t *tx) error {
		u, err := t.addressee(in.ID, id)
		if err != nil {
			return err
		}
		a = u.Address(id)
		if a.Verified != invite.Unverified {
			return invite.Err(invite.CodeUsed)
		}
		if wrong = a.Code.Answer(t.codeOf(in, a.Email, a.ID, a.Code), answer, t.now); wrong != nil {
			return t.saveAddress(in.ID, a)
		}
		a.Verify(invite.VerifiedByCode)
		if err := t.saveAddress(in.ID, a); err != nil {
			return err
		}
		if err := t.enroll(in, a); err != nil {
			return err
		}
		return t.saveUser(in.ID, u)
	})
	if err == nil {
		err = wrong
	}
	return a, err
}

// addressee returns whose address it is.
func (t *tx) addressee(instance, id string) (*invite.User, error) {
	a, err := t.address(instance, id)
	if err != nil {
		return nil, err
	}
	return t.user(instance, a.UserID)
}

// DeleteEmailAddress takes an address from its user. It is refused with
// LastIdentifier when nothing would be left by which the user is known and, when the
// user asks, no verified address.
func (db *DB) DeleteEmailAddress(ctx context.Context, in *invite.Instance, id string) (invite.Deleted, error) {
	gone := invite.Deleted{Object: "email_address", ID: id}
	err := db.write(ctx, func(t *tx) error {
		u, err := t.addressee(in.ID, id)
		if err != nil {
			return err
		}
		remove := u.RemoveAddress
		if t.by != "" {
			remove = u.RemoveOwnAddress
		}
		if err := remove(id); err != nil {
			return err
		}
		if err := t.later(`DELETE FROM email_addresses WHERE instance_id = $1 AND user_id = $2 AND id = $3`, in.ID, u.ID, id); err != nil {
			return err
		}
		if err := t.lose(in, u, id); err != nil {
			return err
		}
		return t.saveUser(in.ID, u)
	})
	return gone, err
}

// ReplaceEmailAddress gives a user one address instead of all. It refuses as
// CreateEmailAddress does.
func (db *DB) ReplaceEmailAddress(ctx context.Context, in *invite.Instance, user string, r invite.EmailAddressReplacement) (*invite.EmailAddress, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	var a invite.EmailAddress
	err := db.write(ctx, func(t *tx) error {
		u, err := t.user(in.ID, user)
		if err != nil {
			return err
		}
		if err := t.later(`DELETE FROM email_addresses WHERE instance_id = $1 AND user_id = $2`, in.ID, u.ID); err != nil {
			return err
		}
		u.EmailAddresses, u.PrimaryEmailAddressID = nil, ""
		if err := t.lose(in, u, ""); err != nil {
			return err
		}
		a = r.Address()
		return t.addAddress(in, u, &a, true)
	})
	return &a, err
}

// reservedFor returns the user for whom the address is reserved, or refuses with
// UserNotFound.
func (t *tx) reservedFor(instance string, email invite.Email) (*invite.User, error) {
	var id string
	err := t.row(`
		SELECT user_id
		FROM email_addresses
		WHERE instance_id = $1 AND email_key = $2 AND loose = '' AND reserved = $3`, instance, email.Key, true).Scan(&id)
	if err != nil {
		return nil, missing(err, invite.Err(invite.UserNotFound))
	}
	return t.user(instance, id)
}

// reserver returns the user for whom the address is reserved, and proves with a
// ticket that it is theirs; else UserNotFound.
func (t *tx) reserver(in *invite.Instance, email invite.Email) (*invite.User, error) {
	u, err := t.reservedFor(in.ID, email)
	if err != nil {
		return nil, err
	}
	for i := range u.EmailAddresses {
		if a := &u.EmailAddresses[i]; a.Email.Key == email.Key {
			a.Verify(invite.VerifiedByTicket)
			if err := t.saveAddress(in.ID, a); err != nil {
				return nil, err
			}
			if err := t.enroll(in, a); err != nil {
				return nil, err
			}
		}
	}
	return u, t.saveUser(in.ID, u)
}
