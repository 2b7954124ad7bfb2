package store

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/segmentio/ksuid"

	"usher/internal/invite"
)

// Prefixes of the contract's ids, §8.1.
const (
	instanceID     = "ins_"
	userID         = "user_"
	emailAddressID = "idn_"
	organizationID = "org_"
	roleID         = "role_"
	membershipID   = "orgmem_"
	invitationID   = "orginv_"
	eventID        = "msg_"
	emailID        = "ema_"
)

// sequence numbers what one process makes within a millisecond.
type sequence struct {
	mu sync.Mutex
	at invite.Instant
	n  uint16
}

func (s *sequence) next(at invite.Instant) uint16 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at != s.at {
		s.at, s.n = at, 0
	}
	s.n++
	return s.n
}

// newID returns prefix and a KSUID for the transaction's instant. Its payload
// begins with the millisecond within the second and a number within the
// millisecond, 96 random bits follow: ids sort as they were made, so that one
// column orders a list and breaks its ties. Between processes only what was made
// in the same millisecond is in random order.
func (t *tx) newID(prefix string) string {
	var payload [16]byte
	binary.BigEndian.PutUint16(payload[0:], uint16(t.now%1000))
	binary.BigEndian.PutUint16(payload[2:], t.db.made.next(t.now))
	_, _ = rand.Read(payload[4:]) // never fails
	id, err := ksuid.FromParts(t.now.Time(), payload[:])
	if err != nil {
		panic(fmt.Sprintf("making a KSUID: %v", err)) // the payload has its only size
	}
	return prefix + id.String()
}
