package browser

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"usher/internal/invite"
)

// How fast passwords and codes may be guessed: so many times at once for each account,
// then once in a while. Whoever knows one begins anew. The database counts as well, and
// locks the account ([invite.Lockout]); the brake is there so that nobody can do that
// to somebody else in a moment, or have the server compare passwords all day.
const (
	guesses    = 10
	guessEvery = 10 * time.Second
	maxGuessed = 100_000 // keys that are remembered
)

// brake slows guessing down. The zero brake is ready.
type brake struct {
	mu    sync.Mutex
	tried map[string]*rate.Limiter // by what is guessed at
}

// take counts a guess, or refuses it with TooManyRequests.
func (b *brake) take(key string, now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tried == nil || len(b.tried) >= maxGuessed {
		b.tried = make(map[string]*rate.Limiter)
	}
	l := b.tried[key]
	if l == nil {
		l = rate.NewLimiter(rate.Every(guessEvery), guesses)
		b.tried[key] = l
	}
	if l.AllowN(now, 1) {
		return nil
	}
	wait := time.Duration((1 - l.TokensAt(now)) * float64(guessEvery))
	return &invite.Error{Kind: invite.TooManyRequests, Limit: int(math.Ceil(wait.Seconds()))}
}

// release forgets the guesses, since the last one was right.
func (b *brake) release(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.tried, key)
}
