package store

import (
	"context"
	"errors"
	"time"

	"usher/internal/invite"
)

const signInColumns = `id, identifier, user_id, strategy, email_address_id, code_number, code_attempts, code_expires_at,
	needs_password, session_id, abandon_at, created_at, updated_at`

// signIn returns the client's attempt to sign in that is under way or was
// completed; nil without one.
func (t *tx) signIn(instance, client string) (*invite.SignIn, error) {
	return t.scanSignIn(instance, t.row(`SELECT `+signInColumns+` FROM sign_ins WHERE instance_id = $1 AND client_id = $2`, instance, client))
}

// signInByID is signIn for who does not know the client.
func (t *tx) signInByID(instance, id string) (*invite.SignIn, error) {
	return t.scanSignIn(instance, t.row(`SELECT `+signInColumns+` FROM sign_ins WHERE instance_id = $1 AND id = $2`, instance, id))
}

func (t *tx) scanSignIn(instance string, row scanner) (*invite.SignIn, error) {
	var s invite.SignIn
	if err := row.Scan(&s.ID, &s.Identifier, &s.UserID, &s.Strategy, &s.EmailAddressID, &s.Code.Number, &s.Code.Attempts, &s.Code.ExpiresAt,
		&s.NeedsPassword, &s.SessionID, &s.AbandonAt, &s.CreatedAt, &s.UpdatedAt); err != nil {
		return nil, missing(err, nil)
	}
	if t.now >= s.AbandonAt {
		return nil, nil
	}
	var err error
	if s.User, err = t.user(instance, s.UserID); errors.Is(err, invite.Err(invite.UserNotFound)) {
		return nil, nil
	}
	return &s, err
}

// openSignIn returns the attempt with that id while it is under way, or refuses
// with SignInNotFound.
func (t *tx) openSignIn(instance, client, id string) (*invite.SignIn, error) {
	s, err := t.signIn(instance, client)
	if err == nil && (s == nil || s.ID != id || s.SessionID != "") {
		return nil, invite.Err(invite.SignInNotFound, id)
	}
	return s, err
}

func (t *tx) newSignIn(u *invite.User, identifier string) *invite.SignIn {
	return &invite.SignIn{
		ID: t.newID(signInID), Identifier: identifier, UserID: u.ID, User: u,
		AbandonAt: t.now.Add(invite.AttemptLifetime), CreatedAt: t.now, UpdatedAt: t.now,
	}
}

// saveSignIn stores the attempt in place of the client's last one.
func (t *tx) saveSignIn(instance, client string, s *invite.SignIn) error {
	s.UpdatedAt = t.now
	err := t.later(`
		INSERT INTO sign_ins (instance_id, client_id, id, identifier, user_id, strategy, email_address_id,
			code_number, code_attempts, code_expires_at, needs_password, session_id, abandon_at, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
		ON CONFLICT (instance_id, client_id) DO UPDATE
		SET id = excluded.id, identifier = excluded.identifier, user_id = excluded.user_id, strategy = excluded.strategy,
			email_address_id = excluded.email_address_id, code_number = excluded.code_number, code_attempts = excluded.code_attempts,
			code_expires_at = excluded.code_expires_at, needs_password = excluded.needs_password,
			session_id = excluded.session_id, abandon_at = excluded.abandon_at, created_at = excluded.created_at, updated_at = excluded.updated_at`,
		instance, client, s.ID, s.Identifier, s.UserID, s.Strategy, s.EmailAddressID,
		s.Code.Number, s.Code.Attempts, s.Code.ExpiresAt, s.NeedsPassword, s.SessionID, s.AbandonAt, s.CreatedAt, s.UpdatedAt)
	return err
}

// UserByIdentifier returns the user with a verified address or a username, or
// refuses with AccountNotFound.
func (db *DB) UserByIdentifier(ctx context.Context, in *invite.Instance, identifier string) (*invite.User, error) {
	var u *invite.User
	err := db.read(ctx, func(t *tx) (err error) {
		u, err = t.identified(in.ID, identifier)
		return err
	})
	return u, err
}

