package password

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/scrypt"
)

// match reports whether a password is the one a digest was made from.
type match func(password []byte) bool

// What a digest may cost to compare: about a second.
const (
	maxBcryptCost = 15
	maxMemory     = 128 << 10 // KiB, of argon2 and scrypt
	maxWork       = 1 << 20   // KiB that argon2 passes through, or scrypt, which does it twice
	maxIterations = 2_000_000 // of PBKDF2, for all blocks of the sum
	maxRounds     = 19        // of phpass, as a power of two
)

var errMalformed = errors.New("malformed digest")

// slowHashers read the digests whose making costs something.
var slowHashers = map[string]func(digest string) (match, error){
	"argon2i":              parseArgon2,
	"argon2id":             parseArgon2,
	"bcrypt":               parseBcrypt,
	"bcrypt_sha256_django": parseDjangoBcrypt,
	"pbkdf2_sha1":          func(digest string) (match, error) { return parsePBKDF2(digest, "pbkdf2_sha1", sha1.New, raw) },
	"pbkdf2_sha256":        func(digest string) (match, error) { return parsePBKDF2(digest, "pbkdf2_sha256", sha256.New, raw) },
	"pbkdf2_sha256_django": func(digest string) (match, error) { return parsePBKDF2(digest, "pbkdf2_sha256", sha256.New, raw) },
	"pbkdf2_sha512":        func(digest string) (match, error) { return parsePBKDF2(digest, "pbkdf2_sha512", sha512.New, raw) },
	"pbkdf2_sha512_hex": func(digest string) (match, error) {
		return parsePBKDF2(digest, "pbkdf2_sha512_hex", sha512.New, hex.DecodeString)
	},
	"phpass":          func(digest string) (match, error) { return parsePHPass(digest, func(p []byte) []byte { return p }) },
	"md5_phpass":      func(digest string) (match, error) { return parsePHPass(digest, md5Hex) },
	"scrypt_firebase": parseFirebase,
	"scrypt_werkzeug": parseWerkzeug,
}

// parse reads what Import and Digest return.
func parse(hasher, digest string) (match, error) {
	if fast, ok := strings.CutSuffix(hasher, stretchedSuffix); ok {
		return parseStretched(fast, digest)
	}
	read, ok := slowHashers[hasher]
	if !ok {
		return nil, fmt.Errorf("unknown hasher %q", hasher)
	}
	return read(digest)
}

func same(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

// phc is the base64 of the PHC's string format, which has no padding.
var phc = base64.RawStdEncoding

// parseArgon2 reads $argon2id$v=19$m=65536,t=3,p=4$salt$sum.
func parseArgon2(digest string) (match, error) {
	parts := strings.Split(digest, "$")
	if len(parts) != 6 || parts[0] != "" || parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return nil, errMalformed
	}
	costs, err := numbers(parts[3], ",", "m=", "t=", "p=")
	if err != nil {
		return nil, err
	}
	m, t, p := costs[0], costs[1], costs[2]
	salt, err1 := phc.DecodeString(strings.TrimRight(parts[4], "="))
	sum, err2 := phc.DecodeString(strings.TrimRight(parts[5], "="))
	if err1 != nil || err2 != nil || len(salt) < 8 || len(sum) < 16 || len(sum) > 128 ||
		t < 1 || p < 1 || p > 255 || m < 8*p || m > maxMemory || t > maxWork/m {
		return nil, errMalformed
	}
	derive := argon2.IDKey
	switch parts[1] {
	case "argon2id":
	case "argon2i":
		derive = argon2.Key
	default:
		return nil, errMalformed
	}
	return func(password []byte) bool {
		return same(sum, derive(password, salt, uint32(t), uint32(m), uint8(p), uint32(len(sum))))
	}, nil
}

// numbers reads "m=1,t=2": the prefixes in their order, each before a number.
func numbers(list, separator string, prefixes ...string) ([]int, error) {
	items := strings.Split(list, separator)
	if len(items) != len(prefixes) {
		return nil, errMalformed
	}
	out := make([]int, len(items))
	for i, item := range items {
		text, ok := strings.CutPrefix(item, prefixes[i])
		n, err := strconv.ParseUint(text, 10, 31)
		if !ok || err != nil {
			return nil, errMalformed
		}
		out[i] = int(n)
	}
	return out, nil
}

