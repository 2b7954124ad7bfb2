package store

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/segmentio/ksuid"

	"usher/internal/invite"
)

// Prefixes of the contract's ids, §8.1.
const (
	instanceID              = "ins_"
	userID                  = "user_"
	emailAddressID          = "idn_"
	organizationID          = "org_"
	roleID                  = "role_"
	allowlistID             = "alid_"
	blocklistID             = "blid_"
	permissionID            = "perm_"
	roleSetID               = "roleset_"
	domainID                = "orgdm_"
	suggestionID            = "orgsug_"
	membershipRequestID     = "orgmemreq_"
	membershipID            = "orgmem_"
	invitationID            = "orginv_"
	applicationInvitationID = "inv_"
	redirectURLID           = "ru_"
	signInTokenID           = "sit_"
	eventID                 = "msg_"
	endpointID              = "ep_"
	clientID                = "client_"
	sessionID               = "sess_"
	signInID                = "sia_"
	signUpID                = "sua_"
	emailID                 = "ema_"
)

// sequence numbers what one process makes within a millisecond. It never goes
// back, whatever the clock does.
type sequence struct {
	mu sync.Mutex
	at invite.Instant
	n  uint16
}

// next returns a moment and a number within it that come after all earlier ones.
// The moment is at, unless something was made at a later one.
func (s *sequence) next(at invite.Instant) (invite.Instant, uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case at > s.at:
		s.at, s.n = at, 0
	case s.n == math.MaxUint16:
		s.at, s.n = s.at+1, 0
	}
	s.n++
	return s.at, s.n
}

// advance makes what comes next come after number n of a moment.
func (s *sequence) advance(at invite.Instant, n uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at > s.at || at == s.at && n > s.n {
		s.at, s.n = at, n
	}
}

// newID returns prefix and a KSUID for the transaction's instant. Its payload
// begins with the millisecond within the second and a number within the
// millisecond, 96 random bits follow: ids sort as they were made, so that one
// column orders a list and breaks its ties. While the clock is behind the newest
// id the ids go on from there. Between processes only what was made in the same
// millisecond is in random order.
func (t *tx) newID(prefix string) string {
	at, n := t.db.made.next(t.now)
	var payload [16]byte
	binary.BigEndian.PutUint16(payload[0:], uint16(at%1000))
	binary.BigEndian.PutUint16(payload[2:], n)
	_, _ = rand.Read(payload[4:]) // never fails
	id, err := ksuid.FromParts(at.Time(), payload[:])
	if err != nil {
		panic(fmt.Sprintf("making a KSUID: %v", err)) // the payload has its only size
	}
	return prefix + id.String()
}

// parseID reads back when newID made an id, and its number within the millisecond.
func parseID(prefix, id string) (at invite.Instant, n uint16, ok bool) {
	text, ok := strings.CutPrefix(id, prefix)
	k, err := ksuid.Parse(text)
	if !ok || err != nil {
		return 0, 0, false
	}
	payload := k.Payload()
	ms := time.Duration(binary.BigEndian.Uint16(payload[0:])) * time.Millisecond
	return invite.At(k.Time()).Add(ms), binary.BigEndian.Uint16(payload[2:]), true
}

// beginning is the earliest instant that a KSUID can stand for.
const beginning invite.Instant = 1_400_000_000_000

// firstID returns an id that comes before all that newID can make at an instant,
// and after those of earlier ones.
func firstID(prefix string, at invite.Instant) string {
	at = max(at, beginning)
	var payload [16]byte
	binary.BigEndian.PutUint16(payload[0:], uint16(at%1000))
	id, err := ksuid.FromParts(at.Time(), payload[:])
	if err != nil {
		panic(fmt.Sprintf("making a KSUID: %v", err)) // the payload has its only size
	}
	return prefix + id.String()
}

// continueIDs makes what is made from now on come after every event in the log,
// even if the clock was set back while nothing ran.
func (db *DB) continueIDs(ctx context.Context) error {
	return db.read(ctx, func(t *tx) error {
		var newest string
		err := t.row(`
			SELECT COALESCE(max(COALESCE((SELECT max(e.id) FROM events e WHERE e.instance_id = id.instance_id), id.events_forgotten)), '')
			FROM instances id`).Scan(&newest)
		if at, n, ok := parseID(eventID, newest); ok {
			db.made.advance(at, n)
		}
		return err
	})
}