func (t *tx) identified(instance, identifier string) (*invite.User, error) {
	if email, ok := invite.ParseEmail(identifier); ok {
		u, err := t.owner(instance, email)
		if errors.Is(err, invite.Err(invite.UserNotFound)) {
			err = invite.ParamErr(invite.AccountNotFound, "identifier")
		}
		return u, err
	}
	var id string
	if err := t.row(`
		SELECT id
		FROM users
		WHERE instance_id = $1 AND username_key = $2 AND username_key <> ''`, instance, invite.Fold(identifier)).Scan(&id); err != nil {
		return nil, missing(err, invite.ParamErr(invite.AccountNotFound, "identifier"))
	}
	return t.user(instance, id)
}

// BeginSignIn begins an attempt of the client, which is made when it is empty, for
// whom the identifier names; with a strategy that mails, a code is sent at once. It
// refuses with AccountNotFound, with SessionExists in a browser where somebody is
// signed in, and as SendSignInCode does.
func (db *DB) BeginSignIn(ctx context.Context, in *invite.Instance, client, identifier string, strategy invite.Strategy) (*Visit, error) {
	var v *Visit
	err := db.write(ctx, func(t *tx) (err error) {
		u, err := t.identified(in.ID, identifier)
		if err != nil {
			return err
		}
		if v, err = t.visitor(in, client); err != nil {
			return err
		}
		if err := t.signedOut(in.ID, v.ClientID); err != nil {
			return err
		}
		v.SignIn = t.newSignIn(u, identifier)
		if strategy.Mails() {
			return t.prepareSignIn(in, v, strategy, "")
		}
		return t.saveSignIn(in.ID, v.ClientID, v.SignIn)
	})
	return v, err
}

// SendSignInCode mails a code to the address with that id, a verified one of the user's;
// without an id, to the one that was typed, else the primary one. Codes sent before are
// worth nothing from then on. It refuses with SignInNotFound, with StrategyInvalid for
// who cannot sign in that way, with AddressNotFound, and with TooManyRequests when
// there were enough codes.
func (db *DB) SendSignInCode(ctx context.Context, in *invite.Instance, client, id string, strategy invite.Strategy, address string) (*Visit, error) {
	var v *Visit
	err := db.write(ctx, func(t *tx) (err error) {
		s, err := t.openSignIn(in.ID, client, id)
		if err != nil {
			return err
		}
		if v, err = t.visitor(in, client); err != nil {
			return err
		}
		v.SignIn = s
		return t.prepareSignIn(in, v, strategy, address)
	})
	return v, err
}

func (t *tx) prepareSignIn(in *invite.Instance, v *Visit, strategy invite.Strategy, address string) error {
	s := v.SignIn
	if err := s.User.CheckLock(t.now); err != nil {
		return err
	}
	if err := s.Prepare(strategy, address, t.now); err != nil {
		return err
	}
	if err := t.sendCode(in, s.Mailbox(), Subject{SubjectID: s.ID, CodeNumber: s.Code.Number}); err != nil {
		return err
	}
	return t.saveSignIn(in.ID, v.ClientID, s)
}

// SignInWithCode completes the client's attempt with that id by the code that was
// mailed for the strategy or, when that is ByReset, lets it go on to ResetPassword. It
// refuses with CodeIncorrect a wrong answer, which is counted nevertheless, for the
// code and for the user, with CodeMissing, CodeExpired or CodeFailed, and as enter does.
func (db *DB) SignInWithCode(ctx context.Context, in *invite.Instance, client, id string, strategy invite.Strategy, answer string) (*Visit, error) {
	var v *Visit
	var wrong error
	err := db.write(ctx, func(t *tx) (err error) {
		s, err := t.openSignIn(in.ID, client, id)
		if err != nil {
			return err
		}
		if s.Strategy != strategy {
			return invite.Err(invite.CodeMissing)
		}
		if err := s.User.CheckLock(t.now); err != nil {
			return err
		}
		if v, err = t.visitor(in, client); err != nil {
			return err
		}
		to := s.Mailbox()
		if wrong = s.Code.Answer(t.codeOf(in, to, s.ID, s.Code), answer, t.now); wrong == nil && to.Key == "" {
			wrong = invite.Err(invite.CodeExpired) // the address has gone
		}
		if wrong != nil {
			return t.missedSignIn(in.ID, client, s, wrong)
		}
		if s.Proven(t.now); !s.NeedsPassword {
			return t.completeSignIn(in, v, s, "", false)
		}
		v.SignIn = s
		return t.saveSignIn(in.ID, client, s)
	})
	if err == nil {
		err = wrong
	}
	return v, err
}

