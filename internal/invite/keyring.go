package invite

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"sync"
)

// MinMasterKey is the shortest master key in bytes.
const MinMasterKey = 32

// Keyring holds the secrets derived from one master key, which is never in the
// database. It is safe for concurrent use.
type Keyring struct {
	ticket sync.Pool   // of hash.Hash keyed to sign tickets: preparing the key costs as much as signing
	seal   cipher.AEAD // encrypts what the database keeps but must not reveal
	finger []byte      // keys the fingerprints of requests
	code   []byte      // keys the codes that are mailed
	place  []byte      // keys what stands for forgotten addresses
	mark   string
}

// NewKeyring derives a keyring from a master key of at least MinMasterKey
// random bytes (HKDF-SHA256, RFC 5869, one key for each purpose).
func NewKeyring(master []byte) (*Keyring, error) {
	if len(master) < MinMasterKey {
		return nil, fmt.Errorf("the master key has %d bytes; it needs at least %d", len(master), MinMasterKey)
	}
	ticket, err := hkdf.Key(sha256.New, master, nil, "usher/v1/ticket", 32)
	if err != nil {
		return nil, fmt.Errorf("deriving the ticket key: %w", err)
	}
	seal, err := hkdf.Key(sha256.New, master, nil, "usher/v1/seal", 32)
	if err != nil {
		return nil, fmt.Errorf("deriving the sealing key: %w", err)
	}
	mark, err := hkdf.Key(sha256.New, master, nil, "usher/v1/mark", 16)
	if err != nil {
		return nil, fmt.Errorf("deriving the mark: %w", err)
	}
	block, err := aes.NewCipher(seal)
	if err != nil {
		return nil, fmt.Errorf("preparing the sealing key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("preparing the sealing key: %w", err)
	}
	finger, err := hkdf.Key(sha256.New, master, nil, "usher/v1/fingerprint", 32)
	if err != nil {
		return nil, fmt.Errorf("deriving the fingerprint key: %w", err)
	}
	code, err := hkdf.Key(sha256.New, master, nil, "usher/v1/code", 32)
	if err != nil {
		return nil, fmt.Errorf("deriving the key of codes: %w", err)
	}
	place, err := hkdf.Key(sha256.New, master, nil, "usher/v1/placeholder", 32)
	if err != nil {
		return nil, fmt.Errorf("deriving the key of placeholders: %w", err)
	}
	k := &Keyring{seal: aead, finger: finger, code: code, place: place, mark: hex.EncodeToString(mark)}
	k.ticket.New = func() any { return hmac.New(sha256.New, ticket) }
	return k, nil
}

// Mark returns what tells the master key from any other and reveals nothing of it:
// 32 hexadecimal digits.
func (k *Keyring) Mark() string { return k.mark }

// TestingToken returns what lets automated browsers of an instance in until an
// instant: the Unix second of its end, a hyphen and a signature, so that nothing
// of it is stored.
func (k *Keyring) TestingToken(instance string, until Instant) string {
	end := strconv.FormatInt(int64(until)/1000, 10)
	mac := k.appendTicketMAC(nil, []byte("testing token "+instance+" "+end))
	return end + "-" + base64.RawURLEncoding.EncodeToString(mac)
}

// appendTicketMAC appends the signature of signed to dst.
func (k *Keyring) appendTicketMAC(dst, signed []byte) []byte {
	h, _ := k.ticket.Get().(hash.Hash)
	defer k.ticket.Put(h)
	h.Reset()
	_, _ = h.Write(signed) // never fails
	return h.Sum(dst)
}

// Seal encrypts plain (AES-256-GCM, a random nonce in front). The context, for
// example the row's key, binds the result to its place.
func (k *Keyring) Seal(context string, plain []byte) []byte {
	nonce := make([]byte, k.seal.NonceSize(), k.seal.NonceSize()+len(plain)+k.seal.Overhead())
	_, _ = rand.Read(nonce) // never fails
	return k.seal.Seal(nonce, nonce, plain, []byte(context))
}

// Open decrypts what Seal made under the same context.
func (k *Keyring) Open(context string, sealed []byte) ([]byte, error) {
	n := k.seal.NonceSize()
	if len(sealed) < n {
		return nil, errors.New("sealed value too short")
	}
	return k.seal.Open(nil, sealed[:n], sealed[n:], []byte(context))
}

// Fingerprint returns 64 hexadecimal digits by which texts that must not be kept
// are known again (HMAC-SHA256).
func (k *Keyring) Fingerprint(texts ...string) string {
	h := hmac.New(sha256.New, k.finger)
	for _, text := range texts {
		_, _ = h.Write([]byte(text)) // never fails
		_, _ = h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Placeholder returns the address that stands for one that an instance has forgotten:
// erased-, 32 hexadecimal digits and @erased.invalid, a domain that nobody can have
// (RFC 2606 §2). Without the master key it does not tell whether it stands for an
// address (HMAC-SHA256); the same address has the same one in an instance.
func (k *Keyring) Placeholder(instance string, forgotten Email) Email {
	h := hmac.New(sha256.New, k.place)
	for _, text := range []string{instance, forgotten.Key} {
		_, _ = h.Write([]byte(text)) // never fails
		_, _ = h.Write([]byte{0})
	}
	address := "erased-" + hex.EncodeToString(h.Sum(nil)[:16]) + "@erased.invalid"
	return Email{Address: address, Key: address}
}
