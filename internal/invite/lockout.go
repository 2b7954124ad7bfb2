package invite

import "time"

// How often somebody may give wrong passwords and codes for a user, and how long the
// user is locked then: what Clerk begins with.
const (
	MaxGuesses  = 100
	LockoutTime = time.Hour
)

// Lockout says whether a user may sign in. The application locks users, and so does
// guessing.
type Lockout struct {
	Locked      bool    // by the application, until it takes the lock away
	Guesses     int     // wrong passwords and codes since the last right one
	LockedUntil Instant // the end of the lock that they led to; 0 without one
}

// LockedAt reports whether the user may not sign in now.
func (l *Lockout) LockedAt(now Instant) bool { return l.Locked || now < l.LockedUntil }

// CheckLock refuses a user who is locked now.
func (l *Lockout) CheckLock(now Instant) error {
	if !l.LockedAt(now) {
		return nil
	}
	return &Error{Kind: UserLocked, Limit: l.LockEnd(now)}
}

// LockEnd returns in how many seconds the lock of now ends by itself, at least 1; 0 for
// one that does not, and without a lock.
func (l *Lockout) LockEnd(now Instant) int {
	if l.Locked || now >= l.LockedUntil {
		return 0
	}
	return int((l.LockedUntil - now + 999) / 1000)
}

// GuessesLeft returns how many wrong answers lock the user.
func (l *Lockout) GuessesLeft(now Instant) int {
	if l.served(now) {
		return MaxGuesses
	}
	return max(0, MaxGuesses-l.Guesses)
}

// served reports whether a lock has ended, with which its guesses are forgotten.
func (l *Lockout) served(now Instant) bool { return l.LockedUntil != 0 && now >= l.LockedUntil }

// Guess counts a wrong password or code, and reports whether it has locked the user.
func (l *Lockout) Guess(now Instant) bool {
	if l.served(now) {
		l.Guesses, l.LockedUntil = 0, 0
	}
	l.Guesses++
	if l.Guesses < MaxGuesses || l.LockedUntil != 0 {
		return false
	}
	l.LockedUntil = now.Add(LockoutTime)
	return true
}

// Lock locks the user for the application, or ends every lock and forgets the guesses.
// It reports whether that changed anything.
func (l *Lockout) Lock(locked bool) bool {
	before := *l
	if l.Locked = locked; !locked {
		*l = Lockout{}
	}
	return *l != before
}