// missedSignIn keeps what an answer has done that was refused.
func (t *tx) missedSignIn(instance, client string, s *invite.SignIn, wrong error) error {
	if errors.Is(wrong, invite.Err(invite.CodeIncorrect)) {
		if err := t.countGuess(instance, s.User); err != nil {
			return err
		}
	}
	return t.saveSignIn(instance, client, s)
}

// ResetPassword gives the user of the client's attempt, which a code has proven, the
// password that digest was made of, and completes the attempt. With signOut all other
// sessions of the user end. It refuses with CodeMissing where nothing was proven, and
// as enter does.
func (db *DB) ResetPassword(ctx context.Context, in *invite.Instance, client, id, digest string, signOut bool) (*Visit, error) {
	var v *Visit
	err := db.write(ctx, func(t *tx) (err error) {
		s, err := t.openSignIn(in.ID, client, id)
		if err != nil {
			return err
		}
		if !s.NeedsPassword {
			return invite.Err(invite.CodeMissing)
		}
		if s.User, err = t.changeUser(in, s.UserID, &invite.UserChange{PasswordDigest: &digest, SignOut: signOut}); err != nil {
			return err
		}
		if v, err = t.visitor(in, client); err != nil {
			return err
		}
		s.NeedsPassword = false
		return t.completeSignIn(in, v, s, "", false)
	})
	return v, err
}

// signedOut refuses with SessionExists where somebody is signed in: a browser has
// one session at a time.
func (t *tx) signedOut(instance, client string) error {
	list, err := t.activeSessions(instance, SessionFilter{ClientID: client})
	if err == nil && len(list) > 0 {
		err = invite.Err(invite.SessionExists)
	}
	return err
}

// SignIn returns the client's attempt to sign in with that id, completed or not, or
// refuses with SignInNotFound.
func (db *DB) SignIn(ctx context.Context, in *invite.Instance, client, id string) (*invite.SignIn, error) {
	var s *invite.SignIn
	err := db.read(ctx, func(t *tx) (err error) {
		if s, err = t.signIn(in.ID, client); err == nil && (s == nil || s.ID != id) {
			err = invite.Err(invite.SignInNotFound, id)
		}
		return err
	})
	return s, err
}

// SignInWithPassword signs the user in whose password was compared with digest. It
// completes the client's attempt with that id, or without one begins and completes
// another. It refuses with PasswordWrong when the password was changed
// meanwhile, and as enter does.
func (db *DB) SignInWithPassword(ctx context.Context, in *invite.Instance, client, id, identifier, user, digest string) (*Visit, error) {
	var v *Visit
	err := db.write(ctx, func(t *tx) (err error) {
		if v, err = t.visitor(in, client); err != nil {
			return err
		}
		u, err := t.user(in.ID, user)
		if err != nil {
			return err
		}
		s := t.newSignIn(u, identifier)
		if id != "" {
			if s, err = t.openSignIn(in.ID, v.ClientID, id); err != nil {
				return err
			}
		}
		unchanged, err := t.hasDigest(in.ID, s.UserID, digest)
		if err != nil {
			return err
		}
		if !unchanged || s.UserID != u.ID {
			return invite.ParamErr(invite.PasswordWrong, "password")
		}
		s.Strategy = invite.ByPassword
		return t.completeSignIn(in, v, s, "", false)
	})
	return v, err
}

