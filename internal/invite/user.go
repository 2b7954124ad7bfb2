package invite

import (
	"cmp"
	"encoding/json"
	"strings"
)

// User is a person known to one instance.
type User struct {
	ID                    string
	ExternalID            string // the product's own id; unique where set
	Username              string
	FirstName, LastName   string
	PrimaryEmailAddressID string
	EmailAddresses        []EmailAddress // oldest first
	PublicMetadata        json.RawMessage
	PrivateMetadata       json.RawMessage
	UnsafeMetadata        json.RawMessage
	Banned                bool
	CreatedAt, UpdatedAt  Instant
}

// Verification is how an address was proven to belong to its user.
type Verification string

// How addresses come to be verified here. Unverified is the zero value.
const (
	Unverified       Verification = ""
	VerifiedByAdmin  Verification = "admin"
	VerifiedByTicket Verification = "ticket"
)

// EmailAddress is one address of a user.
type EmailAddress struct {
	ID       string
	UserID   string
	Email    Email
	Verified Verification
	// CreatedAt and UpdatedAt order the addresses of a user.
	CreatedAt, UpdatedAt Instant
}

// Owns reports whether the user has proven to own the address with that key.
// Any verified address counts, not only the primary one.
func (u *User) Owns(key string) bool {
	for _, a := range u.EmailAddresses {
		if a.Email.Key == key && a.Verified != Unverified {
			return true
		}
	}
	return false
}

// VerifiedKeys returns the keys of all addresses that the user has proven to own.
func (u *User) VerifiedKeys() []string {
	var keys []string
	for _, a := range u.EmailAddresses {
		if a.Verified != Unverified {
			keys = append(keys, a.Email.Key)
		}
	}
	return keys
}

// Person is what others may see of a user.
type Person struct {
	UserID              string
	FirstName, LastName string
	Identifier          string // primary address, else username
	Username            string
	Banned              bool
}

// Person returns what others may see of u.
func (u *User) Person() Person {
	return Person{
		UserID: u.ID, FirstName: u.FirstName, LastName: u.LastName,
		Identifier: u.identifier(), Username: u.Username, Banned: u.Banned,
	}
}

func (u *User) identifier() string {
	for _, a := range u.EmailAddresses {
		if a.ID == u.PrimaryEmailAddressID {
			return a.Email.Address
		}
	}
	return u.Username
}

// Name returns the name a reader would use for p: the given names, else the identifier.
func (p Person) Name() string {
	return cmp.Or(strings.TrimSpace(p.FirstName+" "+p.LastName), p.Identifier)
}
