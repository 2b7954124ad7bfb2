package store

import (
	"context"
	"errors"

	"usher/internal/invite"
)

const signUpColumns = `id, email_address, verified, first_name, last_name, username, locale, unsafe_metadata, password_digest, legal_accepted_at,
	ticket, code_number, code_attempts, code_expires_at, session_id, user_id, abandon_at, created_at, updated_at`

// signUp returns the client's attempt to sign up that is under way or was
// completed; nil without one.
func (t *tx) signUp(instance, client string) (*invite.SignUp, error) {
	return t.scanSignUp(t.row(`SELECT `+signUpColumns+` FROM sign_ups WHERE instance_id = $1 AND client_id = $2`, instance, client))
}

// signUpByID is signUp for who does not know the client.
func (t *tx) signUpByID(instance, id string) (*invite.SignUp, error) {
	return t.scanSignUp(t.row(`SELECT `+signUpColumns+` FROM sign_ups WHERE instance_id = $1 AND id = $2`, instance, id))
}

func (t *tx) scanSignUp(row scanner) (*invite.SignUp, error) {
	var s invite.SignUp
	var ticket string
	if err := row.Scan(&s.ID, &s.Email.Address, &s.Verified, &s.FirstName, &s.LastName, &s.Username, &s.Locale, (*[]byte)(&s.UnsafeMetadata),
		&s.PasswordDigest, &s.LegalAcceptedAt,
		&ticket, &s.Code.Number, &s.Code.Attempts, &s.Code.ExpiresAt, &s.SessionID, &s.UserID, &s.AbandonAt, &s.CreatedAt, &s.UpdatedAt); err != nil {
		return nil, missing(err, nil)
	}
	if t.now >= s.AbandonAt {
		return nil, nil
	}
	if s.Email.Address != "" {
		s.Email, _ = invite.ParseEmail(s.Email.Address) // it was one when it came in
	}
	if ticket != "" {
		claimed, err := invite.ParseClaims(ticket)
		if err != nil {
			return nil, err
		}
		s.Ticket = &claimed
	}
	return &s, nil
}

// openSignUp returns the attempt with that id while it is under way, or refuses
// with SignUpNotFound.
func (t *tx) openSignUp(instance, client, id string) (*invite.SignUp, error) {
	s, err := t.signUp(instance, client)
	if err == nil && (s == nil || s.ID != id || s.SessionID != "") {
		return nil, invite.Err(invite.SignUpNotFound, id)
	}
	return s, err
}

// saveSignUp stores the attempt in place of the client's last one.
func (t *tx) saveSignUp(instance, client string, s *invite.SignUp) error {
	s.UpdatedAt = t.now
	ticket := ""
	if s.Ticket != nil {
		ticket = s.Ticket.Claims()
	}
	err := t.later(`
		INSERT INTO sign_ups (instance_id, client_id, id, email_address, verified, first_name, last_name, username, locale,
			unsafe_metadata, password_digest, legal_accepted_at, ticket, code_number, code_attempts, code_expires_at,
			session_id, user_id, abandon_at, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
		ON CONFLICT (instance_id, client_id) DO UPDATE
		SET id = excluded.id, email_address = excluded.email_address, verified = excluded.verified,
			first_name = excluded.first_name, last_name = excluded.last_name, username = excluded.username, locale = excluded.locale,
			unsafe_metadata = excluded.unsafe_metadata, password_digest = excluded.password_digest,
			legal_accepted_at = excluded.legal_accepted_at, ticket = excluded.ticket, code_number = excluded.code_number,
			code_attempts = excluded.code_attempts, code_expires_at = excluded.code_expires_at, session_id = excluded.session_id,
			user_id = excluded.user_id, abandon_at = excluded.abandon_at, created_at = excluded.created_at, updated_at = excluded.updated_at`,
		instance, client, s.ID, s.Email.Address, s.Verified, s.FirstName, s.LastName, s.Username, s.Locale,
		string(s.UnsafeMetadata), s.PasswordDigest, s.LegalAcceptedAt, ticket, s.Code.Number, s.Code.Attempts, s.Code.ExpiresAt,
		s.SessionID, s.UserID, s.AbandonAt, s.CreatedAt, s.UpdatedAt)
	return err
}

