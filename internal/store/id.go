package store

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"

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

// newID returns prefix and a KSUID whose payload begins with the millisecond
// within the second: ids made at different instants sort by those instants, so
// that one column orders a list and breaks its ties.
func newID(prefix string, at invite.Instant) string {
	var payload [16]byte
	_, _ = rand.Read(payload[2:]) // never fails
	binary.BigEndian.PutUint16(payload[:2], uint16(at%1000))
	id, err := ksuid.FromParts(at.Time(), payload[:])
	if err != nil {
		panic(fmt.Sprintf("making a KSUID: %v", err)) // the payload has its only size
	}
	return prefix + id.String()
}
