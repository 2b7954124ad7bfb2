// Package password keeps what passwords are compared with. New digests are
// argon2id; those that other systems made are compared as they are and replaced at
// the first success.
package password

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/argon2"

	"usher/internal/invite"
)

// Hasher makes and compares digests, a few at a time: each costs tens of
// milliseconds of a processor and as many megabytes, and the rest of the server
// must not wait for them. It is safe for concurrent use.
type Hasher struct {
	slots  chan struct{}
	worked atomic.Uint64
}

// Worked returns how many passwords the Hasher has made or compared digests of.
func (h *Hasher) Worked() uint64 { return h.worked.Load() }

// NewHasher returns a Hasher that works on n passwords at once.
func NewHasher(n int) *Hasher { return &Hasher{slots: make(chan struct{}, n)} }

// turn waits for one of the slots and runs work in it. When ctx ends first it
// returns an Error of kind Unavailable.
func (h *Hasher) turn(ctx context.Context, work func() (string, error)) (string, error) {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
		h.worked.Add(1)
		return work()
	case <-ctx.Done():
		return "", fmt.Errorf("%w: waiting to hash a password: %w", invite.Err(invite.Unavailable), context.Cause(ctx))
	}
}

// Digest returns what to keep of a password.
func (h *Hasher) Digest(ctx context.Context, password string) (string, error) {
	return h.turn(ctx, func() (string, error) { return current(password), nil })
}

// Verify compares a password with what Digest or Import returned. It returns what
// to keep from now on, which is digest itself unless that is outdated, or an Error
// of kind PasswordIncorrect.
func (h *Hasher) Verify(ctx context.Context, digest, password string) (fresh string, err error) {
	return h.turn(ctx, func() (string, error) {
		hasher, text, _ := strings.Cut(digest, ":")
		matches, err := parse(hasher, text)
		if err != nil {
			return "", fmt.Errorf("reading a kept digest: %w", err)
		}
		switch {
		case !matches([]byte(password)):
			return "", invite.ParamErr(invite.PasswordIncorrect, "password")
		case strings.HasPrefix(digest, currentPrefix):
			return digest, nil
		}
		return current(password), nil
	})
}

// Import returns what to keep of a digest that another system made with one of the
// contract's hashers (contract §4.5, PasswordHasher). It refuses hashers it cannot
// compare, digests that are malformed, and those that would cost more to compare
// than one password is worth. What a fast function made is stretched before it is
// kept.
func (h *Hasher) Import(ctx context.Context, hasher, digest string) (string, error) {
	if len(digest) > maxDigest {
		return "", invite.ParamErr(invite.PasswordDigest, "password_digest", hasher)
	}
	if fast, ok := fastHashers[hasher]; ok {
		sum, salt, ok := fast.read(digest)
		if !ok {
			return "", invite.ParamErr(invite.PasswordDigest, "password_digest", hasher)
		}
		return h.turn(ctx, func() (string, error) { return stretched(hasher, sum, salt), nil })
	}
	if _, ok := slowHashers[hasher]; !ok {
		return "", invite.ParamErr(invite.ParamValue, "password_hasher", hasher)
	}
	if _, err := parse(hasher, digest); err != nil {
		return "", invite.ParamErr(invite.PasswordDigest, "password_digest", hasher)
	}
	return hasher + ":" + digest, nil
}

// maxDigest is the longest digest in bytes; salts may have 1 KiB in hexadecimal.
const maxDigest = 4 << 10

// The cost of new digests: the second of the choices OWASP recommends.
const (
	memory  = 19 << 10 // KiB
	passes  = 2
	threads = 1
	saltLen = 16
	sumLen  = 32
)

var (
	currentParams = fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$", argon2.Version, memory, passes, threads)
	currentPrefix = "argon2id:" + currentParams
)

// Nobodys is a digest as Digest returns it, of no password that anybody knows: comparing
// with it takes as long as with somebody's.
var Nobodys = currentPrefix + phc.EncodeToString(make([]byte, saltLen)) + "$" + phc.EncodeToString(make([]byte, sumLen))

// current returns the digest of a password as it is made today.
func current(password string) string { return "argon2id:" + encode([]byte(password)) }

// encode returns the argon2id digest of secret in the PHC's string format.
func encode(secret []byte) string {
	salt := make([]byte, saltLen)
	_, _ = rand.Read(salt) // never fails
	sum := argon2.IDKey(secret, salt, passes, memory, threads, sumLen)
	return currentParams + phc.EncodeToString(salt) + "$" + phc.EncodeToString(sum)
}