// SignUp returns the client's attempt to sign up with that id, completed or not, or
// refuses with SignUpNotFound.
func (db *DB) SignUp(ctx context.Context, in *invite.Instance, client, id string) (*invite.SignUp, error) {
	var s *invite.SignUp
	err := db.read(ctx, func(t *tx) (err error) {
		if s, err = t.signUp(in.ID, client); err == nil && (s == nil || s.ID != id) {
			err = invite.Err(invite.SignUpNotFound, id)
		}
		return err
	})
	return s, err
}

// SaveSignUp changes the client's attempt with that id, or begins another when id
// is empty, and makes the account as soon as nothing is missing: the user, the
// membership that the ticket promised and the session, all or nothing. The client
// is made when it is empty. It refuses with IdentifierExists for an address or a
// username that is taken, AccountInvited or ApplicationAccount for a ticket whose
// address has an account, SessionExists where somebody is signed in, NotAllowed for
// those whom the restrictions keep out, and as AcceptInvitation does. Within a
// minute the browser that has used a ticket gets the same answer again.
func (db *DB) SaveSignUp(ctx context.Context, in *invite.Instance, client, id string, c invite.SignUpChange) (*Visit, error) {
	var v *Visit
	err := db.write(ctx, func(t *tx) (err error) {
		if v, err = t.visitor(in, client); err != nil {
			return err
		}
		if c.Ticket != nil {
			if done, err := t.signedUpWith(in, v, *c.Ticket); done || err != nil {
				return err
			}
		}
		if err := t.signedOut(in.ID, v.ClientID); err != nil {
			return err
		}
		s := &invite.SignUp{
			ID: t.newID(signUpID), UnsafeMetadata: emptyObject, AbandonAt: t.now.Add(invite.AttemptLifetime), CreatedAt: t.now,
		}
		if id != "" {
			if s, err = t.openSignUp(in.ID, v.ClientID, id); err != nil {
				return err
			}
		}
		if err := c.Apply(s, t.now); err != nil {
			return err
		}
		if c.Ticket != nil {
			if err := t.bringTicket(in, s, *c.Ticket); err != nil {
				return err
			}
		}
		return t.proceed(in, v, s)
	})
	return v, err
}

// SendSignUpCode mails a code to the address of the client's attempt with that id.
// Codes sent before are worth nothing from then on. It refuses with SignUpNotFound,
// with StrategyInvalid without an address that waits for its proof, and with
// TooManyRequests when there were enough codes.
func (db *DB) SendSignUpCode(ctx context.Context, in *invite.Instance, client, id string) (*Visit, error) {
	var v *Visit
	err := db.write(ctx, func(t *tx) (err error) {
		s, err := t.openSignUp(in.ID, client, id)
		if err != nil {
			return err
		}
		if v, err = t.visitor(in, client); err != nil {
			return err
		}
		if err := s.Prepare(t.now); err != nil {
			return err
		}
		if err := t.sendCode(in, s.Email, Subject{SubjectID: s.ID, CodeNumber: s.Code.Number}); err != nil {
			return err
		}
		v.SignUp = s
		return t.saveSignUp(in.ID, client, s)
	})
	return v, err
}

// VerifySignUp proves the address of the client's attempt with that id by the code that
// was mailed, and makes the account if nothing else is missing. It refuses with
// CodeIncorrect a wrong answer, which is counted nevertheless, with CodeMissing,
// CodeExpired or CodeFailed, and as SaveSignUp does.
func (db *DB) VerifySignUp(ctx context.Context, in *invite.Instance, client, id, answer string) (*Visit, error) {
	var v *Visit
	var wrong error
	err := db.write(ctx, func(t *tx) (err error) {
		s, err := t.openSignUp(in.ID, client, id)
		if err != nil {
			return err
		}
		if v, err = t.visitor(in, client); err != nil {
			return err
		}
		if wrong = s.Code.Answer(t.codeOf(in, s.Email, s.ID, s.Code), answer, t.now); wrong != nil {
			return t.saveSignUp(in.ID, client, s)
		}
		s.Proven()
		return t.proceed(in, v, s)
	})
	if err == nil {
		err = wrong
	}
	return v, err
}

