package invite

// SuggestionStatus says what became of a suggestion.
type SuggestionStatus string

// The statuses. The contract has no word for the last: nobody is shown one.
const (
	SuggestionPending  SuggestionStatus = "pending"
	SuggestionAccepted SuggestionStatus = "accepted" // the user has asked to become a member
	SuggestionRejected SuggestionStatus = "rejected" // and the organization has said no
)

// Suggestion points a user, who owns an address of a verified domain, to the
// organization that has the domain.
type Suggestion struct {
	ID                   string
	Organization         Organization
	Domain               Domain // with nothing but its ids
	Status               SuggestionStatus
	CreatedAt, UpdatedAt Instant
}

// Accept makes the user ask to become a member, once: then it refuses with
// SuggestionUsed.
func (s *Suggestion) Accept(now Instant) error {
	if s.Status != SuggestionPending {
		return Err(SuggestionUsed)
	}
	s.Status, s.UpdatedAt = SuggestionAccepted, now
	return nil
}

// MembershipRequest is a user's wish to become a member of an organization that
// was suggested. It holds no seat.
type MembershipRequest struct {
	ID                   string
	OrganizationID       string
	User                 Person
	Status               Status // Pending, Accepted, or Revoked when the organization has said no
	CreatedAt, UpdatedAt Instant
}