// completeSignIn signs the attempt's user in, with the organization active. A user
// who is signed in in this browser stays so, in the same session; anybody else who
// is keeps others out.
func (t *tx) completeSignIn(in *invite.Instance, v *Visit, s *invite.SignIn, organization string, invited bool) error {
	restrictions := in.Settings.Restrictions.AtSignIn()
	for _, a := range s.User.EmailAddresses {
		if a.ID == s.User.PrimaryEmailAddressID {
			if err := t.admitted(in.ID, restrictions, invited, []invite.Email{a.Email}); err != nil {
				return err
			}
		}
	}
	if err := t.signInto(in, v, s.User, organization); err != nil {
		return err
	}
	s.SessionID, s.Code = v.Session.ID, invite.Code{}
	v.SignIn = s
	return t.saveSignIn(in.ID, v.ClientID, s)
}

// signInto gives the visit a session of the user: the one there is, or a new one.
func (t *tx) signInto(in *invite.Instance, v *Visit, u *invite.User, organization string) error {
	list, err := t.activeSessions(in.ID, SessionFilter{ClientID: v.ClientID})
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return t.enter(in, v, u, organization)
	}
	s := list[0] // the only one
	if s.UserID != u.ID {
		return invite.Err(invite.SessionExists)
	}
	v.Session = s
	if organization == "" {
		organization = s.OrganizationID
	}
	return t.activate(in, s, organization)
}

// repeated is how long a ticket that was used is answered the same way again in the
// browser that used it.
const repeated = time.Minute

// SignInWithTicket signs in whom a verified ticket stands for: the owner of the
// invited address, who becomes a member and has the organization active, or the
// user of a sign-in token. It refuses with NoAccountInvited when nobody has
// verified the address, with SessionExists where somebody else is signed in, and as
// AcceptInvitation, AcceptApplicationInvitation and RedeemSignInToken do. Within a
// minute the browser that has used a ticket gets the same answer again.
func (db *DB) SignInWithTicket(ctx context.Context, in *invite.Instance, client string, ticket invite.Ticket) (*Visit, error) {
	var v *Visit
	err := db.write(ctx, func(t *tx) (err error) {
		if ticket.InstanceID != in.ID {
			return invite.Err(invite.TicketInvalid)
		}
		if v, err = t.visitor(in, client); err != nil {
			return err
		}
		if done, err := t.signedInWith(in, v, ticket); done || err != nil {
			return err
		}
		u, organization, err := t.admittedBy(in, v, ticket)
		if err != nil {
			return err
		}
		s := t.newSignIn(u, u.Person().Identifier)
		s.Strategy = invite.ByTicket
		return t.completeSignIn(in, v, s, organization, true)
	})
	return v, err
}

// admittedBy uses a ticket up and returns whom it signs in and the organization to
// be active.
func (t *tx) admittedBy(in *invite.Instance, v *Visit, ticket invite.Ticket) (*invite.User, string, error) {
	if ticket.Source == invite.ToSignIn {
		s, err := t.useSignInToken(ticket)
		if err != nil {
			return nil, "", err
		}
		u, err := t.user(in.ID, s.UserID)
		return u, s.OrganizationID, err
	}
	found, err := t.ticketed(ticket)
	if err != nil {
		return nil, "", err
	}
	if err := found.Invitation.Acceptable(t.now); err != nil {
		return nil, "", err
	}
	if in.MailProofOnly && ticket.Channel != invite.ByMail {
		return nil, "", invite.Err(invite.MailboxUnproven)
	}
	u, err := t.owner(in.ID, found.Invitation.Email)
	if errors.Is(err, invite.Err(invite.UserNotFound)) {
		u, err = t.reserver(in, found.Invitation.Email)
	}
	if errors.Is(err, invite.Err(invite.UserNotFound)) {
		err = invite.Err(invite.NoAccountInvited)
		if found.Organization == nil {
			err = invite.Err(invite.NoApplicationAccount)
		}
	}
	if err != nil {
		return nil, "", err
	}
	// Somebody else who is signed in keeps the ticket from being used up.
	if list, err := t.activeSessions(in.ID, SessionFilter{ClientID: v.ClientID}); err != nil || len(list) > 0 && list[0].UserID != u.ID {
		return nil, "", errors.Join(err, invite.Err(invite.SessionExists))
	}
	if found.Organization == nil {
		_, err := t.acceptApplication(found, ticket.Channel, invite.Joiner{UserID: u.ID})
		return u, "", err
	}
	_, err = t.accept(found, ticket.Channel, invite.Joiner{UserID: u.ID})
	return u, found.Organization.ID, err
}