// bringTicket gives the attempt the address of the ticket's invitation, which the
// ticket proves.
func (t *tx) bringTicket(in *invite.Instance, s *invite.SignUp, ticket invite.Ticket) error {
	if ticket.InstanceID != in.ID {
		return invite.Err(invite.TicketInvalid)
	}
	found, err := t.ticketed(ticket)
	if err != nil {
		return err
	}
	if err := found.Invitation.Acceptable(t.now); err != nil {
		return err
	}
	if in.MailProofOnly && ticket.Channel != invite.ByMail {
		return invite.Err(invite.MailboxUnproven)
	}
	s.Ticket, s.Email, s.Verified = &ticket, found.Invitation.Email, invite.VerifiedByTicket
	return nil
}

// proceed refuses what the attempt cannot come to, and completes or stores it.
func (t *tx) proceed(in *invite.Instance, v *Visit, s *invite.SignUp) error {
	v.SignUp = s
	if err := t.free(in.ID, s); err != nil {
		return err
	}
	if s.Email.Key != "" {
		if err := t.admitted(in.ID, in.Settings.Restrictions, s.Ticket != nil, []invite.Email{s.Email}); err != nil {
			return err
		}
	}
	if s.Ready() {
		if err := t.completeSignUp(in, v, s); err != nil {
			return err
		}
	}
	return t.saveSignUp(in.ID, v.ClientID, s)
}

// free refuses an address or a username that somebody has.
func (t *tx) free(instance string, s *invite.SignUp) error {
	if s.Email.Key != "" {
		_, err := t.owner(instance, s.Email)
		switch {
		case errors.Is(err, invite.Err(invite.UserNotFound)):
		case err != nil:
			return err
		case s.Ticket == nil:
			return invite.ParamErr(invite.IdentifierExists, "email_address", s.Email.Address)
		case s.Ticket.Source == invite.ToApplication:
			return invite.Err(invite.ApplicationAccount)
		default:
			return invite.Err(invite.AccountInvited)
		}
	}
	return t.uniqueUser(instance, &invite.User{Username: s.Username})
}

// completeSignUp makes the account of an attempt that has all it needs.
func (t *tx) completeSignUp(in *invite.Instance, v *Visit, s *invite.SignUp) error {
	n, organization := s.User(), ""
	found, err := t.claimed(s)
	if err != nil {
		return err
	}
	if found != nil && found.Organization == nil {
		n.Metadata.Public = found.Invitation.PublicMetadata
	}
	u, err := t.newUser(in, &n, s.Verified)
	if err != nil {
		return err
	}
	if found != nil && found.Organization != nil {
		if _, err := t.seat(found, u); err != nil {
			return err
		}
		organization = found.Organization.ID
	} else if found != nil {
		found.Invitation.UserID = u.ID
		if err := t.endApplicationInvitation(found.Invitation, invite.Pending); err != nil {
			return err
		}
	}
	if err := t.enter(in, v, u, organization); err != nil {
		return err
	}
	s.SessionID, s.UserID, s.PasswordDigest, s.Code = v.Session.ID, u.ID, "", invite.Code{}
	return nil
}

// claimed returns what the attempt's ticket opens, its invitation accepted; nil
// without a ticket.
func (t *tx) claimed(s *invite.SignUp) (*Ticketed, error) {
	if s.Ticket == nil {
		return nil, nil
	}
	found, err := t.ticketed(*s.Ticket)
	if err != nil {
		return nil, err
	}
	if found.Organization != nil {
		if err := found.Instance.Settings.CheckOrganizations(); err != nil {
			return nil, err
		}
	}
	return found, found.Invitation.Accept(t.now)
}

// signedUpWith reports whether the browser has signed up with the ticket a moment
// ago, and repeats the answer then.
func (t *tx) signedUpWith(in *invite.Instance, v *Visit, ticket invite.Ticket) (bool, error) {
	s, err := t.signUp(in.ID, v.ClientID)
	if err != nil || s == nil || s.SessionID == "" || s.Ticket == nil || *s.Ticket != ticket || t.now >= s.UpdatedAt.Add(repeated) {
		return false, err
	}
	session, err := t.clientSession(in, v.ClientID, s.SessionID)
	if errors.Is(err, invite.Err(invite.SessionNotFound)) {
		return false, nil
	}
	v.SignUp, v.Session = s, session
	return err == nil, err
}
