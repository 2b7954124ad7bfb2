package store

import (
	"maps"
	"slices"
	"sync"
)

// What sleepers wait for, besides the events of one instance, whose key is its id.
const (
	outboxSignal    = "outbox"
	inboxSignal     = "inbox"
	endpointsSignal = "endpoints"
)

// signals wake those who wait for a commit. Its zero value is ready, and it
// holds a channel only for what somebody waits for.
type signals struct {
	mu      sync.Mutex
	waiting map[string]chan struct{}
}

// next returns a channel that is closed when what key stands for happens next.
func (s *signals) next(key string) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch, ok := s.waiting[key]
	if !ok {
		if s.waiting == nil {
			s.waiting = make(map[string]chan struct{})
		}
		ch = make(chan struct{})
		s.waiting[key] = ch
	}
	return ch
}

// awaited returns the keys of what somebody waits for.
func (s *signals) awaited() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.waiting))
}

func (s *signals) wake(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ch, ok := s.waiting[key]; ok {
		close(ch)
		delete(s.waiting, key)
	}
}

// wake has those who wait for key woken when the transaction is durable.
func (t *tx) wake(key string) {
	t.after = append(t.after, func() { t.db.signals.wake(key) })
	t.tell(key)
}

// tell has other processes hear of key when the transaction commits.
func (t *tx) tell(key string) {
	if t.tells == nil {
		t.tells = make(map[string]bool, 1)
	}
	t.tells[key] = true
}
