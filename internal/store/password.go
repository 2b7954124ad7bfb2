package store

import (
	"context"

	"usher/internal/invite"
)

// setPassword replaces what a user's password is compared with; none removes it.
func (t *tx) setPassword(instance string, u *invite.User, digest string) error {
	u.HasPassword, u.PasswordChangedAt = digest != "", t.now
	err := t.later(`
		UPDATE users
		SET password_digest = $3, password_changed_at = $4
		WHERE instance_id = $1 AND id = $2`, instance, u.ID, digest, t.now)
	return err
}

// RemovePassword takes a user's password away and, when asked to, ends the user's
// sessions. A user without one is not changed.
func (db *DB) RemovePassword(ctx context.Context, in *invite.Instance, id string, signOut bool) (*invite.User, error) {
	var u *invite.User
	err := db.write(ctx, func(t *tx) (err error) {
		if u, err = t.user(in.ID, id); err != nil || !u.HasPassword {
			return err
		}
		if err := t.setPassword(in.ID, u, ""); err != nil {
			return err
		}
		if signOut {
			if err := t.revokeSessions(in.ID, id); err != nil {
				return err
			}
		}
		return t.saveUser(in.ID, u)
	})
	return u, err
}

// ChangePassword gives a user another password, by digest; an empty one takes it away, or
// is refused with PasswordNeeded. current is the digest that the user's knowledge was
// compared with, empty for a user without a password; when it is not the user's any more
// the change is refused with CurrentPasswordWrong. With signOut the user's sessions end,
// all but that in which the password is changed.
func (db *DB) ChangePassword(ctx context.Context, in *invite.Instance, user, session, current, digest string, signOut bool) (*invite.User, error) {
	var u *invite.User
	err := db.write(ctx, func(t *tx) (err error) {
		if u, err = t.user(in.ID, user); err != nil {
			return err
		}
		unchanged, err := t.hasDigest(in.ID, user, current)
		if err != nil {
			return err
		}
		if !unchanged {
			return invite.ParamErr(invite.CurrentPasswordWrong, "current_password")
		}
		if digest == "" {
			if err := u.CheckPasswordless(); err != nil {
				return err
			}
		}
		if err := t.setPassword(in.ID, u, digest); err != nil {
			return err
		}
		u.Guesses = 0
		if signOut {
			if err := t.revokeOthers(in.ID, user, session); err != nil {
				return err
			}
		}
		return t.saveUser(in.ID, u)
	})
	return u, err
}

// hasDigest reports whether a user's password is still compared with digest.
func (t *tx) hasDigest(instance, user, digest string) (bool, error) {
	var same bool
	err := t.row(`
		SELECT count(*) > 0
		FROM users
		WHERE instance_id = $1 AND id = $2 AND password_digest = $3`, instance, user, digest).Scan(&same)
	return same, err
}

// PasswordDigest returns what a user's password is compared with. It refuses with
// UserNotFound or NoPassword.
func (db *DB) PasswordDigest(ctx context.Context, in *invite.Instance, user string) (string, error) {
	var digest string
	err := db.query(ctx, func(t *tx) error {
		err := t.row(`SELECT password_digest FROM users WHERE instance_id = $1 AND id = $2`, in.ID, user).Scan(&digest)
		return missing(err, invite.Err(invite.UserNotFound, user))
	})
	if err == nil && digest == "" {
		return "", invite.Err(invite.NoPassword)
	}
	return digest, err
}

// RefreshPassword replaces an outdated digest with another of the same password,
// unless the password was changed meanwhile. The user stays as it is.
func (db *DB) RefreshPassword(ctx context.Context, in *invite.Instance, user, outdated, fresh string) error {
	return db.write(ctx, func(t *tx) error {
		t.changed = []string{} // no list shows it
		err := t.later(`
			UPDATE users
			SET password_digest = $4
			WHERE instance_id = $1 AND id = $2 AND password_digest = $3`, in.ID, user, outdated, fresh)
		return err
	})
}