// parseBcrypt reads $2b$12$ and 53 characters.
func parseBcrypt(digest string) (match, error) {
	cost, err := bcrypt.Cost([]byte(digest))
	if err != nil || len(digest) != 60 || cost > maxBcryptCost {
		return nil, errMalformed
	}
	return func(password []byte) bool { return bcrypt.CompareHashAndPassword([]byte(digest), password) == nil }, nil
}

// parseDjangoBcrypt reads bcrypt_sha256$ before a digest of bcrypt, which is that
// of the password's SHA-256 in hexadecimal.
func parseDjangoBcrypt(digest string) (match, error) {
	inner, ok := strings.CutPrefix(digest, "bcrypt_sha256$")
	if !ok {
		return nil, errMalformed
	}
	matches, err := parseBcrypt(inner)
	if err != nil {
		return nil, err
	}
	return func(password []byte) bool {
		sum := sha256.Sum256(password)
		return matches([]byte(hex.EncodeToString(sum[:])))
	}, nil
}

func raw(s string) ([]byte, error) { return []byte(s), nil }

// parsePBKDF2 reads name$iterations$salt$sum, maybe with $length behind it. The sum
// is in hexadecimal or base64: no base64 of that length has hexadecimal digits only.
func parsePBKDF2(digest, name string, h func() hash.Hash, decodeSalt func(string) ([]byte, error)) (match, error) {
	parts := strings.Split(digest, "$")
	if len(parts) < 4 || len(parts) > 5 || parts[0] != name {
		return nil, errMalformed
	}
	iterations, err := strconv.ParseUint(parts[1], 10, 31)
	if err != nil || iterations < 1 || iterations > maxIterations {
		return nil, errMalformed
	}
	salt, err := decodeSalt(parts[2])
	if err != nil {
		return nil, errMalformed
	}
	sum, err := hex.DecodeString(parts[3])
	if err != nil {
		sum, err = phc.DecodeString(strings.TrimRight(parts[3], "="))
	}
	if err != nil || len(sum) < 16 || len(sum) > 128 || len(parts) == 5 && parts[4] != strconv.Itoa(len(sum)) {
		return nil, errMalformed
	}
	size := h().Size()
	if blocks := (len(sum) + size - 1) / size; int(iterations)*blocks > maxIterations {
		return nil, errMalformed
	}
	return func(password []byte) bool {
		got, err := pbkdf2.Key(h, string(password), salt, int(iterations), len(sum))
		return err == nil && same(sum, got)
	}, nil
}

// parsePHPass reads the portable digest of phpass: $P$ or $H$, one character for
// the rounds, eight of salt, 22 of sum.
func parsePHPass(digest string, before func([]byte) []byte) (match, error) {
	if len(digest) != 34 || !strings.HasPrefix(digest, "$P$") && !strings.HasPrefix(digest, "$H$") {
		return nil, errMalformed
	}
	rounds := strings.IndexByte(itoa64, digest[3])
	if rounds < 7 || rounds > maxRounds {
		return nil, errMalformed
	}
	return func(password []byte) bool {
		password = before(password)
		sum := md5.Sum(append([]byte(digest[4:12]), password...))
		for range 1 << rounds {
			sum = md5.Sum(append(sum[:], password...))
		}
		return same([]byte(digest[12:]), encode64(sum[:]))
	}, nil
}

func md5Hex(password []byte) []byte {
	sum := md5.Sum(password)
	return []byte(hex.EncodeToString(sum[:]))
}

const itoa64 = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// encode64 is phpass's own base64: six bits at a time from the lowest on.
func encode64(b []byte) []byte {
	var out []byte
	for len(b) > 0 {
		n := min(3, len(b))
		var v uint32
		for i := range n {
			v |= uint32(b[i]) << (8 * i)
		}
		for range n + 1 {
			out = append(out, itoa64[v&63])
			v >>= 6
		}
		b = b[n:]
	}
	return out
}

// parseWerkzeug reads scrypt:N:r:p$salt$sum, the sum in hexadecimal.
func parseWerkzeug(digest string) (match, error) {
	list, ok := strings.CutPrefix(digest, "scrypt:")
	parts := strings.Split(list, "$")
	if !ok || len(parts) != 3 || parts[1] == "" {
		return nil, errMalformed
	}
	costs, err1 := numbers(parts[0], ":", "", "", "")
	sum, err2 := hex.DecodeString(parts[2])
	if err1 != nil || err2 != nil || len(sum) != 64 || !affordable(costs[0], costs[1], costs[2]) {
		return nil, errMalformed
	}
	return func(password []byte) bool {
		got, err := scrypt.Key(password, []byte(parts[1]), costs[0], costs[1], costs[2], len(sum))
		return err == nil && same(sum, got)
	}, nil
}

