package invite

import (
	"encoding/json"
	"strconv"
	"time"
)

// Status is where an invitation stands. Every status but Pending is final.
type Status int

// The life of an invitation. The numbers are stored.
const (
	Pending Status = iota
	Accepted
	Revoked
	Expired
	Declined // by the invitee; the wire shows Revoked, which its clients know
)

// Invitation asks the owner of one mailbox to join one organization or, without
// one, to have an account of the application.
type Invitation struct {
	ID              string
	InstanceID      string
	OrganizationID  string // empty: to the application, without role, inviter and private metadata
	Email           Email
	Role            string // key
	RoleName        string
	DomainID        string // the organization's domain that invites; it sends no mail and sets no end
	InviterID       string
	Inviter         *Person // nil without an inviter, or when the inviter is gone
	Status          Status  // as stored; use StatusAt to read it
	PublicMetadata  json.RawMessage
	PrivateMetadata json.RawMessage
	RedirectURL     string
	Template        string // the mail it is sent with; empty: the one for organizations
	UserID          string // who accepted; empty before
	Generation      int    // tickets of another generation are void
	ExpiresAt       Instant
	CreatedAt       Instant
	UpdatedAt       Instant
}

// StatusAt returns the status a reader at now must see: a pending invitation is
// expired from ExpiresAt on, whether or not that was written down yet.
func (i *Invitation) StatusAt(now Instant) Status {
	if i.Status == Pending && now >= i.ExpiresAt {
		return Expired
	}
	return i.Status
}

// UnchangedUntil returns until when the invitation, read at now, stays what it
// is if nobody acts on it.
func (i *Invitation) UnchangedUntil(now Instant) Instant {
	if i.StatusAt(now) == Pending {
		return i.ExpiresAt
	}
	return Never
}

// Accept makes a pending invitation accepted. Any other status is refused with
// the Kind that tells the invitee why.
func (i *Invitation) Accept(now Instant) error {
	if err := i.Acceptable(now); err != nil {
		return err
	}
	i.end(Accepted, now)
	return nil
}

// Acceptable returns nil while the invitation can be accepted, else why not.
func (i *Invitation) Acceptable(now Instant) error {
	switch i.StatusAt(now) {
	case Pending:
		return nil
	case Accepted:
		return i.refuse(InvitationAccepted, ApplicationInvitationAccepted)
	case Expired:
		return Err(TicketExpired)
	case Revoked, Declined:
	}
	return i.refuse(InvitationRevoked, ApplicationInvitationRevoked)
}

// refuse tells with another kind of an invitation to the application.
func (i *Invitation) refuse(organization, application Kind) *Error {
	if i.OrganizationID == "" {
		return Err(application)
	}
	return Err(organization)
}

// CheckJoiner refuses a user who does not own the invited address as verified.
func (i *Invitation) CheckJoiner(u *User, now Instant) error {
	if !u.Owns(i.Email.Key) {
		return i.refuse(AddressNotOwned, ApplicationAddressNotOwned)
	}
	return u.CheckEntry(now)
}

// Decline makes a pending invitation declined, refusing as Accept does.
func (i *Invitation) Decline(now Instant) error {
	if err := i.Acceptable(now); err != nil {
		return err
	}
	i.end(Declined, now)
	return nil
}

// Revoke makes a pending invitation revoked and refuses every other with NotPending.
// One to the application may have expired, and is refused with what it came to
// (contract §4.6).
func (i *Invitation) Revoke(now Instant) error {
	if i.OrganizationID == "" {
		switch i.Status {
		case Accepted:
			return Err(ApplicationInvitationAccepted)
		case Revoked, Declined:
			return Err(ApplicationInvitationEnded)
		case Pending, Expired:
		}
		i.end(Revoked, now)
		return nil
	}
	if i.StatusAt(now) != Pending {
		return Err(NotPending)
	}
	i.end(Revoked, now)
	return nil
}

func (i *Invitation) end(s Status, now Instant) {
	i.Status, i.UpdatedAt = s, now
}

// Bounds of an invitation's life, contract §6.3.
const (
	DefaultDays = 30
	MaxDays     = 365
)

// MaxBulk is how many invitations one bulk request may create (contract §3.7).
const MaxBulk = 10

// MaxFrontBulk is how many a member may create in one request (contract §5.5).
const MaxFrontBulk = 50

// NewInvitation is what an inviter asks for. Check must accept it before it is used.
type NewInvitation struct {
	EmailAddress    string
	Role            string
	InviterID       string // empty when the key itself invites
	PublicMetadata  json.RawMessage
	PrivateMetadata json.RawMessage
	RedirectURL     string
	ExpiresInDays   int
	Notify          bool // queue a mail

	Email Email // set by Check
}

// Check folds n's inputs in place and refuses what breaks a rule of contract
// §6.10: everything missing is reported together, then the first malformed input.
func (n *NewInvitation) Check(env Environment) error {
	var missing Errors
	if n.EmailAddress == "" {
		missing = append(missing, ParamErr(ParamMissing, "email_address"))
	}
	if n.Role == "" {
		missing = append(missing, ParamErr(ParamMissing, "role"))
	}
	if len(missing) > 0 {
		return missing
	}
	email, ok := ParseEmail(n.EmailAddress)
	if !ok {
		return ParamErr(ParamEmailFormat, "email_address")
	}
	n.Email, n.Role = email, RoleKey(n.Role)
	bad := checkDays(n.ExpiresInDays)
	if bad != nil {
		return bad
	}
	if n.PublicMetadata, bad = CheckMetadata("public_metadata", n.PublicMetadata); bad != nil {
		return bad
	}
	if n.PrivateMetadata, bad = CheckMetadata("private_metadata", n.PrivateMetadata); bad != nil {
		return bad
	}
	if bad = CheckRedirectURL("redirect_url", n.RedirectURL, env); bad != nil {
		return bad
	}
	return nil
}

func checkDays(n int) *Error {
	if n < 1 || n > MaxDays {
		return ParamErr(ParamValue, "expires_in_days", strconv.Itoa(n))
	}
	return nil
}

// ExpiresAt returns when an invitation created at now ends.
func (n *NewInvitation) ExpiresAt(now Instant) Instant { return now.Add(days(n.ExpiresInDays)) }

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

// CheckInviter refuses a role that may not manage memberships.
func CheckInviter(role Role) error {
	if !role.Can(MembershipsManage) {
		return Err(MissingPermission, MembershipsManage)
	}
	return nil
}
