package store

import (
	"context"
	"errors"

	"usher/internal/invite"
)

// Ticketed is what a ticket opens: the invitation and what surrounds it.
type Ticketed struct {
	Instance     *invite.Instance
	Organization *invite.Organization // nil for an invitation to the application
	Invitation   *invite.Invitation
	// Known says whether a user has verified the invited address, or has it reserved:
	// nobody else can sign up with it.
	Known bool
	// Member says whether that user is a member of the organization.
	Member bool
}

// InvitationByTicket reads what a verified ticket points to, whatever its
// status. It refuses with OrganizationDeleted or TicketInvalid.
func (db *DB) InvitationByTicket(ctx context.Context, ticket invite.Ticket) (*Ticketed, error) {
	var found *Ticketed
	err := db.read(ctx, func(t *tx) (err error) {
		if found, err = t.ticketed(ticket); err != nil {
			return err
		}
		u, err := t.owner(ticket.InstanceID, found.Invitation.Email)
		if errors.Is(err, invite.Err(invite.UserNotFound)) {
			u, err = t.reservedFor(ticket.InstanceID, found.Invitation.Email)
		}
		if found.Known = err == nil; errors.Is(err, invite.Err(invite.UserNotFound)) {
			return nil
		}
		if err != nil || found.Organization == nil {
			return err
		}
		return t.row(`
			SELECT count(*)
			FROM memberships
			WHERE instance_id = $1 AND organization_id = $2 AND user_id = $3`, ticket.InstanceID, found.Organization.ID, u.ID).Scan(&found.Member)
	})
	return found, err
}

func (t *tx) ticketed(ticket invite.Ticket) (*Ticketed, error) {
	if ticket.Source == invite.ToSignIn {
		return nil, invite.Err(invite.SignInTokenMisplaced)
	}
	in, err := t.instance(ticket.InstanceID)
	if err != nil {
		return nil, err
	}
	if ticket.Source == invite.ToApplication {
		i, err := t.applicationInvitation(in.ID, ticket.SourceID)
		return opened(&Ticketed{Instance: in, Invitation: i}, ticket, err)
	}
	o, err := t.organization(in.ID, ticket.OrganizationID)
	if err := t.unswept(o, err); err != nil {
		if errors.Is(err, invite.Err(invite.OrganizationNotFound)) {
			return nil, invite.Err(invite.OrganizationDeleted)
		}
		return nil, err
	}
	i, err := t.invitation(in.ID, o.ID, ticket.SourceID)
	return opened(&Ticketed{Instance: in, Organization: o, Invitation: i}, ticket, err)
}

// opened refuses a ticket to an invitation that is not there, or whose tickets
// were replaced.
func opened(found *Ticketed, ticket invite.Ticket, err error) (*Ticketed, error) {
	if errors.Is(err, invite.Err(invite.InvitationNotFound)) || err == nil && found.Invitation.Generation != ticket.Generation {
		return nil, invite.Err(invite.TicketInvalid)
	}
	return found, err
}

// AcceptInvitation redeems a verified ticket to an organization: it makes the joiner a member with
// the invitation's role and metadata, turns the invitation's seat into the
// member's, and marks the invitation accepted. Of any number of concurrent
// redemptions, revocations and expiries one succeeds.
func (db *DB) AcceptInvitation(ctx context.Context, ticket invite.Ticket, j invite.Joiner) (*invite.Membership, error) {
	if err := j.Check(); err != nil {
		return nil, err
	}
	var m *invite.Membership
	err := db.write(ctx, func(t *tx) error {
		found, err := t.ticketed(ticket)
		if err != nil {
			return err
		}
		m, err = t.accept(found, ticket.Channel, j)
		return err
	})
	return m, err
}

// accept makes the joiner a member with a ticket that left by ch.
func (t *tx) accept(found *Ticketed, ch invite.Channel, j invite.Joiner) (*invite.Membership, error) {
	if err := found.Instance.Settings.CheckOrganizations(); err != nil {
		return nil, err
	}
	i, o := found.Invitation, found.Organization
	if o == nil {
		return nil, invite.Err(invite.TicketInvalid)
	}
	if err := i.Accept(t.now); err != nil {
		return nil, err
	}
	u, err := t.joiner(found, ch, j)
	if err != nil {
		return nil, err
	}
	return t.seat(found, u)
}

// seat gives an accepted invitation's seat to the user.
func (t *tx) seat(found *Ticketed, u *invite.User) (*invite.Membership, error) {
	i, o := found.Invitation, found.Organization
	role, err := t.assignable(o, i.Role)
	if err != nil {
		return nil, err
	}
	i.UserID = u.ID
	if err := t.end(i); err != nil {
		return nil, err
	}
	o.Pending--
	m, err := t.insertMembership(o, u, role, i.PublicMetadata, i.PrivateMetadata)
	if err != nil {
		return nil, err
	}
	if err := o.Room(0); err != nil {
		return nil, err // the limit was lowered below what is taken
	}
	return m, t.event(found.Instance.ID, o.ID, invite.InvitationAcceptedEvent, i)
}

// joiner finds or makes the user who joins. A named user must own the invited
// address as verified; a new one is trusted with it because of the ticket.
func (t *tx) joiner(found *Ticketed, ch invite.Channel, j invite.Joiner) (*invite.User, error) {
	in, email := found.Instance, found.Invitation.Email
	if j.UserID != "" {
		u, err := t.user(in.ID, j.UserID)
		if err != nil {
			return nil, err
		}
		return u, found.Invitation.CheckJoiner(u, t.now)
	}
	u, err := t.owner(in.ID, email)
	if errors.Is(err, invite.Err(invite.UserNotFound)) {
		if in.MailProofOnly && ch != invite.ByMail {
			return nil, invite.Err(invite.MailboxUnproven)
		}
		u, err = t.reserver(in, email)
	}
	switch {
	case err == nil:
		return u, found.Invitation.CheckJoiner(u, t.now)
	case !errors.Is(err, invite.Err(invite.UserNotFound)):
		return nil, err
	}
	n := invite.NewUser{
		Emails: []invite.Email{email}, FirstName: j.FirstName, LastName: j.LastName, ExternalID: j.ExternalID,
	}
	if found.Organization == nil {
		n.Metadata.Public = found.Invitation.PublicMetadata
	}
	return t.newUser(in, &n, invite.VerifiedByTicket)
}

// DeclineInvitation ends the invitation a verified ticket points to, at the
// invitee's wish, and gives its seat back. The contract has no such status: its
// event is a revocation, beside the one that tells what it was.
func (db *DB) DeclineInvitation(ctx context.Context, ticket invite.Ticket) error {
	return db.write(ctx, func(t *tx) error {
		found, err := t.ticketed(ticket)
		if err != nil {
			return err
		}
		if err := found.Invitation.Decline(t.now); err != nil {
			return err
		}
		if found.Organization == nil {
			return t.endApplicationInvitation(found.Invitation, invite.Pending)
		}
		if err := t.end(found.Invitation); err != nil {
			return err
		}
		for _, typ := range []invite.EventType{invite.InvitationRevokedEvent, invite.InvitationDeclinedEvent} {
			if err := t.event(found.Instance.ID, found.Organization.ID, typ, found.Invitation); err != nil {
				return err
			}
		}
		return nil
	})
}