// affordable holds the costs of scrypt to what it accepts and to the bounds above.
func affordable(n, r, p int) bool {
	if n < 2 || bits.OnesCount(uint(n)) != 1 || r < 1 || p < 1 || n > maxMemory || r > 1<<10 || p > 1<<10 {
		return false
	}
	kib := n * r / 8
	return kib <= maxMemory && 2*kib*p <= maxWork
}

// parseFirebase reads sum$salt$signer key$salt separator$rounds$memory cost, the
// first four in base64. The sum is the signer key, encrypted with what scrypt makes
// of the password (github.com/firebase/scrypt).
func parseFirebase(digest string) (match, error) {
	parts := strings.Split(digest, "$")
	if len(parts) != 6 {
		return nil, errMalformed
	}
	var decoded [4][]byte
	for i := range decoded {
		var err error
		if decoded[i], err = phc.DecodeString(strings.TrimRight(parts[i], "=")); err != nil {
			return nil, errMalformed
		}
	}
	sum, salt, signer, separator := decoded[0], decoded[1], decoded[2], decoded[3]
	r, err1 := strconv.ParseUint(parts[4], 10, 8)
	cost, err2 := strconv.ParseUint(parts[5], 10, 5)
	if err1 != nil || err2 != nil || len(sum) != len(signer) || len(sum) < 16 || !affordable(1<<cost, int(r), 1) {
		return nil, errMalformed
	}
	return func(password []byte) bool {
		key, err := scrypt.Key(password, slices.Concat(salt, separator), 1<<cost, int(r), 1, 32)
		if err != nil {
			return false
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return false
		}
		got := make([]byte, len(signer))
		cipher.NewCTR(block, make([]byte, aes.BlockSize)).XORKeyStream(got, signer)
		return same(sum, got)
	}, nil
}

// A fastHasher makes digests that cost nothing, so that whoever has them can try
// passwords by the billion. They are kept stretched.
type fastHasher struct {
	read func(digest string) (sum, salt []byte, ok bool)
	sum  func(password, salt []byte) []byte
}

var fastHashers = map[string]fastHasher{
	"md5":       {readHex(md5.Size), func(p, _ []byte) []byte { s := md5.Sum(p); return s[:] }},
	"sha256":    {readHex(sha256.Size), func(p, _ []byte) []byte { s := sha256.Sum256(p); return s[:] }},
	"ldap_ssha": {readSSHA, func(p, salt []byte) []byte { s := sha1.Sum(slices.Concat(p, salt)); return s[:] }},
}

func readHex(size int) func(string) ([]byte, []byte, bool) {
	return func(digest string) ([]byte, []byte, bool) {
		sum, err := hex.DecodeString(digest)
		return sum, nil, err == nil && len(sum) == size
	}
}

// readSSHA reads {SSHA} before the base64 of sum and salt (RFC 2307's userPassword,
// as OpenLDAP has it).
func readSSHA(digest string) ([]byte, []byte, bool) {
	text, ok := strings.CutPrefix(digest, "{SSHA}")
	b, err := phc.DecodeString(strings.TrimRight(text, "="))
	if !ok || err != nil || len(b) <= sha1.Size {
		return nil, nil, false
	}
	return b[:sha1.Size], b[sha1.Size:], true
}

// stretchedSuffix marks what was stretched: md5+argon2id:, the salt of the fast
// function in hexadecimal, and the argon2id digest of its sum.
const stretchedSuffix = "+argon2id"

func stretched(hasher string, sum, salt []byte) string {
	return hasher + stretchedSuffix + ":" + hex.EncodeToString(salt) + encode(sum)
}

func parseStretched(hasher, digest string) (match, error) {
	fast, known := fastHashers[hasher]
	at := strings.IndexByte(digest, '$')
	if !known || at < 0 {
		return nil, errMalformed
	}
	salt, err := hex.DecodeString(digest[:at])
	if err != nil {
		return nil, errMalformed
	}
	matches, err := parseArgon2(digest[at:])
	if err != nil {
		return nil, err
	}
	return func(password []byte) bool { return matches(fast.sum(password, salt)) }, nil
}
