package invite_test

import (
	"errors"
	"testing"
	"time"

	"usher/internal/invite"
)

func TestGuessingLocksForAWhile(t *testing.T) {
	const now = invite.Instant(1_000_000)
	var l invite.Lockout
	for n := 1; n < invite.MaxGuesses; n++ {
		if l.Guess(now) || l.LockedAt(now) || l.GuessesLeft(now) != invite.MaxGuesses-n {
			t.Fatalf("after %d guesses it is %+v", n, l)
		}
	}
	if !l.Guess(now) || !l.LockedAt(now) || l.GuessesLeft(now) != 0 {
		t.Errorf("after %d guesses it is %+v, want a lock", invite.MaxGuesses, l)
	}
	if e, ok := errors.AsType[*invite.Error](l.CheckLock(now)); !ok || e.Kind != invite.UserLocked || e.Limit != 3600 {
		t.Errorf("refused with %+v, want %s for an hour", e, invite.UserLocked)
	}
	end := now.Add(invite.LockoutTime)
	if l.LockEnd(end-1) != 1 || l.LockEnd(end) != 0 || l.LockedAt(end) || l.CheckLock(end) != nil || l.GuessesLeft(end) != invite.MaxGuesses {
		t.Errorf("the lock %+v does not end after an hour", l)
	}
	if l.Guess(end) || l.Guesses != 1 || l.LockedUntil != 0 {
		t.Errorf("after a guess behind the lock it is %+v, want one guess", l)
	}
}

func TestTheApplicationsLockStays(t *testing.T) {
	l := invite.Lockout{Guesses: 7}
	if !l.Lock(true) || l.Lock(true) || l.GuessesLeft(0) != invite.MaxGuesses-7 {
		t.Errorf("locked it is %+v", l)
	}
	for _, now := range []invite.Instant{0, invite.Instant(0).Add(1000 * time.Hour)} {
		if !l.LockedAt(now) || l.LockEnd(now) != 0 {
			t.Errorf("at %d it ends in %d seconds, want never", now, l.LockEnd(now))
		}
	}
	if !l.Lock(false) || l != (invite.Lockout{}) || l.Lock(false) {
		t.Errorf("unlocked it is %+v, want nothing", l)
	}
}
