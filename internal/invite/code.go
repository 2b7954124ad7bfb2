package invite

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Code is one six-digit code that was mailed, or the lack of one. It is derived
// from the id of what it belongs to and its number, and never stored.
type Code struct {
	Number    int // how many were asked for; 0 = none
	Attempts  int // wrong answers
	ExpiresAt Instant
}

// Bounds of codes. Each attempt to sign in or up has few codes and each code few
// answers, so that guessing has a chance of one in 40,000 for each attempt. Attempts are
// many: guesses are counted for each account as well.
const (
	CodeLifetime    = 10 * time.Minute
	MaxCodes        = 5
	MaxCodeAttempts = 5
)

// Next makes a new code. It refuses with TooManyRequests when there were enough.
func (c *Code) Next(now Instant) error {
	if c.Number >= MaxCodes {
		return &Error{Kind: TooManyRequests, Limit: int(CodeLifetime / time.Second)}
	}
	*c = Code{Number: c.Number + 1, ExpiresAt: now.Add(CodeLifetime)}
	return nil
}

// Usable refuses an answer to a code that was not sent, is over or was guessed at
// too often.
func (c *Code) Usable(now Instant) error {
	switch {
	case c.Number == 0:
		return Err(CodeMissing)
	case c.Attempts >= MaxCodeAttempts:
		return Err(CodeFailed)
	case now >= c.ExpiresAt:
		return Err(CodeExpired)
	}
	return nil
}

// Answer compares an answer with the code, in constant time. It refuses as Usable
// does, and with CodeIncorrect a wrong one, which is counted.
func (c *Code) Answer(code, answer string, now Instant) error {
	if err := c.Usable(now); err != nil {
		return err
	}
	if subtle.ConstantTimeCompare([]byte(code), []byte(answer)) != 1 {
		c.Attempts++
		return ParamErr(CodeIncorrect, "code")
	}
	return nil
}

// TestCode is the code of every address that tests use (see [Instance.Pretends]).
const TestCode = "424242"

// testAddress ends the part before the @ of an address that tests use.
const testAddress = "+clerk_test"

// Pretends reports whether the instance is in test mode and the address one that
// tests use: it gets no mail, and its code is TestCode.
func (in *Instance) Pretends(e Email) bool {
	local, _, _ := strings.Cut(e.Key, "@")
	return in.Settings.Testing(in.Environment) && strings.HasSuffix(local, testAddress)
}

// The mails that codes are sent with.
const (
	VerificationCodeTemplate = "verification_code"   // to sign in or up
	ResetCodeTemplate        = "reset_password_code" // to choose another password
)

// CodeSubject names one code: the number-th of the sign-in, the sign-up or the domain
// with that id.
type CodeSubject struct {
	InstanceID, ID string
	Number         int
}

// Code returns the six digits of a code (HMAC-SHA256). Of the 2^64 values that they
// are taken from, each code has so nearly the same share that guessing gains nothing.
func (k *Keyring) Code(c CodeSubject) string {
	h := hmac.New(sha256.New, k.code)
	for _, text := range []string{c.InstanceID, c.ID, strconv.Itoa(c.Number)} {
		_, _ = h.Write([]byte(text)) // never fails
		_, _ = h.Write([]byte{0})
	}
	return fmt.Sprintf("%06d", binary.BigEndian.Uint64(h.Sum(nil))%1_000_000)
}