// JoinWithTicket accepts the invitation of a verified ticket in a browser and signs
// its owner in there: whom it finds by the invited address, or makes of the joiner's
// names. Who is signed in already stays so and must own the address, or it refuses
// with AddressNotOwned and changes nothing. A sign-in token signs its user in. It
// refuses as AcceptInvitation, AcceptApplicationInvitation and RedeemSignInToken do;
// within a minute the browser that has used a ticket gets the same answer again.
func (db *DB) JoinWithTicket(ctx context.Context, in *invite.Instance, client string, ticket invite.Ticket, j invite.Joiner) (*Visit, error) {
	if err := j.Check(); err != nil {
		return nil, err
	}
	var v *Visit
	err := db.write(ctx, func(t *tx) (err error) {
		if ticket.InstanceID != in.ID {
			return invite.Err(invite.TicketInvalid)
		}
		if v, err = t.visitor(in, client); err != nil {
			return err
		}
		if done, err := t.signedInWith(in, v, ticket); done || err != nil {
			return err
		}
		u, organization, err := t.joined(in, v, ticket, j)
		if err != nil {
			return err
		}
		s := t.newSignIn(u, u.Person().Identifier)
		s.Strategy = invite.ByTicket
		return t.completeSignIn(in, v, s, organization, true)
	})
	return v, err
}

// joined uses a ticket up for who is signed in or, where nobody is, for whom it is
// for, and returns the user and the organization to be active.
func (t *tx) joined(in *invite.Instance, v *Visit, ticket invite.Ticket, j invite.Joiner) (*invite.User, string, error) {
	if ticket.Source == invite.ToSignIn {
		return t.admittedBy(in, v, ticket)
	}
	list, err := t.activeSessions(in.ID, SessionFilter{ClientID: v.ClientID})
	if err != nil {
		return nil, "", err
	}
	if len(list) > 0 {
		j = invite.Joiner{UserID: list[0].UserID}
	}
	found, err := t.ticketed(ticket)
	if err != nil {
		return nil, "", err
	}
	if found.Organization == nil {
		u, err := t.acceptApplication(found, ticket.Channel, j)
		return u, "", err
	}
	m, err := t.accept(found, ticket.Channel, j)
	if err != nil {
		return nil, "", err
	}
	u, err := t.user(in.ID, m.User.UserID)
	return u, found.Organization.ID, err
}

// signedInWith reports whether the browser has used the ticket a moment ago, and
// repeats the answer then.
func (t *tx) signedInWith(in *invite.Instance, v *Visit, ticket invite.Ticket) (bool, error) {
	s, err := t.signIn(in.ID, v.ClientID)
	if err != nil || s == nil || s.Strategy != invite.ByTicket || s.SessionID == "" || t.now >= s.UpdatedAt.Add(repeated) {
		return false, err
	}
	if used, err := t.usedBy(in.ID, s.UserID, ticket); !used || err != nil {
		return false, err
	}
	session, err := t.clientSession(in, v.ClientID, s.SessionID)
	if errors.Is(err, invite.Err(invite.SessionNotFound)) {
		return false, nil
	}
	v.SignIn, v.Session = s, session
	return err == nil, err
}

// usedBy reports whether the user has used the ticket up.
func (t *tx) usedBy(instance, user string, ticket invite.Ticket) (bool, error) {
	if ticket.Source == invite.ToSignIn {
		s, err := t.signInToken(instance, ticket.SourceID)
		if errors.Is(err, invite.Err(invite.SignInTokenNotFound)) {
			return false, nil
		}
		return s.Status == invite.Accepted && s.UserID == user, err
	}
	found, err := t.ticketed(ticket)
	if _, refused := errors.AsType[*invite.Error](err); refused {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return found.Invitation.Status == invite.Accepted && found.Invitation.UserID == user, nil
}
