package store

import (
	"sync"

	"usher/internal/invite"
)

// horizons remembers for each instance an instant before which none of its
// pending invitations expires, so that a page need not look for overdue ones. It
// may be earlier than necessary, never later.
//
// An operation lowers it before its commit, which is early, and after it, for
// those who looked in between; both long before the invitation can expire.
type horizons struct {
	mu      sync.Mutex
	at      map[string]invite.Instant
	lowered uint64
}

func (h *horizons) of(instance string) invite.Instant {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at[instance]
}

func (h *horizons) state() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lowered
}

func (h *horizons) lower(instance string, to invite.Instant) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lowered++
	if h.at[instance] > to {
		h.at[instance] = to
	}
}

// raise takes what was read from a snapshot that began in the given state.
func (h *horizons) raise(instance string, to invite.Instant, state uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lowered != state {
		return
	}
	if h.at == nil {
		h.at = make(map[string]invite.Instant)
	}
	h.at[instance] = to
}

// remembered is horizon as far as it is in memory, else 0.
func (t *tx) remembered(instance string) invite.Instant {
	if t.uncached || t.write {
		return 0
	}
	return t.db.cache.horizons.of(instance)
}

// horizon returns until when nothing that is stored as pending in the instance
// expires; an instant that has passed says that something has.
func (t *tx) horizon(instance string) (invite.Instant, error) {
	at := t.remembered(instance)
	if at > t.now {
		return at, nil
	}
	err := t.row(`
		SELECT COALESCE(min(expires_at), $2)
		FROM invitations
		WHERE instance_id = $1 AND status = 0`, instance, invite.Never).Scan(&at)
	if err == nil && !t.uncached && !t.write {
		t.db.cache.horizons.raise(instance, at, t.horizons)
	}
	return at, err
}

// lowerHorizon makes room for an invitation that becomes pending.
func (t *tx) lowerHorizon(i *invite.Invitation) {
	h, instance, at := &t.db.cache.horizons, i.InstanceID, i.ExpiresAt
	h.lower(instance, at)
	t.after = append(t.after, func() { h.lower(instance, at) })
}
