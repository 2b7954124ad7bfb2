package browser

import (
	"math"
	"sync"
	"time"

	"usher/internal/invite"
)

// pace is how fast something may be tried: so many times at once, then once in a while.
type pace struct {
	times int
	every time.Duration
}

// The database counts guesses at an account as well, and locks it ([invite.Lockout]).
// The brake on an account is there so that nobody can do that to somebody else in a
// moment. The brake on a network slows down who tries many accounts; a network may be
// an office, or the customers of a telephone company, so it has more.
var (
	guesses = pace{10, 10 * time.Second}
	network = pace{100, 6 * time.Second}
)

// maxTried is how many keys a brake remembers at least before it forgets the one that
// was tried longest ago; it remembers at most twice as many. Each is some 100 bytes.
const maxTried = 50_000

// brake slows down what is tried too often, by what is tried. It keeps of each key when
// all of its tries will have come back. The zero brake is ready.
type brake struct {
	mu            sync.Mutex
	recent, older map[string]time.Time
}

// take counts a try, or refuses it with TooManyRequests.
func (b *brake) take(key string, p pace, now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	back := b.back(key, now).Add(p.every)
	if wait := back.Sub(now) - time.Duration(p.times)*p.every; wait > 0 {
		b.note(key, back.Add(-p.every)) // whoever goes on is not forgotten
		return &invite.Error{Kind: invite.TooManyRequests, Limit: int(math.Ceil(wait.Seconds()))}
	}
	b.note(key, back)
	return nil
}

// giveBack takes back that a try was counted.
func (b *brake) giveBack(key string, p pace, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.note(key, b.back(key, now).Add(-p.every))
}

// release forgets all tries of a key.
func (b *brake) release(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.recent, key)
	delete(b.older, key)
}

func (b *brake) back(key string, now time.Time) time.Time {
	at, ok := b.recent[key]
	if !ok {
		at = b.older[key]
	}
	if at.Before(now) {
		return now
	}
	return at
}

func (b *brake) note(key string, back time.Time) {
	if b.recent == nil || len(b.recent) >= maxTried {
		b.older, b.recent = b.recent, make(map[string]time.Time)
	}
	b.recent[key] = back
}
