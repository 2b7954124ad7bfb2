package invite

import "slices"

// NewEmailAddress adds an address to a user.
type NewEmailAddress struct {
	UserID       string
	EmailAddress string
	Verified     bool
	Primary      bool // the first one always is

	Email Email // set by Check
}

// Check folds the address and refuses missing inputs, all at once.
func (n *NewEmailAddress) Check() error {
	var missing Errors
	if n.UserID == "" {
		missing = append(missing, ParamErr(ParamMissing, "user_id"))
	}
	if n.EmailAddress == "" {
		missing = append(missing, ParamErr(ParamMissing, "email_address"))
	}
	if len(missing) > 0 {
		return missing
	}
	var ok bool
	if n.Email, ok = ParseEmail(n.EmailAddress); !ok {
		return ParamErr(ParamEmailFormat, "email_address")
	}
	return nil
}

// Address returns the address, without ids and times.
func (n *NewEmailAddress) Address() EmailAddress {
	a := EmailAddress{Email: n.Email}
	if n.Verified {
		a.Verified = VerifiedByAdmin
	}
	return a
}

// EmailAddressReplacement is the only address that a user is to have.
type EmailAddressReplacement struct {
	EmailAddress string
	Status       string // verified, reserved or unverified; empty: verified

	Email Email // set by Check
}

// Check folds the address and refuses what breaks a rule.
func (r *EmailAddressReplacement) Check() error {
	if r.EmailAddress == "" {
		return ParamErr(ParamMissing, "email_address")
	}
	var ok bool
	if r.Email, ok = ParseEmail(r.EmailAddress); !ok {
		return ParamErr(ParamEmailFormat, "email_address")
	}
	if !slices.Contains([]string{"", StatusVerified, StatusReserved, StatusUnverified}, r.Status) {
		return ParamErr(ParamValue, "identification_status", r.Status)
	}
	return nil
}

// Address returns the address, without ids and times.
func (r *EmailAddressReplacement) Address() EmailAddress {
	a := EmailAddress{Email: r.Email, Reserved: r.Status == StatusReserved}
	if r.Status == "" || r.Status == StatusVerified {
		a.Verified = VerifiedByAdmin
	}
	return a
}

// EmailAddressChange changes an address. Nil fields are left as they are.
type EmailAddressChange struct {
	Verified *bool
	Primary  *bool // true; what is primary stays so until another is
}

// Apply changes the address with the id in u and returns it, or refuses with
// AddressNotFound or AddressUnverified.
func (c *EmailAddressChange) Apply(u *User, id string) (*EmailAddress, error) {
	a := u.Address(id)
	if a == nil {
		return nil, Err(AddressNotFound, id)
	}
	switch {
	case c.Verified == nil:
	case !*c.Verified:
		a.Verified = Unverified
	case a.Verified == Unverified:
		a.Verify(VerifiedByAdmin)
	}
	if c.Primary != nil && *c.Primary {
		if a.Verified == Unverified {
			return nil, ParamErr(AddressUnverified, "primary")
		}
		u.PrimaryEmailAddressID = id
	}
	return a, nil
}

// MaxOwnAddresses is how many addresses users may give themselves.
const MaxOwnAddresses = 20

// Prepare makes a new code for an address that nothing has proven, else it refuses with
// CodeUsed. Each address has MaxCodes; after those it has to be added anew.
func (a *EmailAddress) Prepare(now Instant) error {
	if a.Verified != Unverified {
		return Err(CodeUsed)
	}
	return a.Code.Next(now)
}

// Verify notes how the address was proven. No code is good for it any more.
func (a *EmailAddress) Verify(by Verification) {
	a.Verified, a.Reserved, a.Code = by, false, Code{Number: a.Code.Number}
}

// Claimed reports whether nobody else can have the address.
func (a *EmailAddress) Claimed() bool { return a.Verified != Unverified || a.Reserved }

// Address returns the address with the id; nil for one that is not u's.
func (u *User) Address(id string) *EmailAddress {
	for i := range u.EmailAddresses {
		if u.EmailAddresses[i].ID == id {
			return &u.EmailAddresses[i]
		}
	}
	return nil
}

// AddAddress gives u another address. The first one is the primary one; another
// can be only when it is verified.
func (u *User) AddAddress(a EmailAddress, primary bool) error {
	if u.Address(a.ID) != nil || u.has(a.Email.Key) {
		return ParamErr(IdentifierExists, "email_address", a.Email.Address)
	}
	first := u.Address(u.PrimaryEmailAddressID) == nil
	if primary && !first && a.Verified == Unverified {
		return ParamErr(AddressUnverified, "primary")
	}
	if primary || first {
		u.PrimaryEmailAddressID = a.ID
	}
	u.EmailAddresses = append(u.EmailAddresses, a)
	return nil
}

func (u *User) has(key string) bool {
	return slices.ContainsFunc(u.EmailAddresses, func(a EmailAddress) bool { return a.Email.Key == key })
}

// RemoveOwnAddress is RemoveAddress as u may ask for it: the last verified address
// stays, since the codes that sign u in or reset the password go to it.
func (u *User) RemoveOwnAddress(id string) error {
	other := func(a EmailAddress) bool { return a.ID != id && a.Verified != Unverified }
	if u.hasVerified(id) && !slices.ContainsFunc(u.EmailAddresses, other) {
		return Err(LastIdentifier)
	}
	return u.RemoveAddress(id)
}

// RemoveAddress takes an address away, unless nothing would be left by which u is
// known. After the primary one the oldest verified one is primary, else the
// oldest.
func (u *User) RemoveAddress(id string) error {
	if len(u.EmailAddresses) == 1 && u.Username == "" {
		return Err(LastIdentifier)
	}
	u.EmailAddresses = slices.DeleteFunc(u.EmailAddresses, func(a EmailAddress) bool { return a.ID == id })
	if u.PrimaryEmailAddressID != id {
		return nil
	}
	u.PrimaryEmailAddressID = ""
	for _, a := range slices.Backward(u.EmailAddresses) {
		if a.Verified != Unverified || !u.hasVerified(u.PrimaryEmailAddressID) {
			u.PrimaryEmailAddressID = a.ID
		}
	}
	return nil
}
