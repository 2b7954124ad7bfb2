package browser

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"usher/internal/invite"
)

// How often a password may be guessed: so many times at once for each account, then
// once in a while. Whoever knows it begins anew.
const (
	guesses    = 10
	guessEvery = 10 * time.Second
	maxGuessed = 100_000 // accounts that are remembered
)

// brake slows the guessing of passwords down. The zero brake is ready.
type brake struct {
	mu    sync.Mutex
	tried map[string]*rate.Limiter // by user
}

// take counts a guess at a user's password, or refuses it with TooManyRequests.
func (b *brake) take(user string, now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tried == nil || len(b.tried) >= maxGuessed {
		b.tried = make(map[string]*rate.Limiter)
	}
	l := b.tried[user]
	if l == nil {
		l = rate.NewLimiter(rate.Every(guessEvery), guesses)
		b.tried[user] = l
	}
	if l.AllowN(now, 1) {
		return nil
	}
	wait := time.Duration((1 - l.TokensAt(now)) * float64(guessEvery))
	return &invite.Error{Kind: invite.TooManyRequests, Limit: int(math.Ceil(wait.Seconds()))}
}

// release forgets the guesses at the password of whoever knew it.
func (b *brake) release(user string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.tried, user)
}
