package store

import (
	"context"
	"errors"
	"time"

	"usher/internal/invite"
)

// signInToken returns the token, or refuses with SignInTokenNotFound.
func (t *tx) signInToken(instance, id string) (*invite.SignInToken, error) {
	var s invite.SignInToken
	err := t.row(`
		SELECT instance_id, id, user_id, organization_id, status, expires_at, created_at, updated_at
		FROM sign_in_tokens
		WHERE instance_id = $1 AND id = $2`, instance, id).
		Scan(&s.InstanceID, &s.ID, &s.UserID, &s.OrganizationID, &s.Status, &s.ExpiresAt, &s.CreatedAt, &s.UpdatedAt)
	return &s, missing(err, invite.Err(invite.SignInTokenNotFound, id))
}

// CreateSignInToken lets a user sign in once. It refuses with UserNotFound and,
// when an organization is to be active afterwards, with OrganizationNotFound or
// NotAMember.
func (db *DB) CreateSignInToken(ctx context.Context, in *invite.Instance, n invite.NewSignInToken) (*invite.SignInToken, error) {
	if err := n.Check(); err != nil {
		return nil, err
	}
	var s *invite.SignInToken
	err := db.write(ctx, func(t *tx) error {
		t.changed = []string{} // lists of invitations do not show it
		if err := t.mayActivate(in, n); err != nil {
			return err
		}
		s = &invite.SignInToken{
			ID: t.newID(signInTokenID), InstanceID: in.ID, UserID: n.UserID, OrganizationID: n.OrganizationID,
			ExpiresAt: n.ExpiresAt(t.now), CreatedAt: t.now, UpdatedAt: t.now,
		}
		err := t.later(`
			INSERT INTO sign_in_tokens (instance_id, id, user_id, organization_id, status, expires_at, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			s.InstanceID, s.ID, s.UserID, s.OrganizationID, s.Status, s.ExpiresAt, s.CreatedAt, s.UpdatedAt)
		return err
	})
	return s, err
}

// mayActivate refuses a user who does not exist, or who could not have the
// organization active.
func (t *tx) mayActivate(in *invite.Instance, n invite.NewSignInToken) error {
	if _, err := t.user(in.ID, n.UserID); err != nil {
		return err
	}
	if n.OrganizationID == "" {
		return nil
	}
	if err := in.Settings.CheckOrganizations(); err != nil {
		return err
	}
	o, err := t.organization(in.ID, n.OrganizationID)
	if err != nil {
		return err
	}
	_, err = t.membership(o, n.UserID)
	if errors.Is(err, invite.Err(invite.MembershipNotFound)) {
		return invite.Err(invite.NotAMember)
	}
	return err
}

// RevokeSignInToken ends a pending token; it refuses with SignInTokenNotFound or
// SignInTokenEnded.
func (db *DB) RevokeSignInToken(ctx context.Context, in *invite.Instance, id string) (*invite.SignInToken, error) {
	var s *invite.SignInToken
	err := db.write(ctx, func(t *tx) (err error) {
		t.changed = []string{} // lists of invitations do not show it
		if s, err = t.signInToken(in.ID, id); err != nil {
			return err
		}
		if err := s.Revoke(t.now); err != nil {
			return err
		}
		return t.endSignInToken(s)
	})
	return s, err
}

func (t *tx) endSignInToken(s *invite.SignInToken) error {
	err := t.later(`
		UPDATE sign_in_tokens
		SET status = $3, updated_at = $4
		WHERE instance_id = $1 AND id = $2`, s.InstanceID, s.ID, s.Status, s.UpdatedAt)
	return err
}

// signInTokenOf returns the token that a verified ticket stands for. One that was
// forgotten has expired; without a user it is no ticket any more.
func (t *tx) signInTokenOf(ticket invite.Ticket) (*invite.SignInToken, error) {
	s, err := t.signInToken(ticket.InstanceID, ticket.SourceID)
	switch {
	case ticket.Source != invite.ToSignIn:
		return nil, invite.Err(invite.TicketInvalid)
	case !errors.Is(err, invite.Err(invite.SignInTokenNotFound)):
		return s, err
	case int64(t.now) >= ticket.ExpiresAt*1000:
		return nil, invite.Err(invite.TicketExpired)
	}
	return nil, invite.Err(invite.TicketInvalid)
}

// SignInTokenByTicket reads what a verified ticket stands for while it can be
// used; else it refuses as RedeemSignInToken would.
func (db *DB) SignInTokenByTicket(ctx context.Context, ticket invite.Ticket) (*invite.SignInToken, error) {
	var s *invite.SignInToken
	err := db.query(ctx, func(t *tx) (err error) {
		if s, err = t.signInTokenOf(ticket); err != nil {
			return err
		}
		return s.Usable(t.now)
	})
	return s, err
}

// RedeemSignInToken uses up the token that a verified ticket stands for: the
// caller may sign its user in. The organization is empty when the user has left it
// meanwhile. Of any number of concurrent calls one succeeds; the others are
// refused with SignInTokenUsed, SignInTokenRevoked, TicketExpired or TicketInvalid.
func (db *DB) RedeemSignInToken(ctx context.Context, ticket invite.Ticket) (*invite.SignInToken, error) {
	var s *invite.SignInToken
	err := db.write(ctx, func(t *tx) (err error) {
		t.changed = []string{} // lists of invitations do not show it
		s, err = t.useSignInToken(ticket)
		return err
	})
	return s, err
}

func (t *tx) useSignInToken(ticket invite.Ticket) (*invite.SignInToken, error) {
	s, err := t.signInTokenOf(ticket)
	if err != nil {
		return nil, err
	}
	if err := s.Use(t.now); err != nil {
		return nil, err
	}
	if s.OrganizationID, err = t.organizationOf(s.InstanceID, s.UserID, s.OrganizationID); errors.Is(err, invite.Err(invite.OrganizationNotFound)) {
		err = nil
	}
	if err != nil {
		return nil, err
	}
	return s, t.endSignInToken(s)
}

// SignInTokenTTL is how long an expired sign-in token is remembered.
const SignInTokenTTL = 24 * time.Hour

// ForgetSignInTokens drops up to limit tokens of each instance that expired longer
// ago than SignInTokenTTL, and returns the most it dropped of one.
func (db *DB) ForgetSignInTokens(ctx context.Context, limit int) (int, error) {
	return db.forget(ctx, func(t *tx, instance string) (int, error) {
		n, err := t.exec(`
			DELETE FROM sign_in_tokens
			WHERE instance_id = $1 AND id IN (
				SELECT id
				FROM sign_in_tokens
				WHERE instance_id = $1 AND expires_at <= $2
				ORDER BY expires_at
				LIMIT $3)`, instance, t.now.Add(-SignInTokenTTL), limit)
		return int(n), err
	})
}
