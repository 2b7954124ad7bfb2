package password_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"testing"

	"usher/internal/invite"
	"usher/internal/password"
)

// digests are what other programs made of a password: the reference
// implementations of argon2 and of Firebase's scrypt, phpass's own test, and
// crypt(3), Python's hashlib and passlib for the others.
var digests = []struct{ hasher, password, digest string }{
	{"argon2i", "password", "$argon2i$v=19$m=65536,t=2,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b+dWRWJTmaaJObG"},
	{"argon2id", "password", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"},
	{"bcrypt", "correct horse", "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"},
	{"bcrypt_sha256_django", "correct horse", "bcrypt_sha256$$2b$04$abcdefghijklmnopqrstuuIvyWZlBcE3WoQXKqRnwrLYJ6nenE0Bq"},
	{"md5", "correct horse", "3cb4e732631f47e6eb961f34554b7cde"},
	{"sha256", "correct horse", "4104d36f8da2c254349f85836793ebe029e0c957063a34c91c2e9203187b5631"},
	{"ldap_ssha", "correct horse", "{SSHA}K0MZxWoMPVRxegoJBeg1/wEGvbpzYWx0MTIzNA=="},
	{"pbkdf2_sha1", "correct horse", "pbkdf2_sha1$1000$pepper$353acb5c68927466d028b58392bf1538fd51287bde34d1e6bbc505c5105fa8ae$32"},
	{"pbkdf2_sha256", "correct horse", "pbkdf2_sha256$1000$pepper$gQV4o8bSAk9lLV90oJ74VRcTZ9w9mWIZJC4kEwODp3Y="},
	{"pbkdf2_sha256_django", "correct horse", "pbkdf2_sha256$1000$pepper$gQV4o8bSAk9lLV90oJ74VRcTZ9w9mWIZJC4kEwODp3Y="},
	{"pbkdf2_sha512", "correct horse", "pbkdf2_sha512$1000$pepper$a117123ac7af70a2cefe8e2914444be867a549b819c20a60801ad0f1eec86da8471de6192337abda4497bb21caeae6c2c53aefce05e1880d1035e5a2551bde3c"},
	{"pbkdf2_sha512_hex", "correct horse", "pbkdf2_sha512_hex$1000$706570706572$a117123ac7af70a2cefe8e2914444be867a549b819c20a60801ad0f1eec86da8471de6192337abda4497bb21caeae6c2c53aefce05e1880d1035e5a2551bde3c"},
	{"phpass", "test12345", "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0"},
	{"phpass", "correct horse", "$P$6abcdefghRJFCMvnAbZH2hCiFPRxpk."},
	{"md5_phpass", "correct horse", "$P$6abcdefghh6VQeVxAwfhpQIcksoBO80"},
	{"scrypt_werkzeug", "Pässwörd 🐎", "scrypt:32768:8:1$YVXHg2bjjSqd18vd$b473e4ed5abbcba326a47bccd3ac2638f54c6f4666d3877053b997281f8dfc99bad7724d0106414f529f271ac75633e3103b9bc4d895ba2e2de9f2571120913d"},
	{"bcrypt", "Pässwörd 🐎", "$2y$10$5j8tLDerkczBq6sfz79DKeEvPBMLFPTOmnpc.lGydWeuS81SC6/By"},
	{"phpass", "Pässwörd 🐎", "$H$H7gtrg4kD7uY2AoSv.HBctCwcG8hbt0"},
	{"scrypt_firebase", "user1password", "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==$42xEC+ixf3L2lw==$jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$Bw==$8$14"},
	{"scrypt_werkzeug", "correct horse", "scrypt:1024:8:1$saltsalt$646792c2ba294af1202d0535a6396d20d2ab46f9840529e885da985d47b9119f255fcdfd85ef17967bb51e6eaf060f14d1d8a4e461dfcd7bb56b1d9aa486025d"},
}

func TestDigestsOfOthersAreComparedAndReplaced(t *testing.T) {
	h := password.NewHasher(1)
	for _, row := range digests {
		t.Run(row.hasher, func(t *testing.T) {
			kept, err := h.Import(t.Context(), row.hasher, row.digest)
			if err != nil {
				t.Fatal(err)
			}
			for _, wrong := range []string{"", row.password + " ", strings.ToUpper(row.password)} {
				if _, err := h.Verify(t.Context(), kept, wrong); !errors.Is(err, invite.Err(invite.PasswordIncorrect)) {
					t.Errorf("%q: got error %v, want it refused", wrong, err)
				}
			}
			fresh, err := h.Verify(t.Context(), kept, row.password)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(fresh, "argon2id:$argon2id$v=19$m=19456,t=2,p=1$") {
				t.Errorf("got fresh digest %s, want one of ours", fresh)
			}
			if again, err := h.Verify(t.Context(), fresh, row.password); err != nil || again != fresh {
				t.Errorf("got %s, %v for the fresh digest, want it kept", again, err)
			}
		})
	}
}

// TestFastDigestsAreKeptStretched takes what is kept apart: the hasher and its salt
// as they were, then a digest that costs what a new one does and in which the fast
// sum is not to be found.
func TestFastDigestsAreKeptStretched(t *testing.T) {
	h := password.NewHasher(1)
	for _, row := range []struct{ hasher, digest, sum, salt string }{
		{"md5", "3cb4e732631f47e6eb961f34554b7cde", "3cb4e732631f47e6eb961f34554b7cde", ""},
		{"sha256", "4104d36f8da2c254349f85836793ebe029e0c957063a34c91c2e9203187b5631", "4104d36f8da2c254349f85836793ebe029e0c957063a34c91c2e9203187b5631", ""},
		{"ldap_ssha", "{SSHA}K0MZxWoMPVRxegoJBeg1/wEGvbpzYWx0MTIzNA==", "2b4319c56a0c3d54717a0a0905e835ff0106bdba", "73616c7431323334"},
	} {
		kept, err := h.Import(t.Context(), row.hasher, row.digest)
		if err != nil {
			t.Fatal(err)
		}
		slow, ok := strings.CutPrefix(kept, row.hasher+"+argon2id:"+row.salt+"$argon2id$v=19$m=19456,t=2,p=1$")
		parts := strings.Split(slow, "$")
		if !ok || len(parts) != 2 || len(parts[0]) != 22 || len(parts[1]) != 43 {
			t.Errorf("%s: kept as %s", row.hasher, kept)
			continue
		}
		sum, err := hex.DecodeString(row.sum)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range parts {
			b, err := base64.RawStdEncoding.DecodeString(part)
			if err != nil || bytes.Contains(b, sum) || bytes.Contains(sum, b) {
				t.Errorf("%s: kept with its sum: %s (%v)", row.hasher, kept, err)
			}
		}
		if again, err := h.Import(t.Context(), row.hasher, row.digest); err != nil || again == kept {
			t.Errorf("%s: got %s twice (%v), want a salt for each", row.hasher, again, err)
		}
	}
}

func TestImportRefuses(t *testing.T) {
	h := password.NewHasher(1)
	long := strings.Repeat("a", 5000)
	for _, row := range []struct {
		name, hasher, digest string
		want                 invite.Kind
	}{
		{"an unknown hasher", "rot13", "x", invite.ParamValue},
		{"a hasher of the contract that is not here", "sha512_symfony", "x", invite.ParamValue},
		{"another one", "awscognito", "x", invite.ParamValue},
		{"what was stretched already", "md5+argon2id", "x", invite.ParamValue},
		{"a short md5", "md5", "3cb4e732631f47e6eb961f34554b7c", invite.PasswordDigest},
		{"a sha256 that is none", "sha256", strings.Repeat("z", 64), invite.PasswordDigest},
		{"ssha without salt", "ldap_ssha", "{SSHA}K0MZxWoMPVRxegoJBeg1/wEGvbo=", invite.PasswordDigest},
		{"ssha of another scheme", "ldap_ssha", "{SHA}K0MZxWoMPVRxegoJBeg1/wEGvbpzYWx0MTIzNA==", invite.PasswordDigest},
		{"a plain password", "bcrypt", "secret", invite.PasswordDigest},
		{"bcrypt cut short", "bcrypt", "$2b$04$abcdefghijklmnopqrstuu", invite.PasswordDigest},
		{"bcrypt for half an hour", "bcrypt", "$2b$31$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e", invite.PasswordDigest},
		{"bcrypt as Django's", "bcrypt_sha256_django", "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e", invite.PasswordDigest},
		{"argon2 with a gigabyte", "argon2id", "$argon2id$v=19$m=1048576,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", invite.PasswordDigest},
		{"argon2 with a million passes", "argon2id", "$argon2id$v=19$m=65536,t=1000000,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", invite.PasswordDigest},
		{"argon2 without passes", "argon2id", "$argon2id$v=19$m=65536,t=0,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", invite.PasswordDigest},
		{"argon2 without threads", "argon2id", "$argon2id$v=19$m=65536,t=1,p=0$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", invite.PasswordDigest},
		{"argon2d", "argon2id", "$argon2d$v=19$m=65536,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", invite.PasswordDigest},
		{"argon2 of an older version", "argon2id", "$argon2id$v=16$m=65536,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", invite.PasswordDigest},
		{"pbkdf2 without iterations", "pbkdf2_sha256", "pbkdf2_sha256$0$pepper$gQV4o8bSAk9lLV90oJ74VRcTZ9w9mWIZJC4kEwODp3Y=", invite.PasswordDigest},
		{"pbkdf2 with too many", "pbkdf2_sha256", "pbkdf2_sha256$2000001$pepper$gQV4o8bSAk9lLV90oJ74VRcTZ9w9mWIZJC4kEwODp3Y=", invite.PasswordDigest},
		{"pbkdf2 with a sum of many blocks", "pbkdf2_sha1", "pbkdf2_sha1$500000$pepper$" + strings.Repeat("ab", 100), invite.PasswordDigest},
		{"pbkdf2 of another function", "pbkdf2_sha512", "pbkdf2_sha256$1000$pepper$gQV4o8bSAk9lLV90oJ74VRcTZ9w9mWIZJC4kEwODp3Y=", invite.PasswordDigest},
		{"pbkdf2 with another length", "pbkdf2_sha256", "pbkdf2_sha256$1000$pepper$gQV4o8bSAk9lLV90oJ74VRcTZ9w9mWIZJC4kEwODp3Y=$20", invite.PasswordDigest},
		{"pbkdf2 without a sum", "pbkdf2_sha256", "pbkdf2_sha256$1000$pepper$", invite.PasswordDigest},
		{"pbkdf2 with a salt that is not hexadecimal", "pbkdf2_sha512_hex", "pbkdf2_sha512_hex$1000$pepper$a117123ac7af70a2cefe8e2914444be867a549b819c20a60801ad0f1eec86da8", invite.PasswordDigest},
		{"phpass with too many rounds", "phpass", "$P$Labcdefgh0FV5VWB1EUPM4XlBTkbGJ.", invite.PasswordDigest},
		{"phpass of another kind", "phpass", "$S$6abcdefgh0FV5VWB1EUPM4XlBTkbGJ.", invite.PasswordDigest},
		{"firebase with four gigabytes", "scrypt_firebase", "lSrfV15cpx95/sZS2W9c9A==$42xEC+ixf3L2lw==$jxspr8Ki0RYycVU8zykbdA==$Bw==$8$22", invite.PasswordDigest},
		{"firebase with a segment too few", "scrypt_firebase", "lSrfV15cpx95/sZS2W9c9A==$42xEC+ixf3L2lw==$jxspr8Ki0RYycVU8zykbdA==$8$14", invite.PasswordDigest},
		{"werkzeug with a cost that is no power of two", "scrypt_werkzeug", "scrypt:1000:8:1$saltsalt$" + strings.Repeat("ab", 64), invite.PasswordDigest},
		{"werkzeug in many threads", "scrypt_werkzeug", "scrypt:32768:8:1000$saltsalt$" + strings.Repeat("ab", 64), invite.PasswordDigest},
		{"werkzeug for two seconds", "scrypt_werkzeug", "scrypt:131072:8:8$saltsalt$" + strings.Repeat("ab", 64), invite.PasswordDigest},
		{"werkzeug's pbkdf2", "scrypt_werkzeug", "pbkdf2:sha256:1000$saltsalt$" + strings.Repeat("ab", 64), invite.PasswordDigest},
		{"no end of text", "pbkdf2_sha256", "pbkdf2_sha256$1000$" + long + "$gQV4o8bSAk9lLV90oJ74VRcTZ9w9mWIZJC4kEwODp3Y=", invite.PasswordDigest},
	} {
		if kept, err := h.Import(t.Context(), row.hasher, row.digest); !errors.Is(err, invite.Err(row.want)) {
			t.Errorf("%s: got %q, %v, want %s", row.name, kept, err, row.want)
		}
	}
}

func TestDigestsDiffer(t *testing.T) {
	h := password.NewHasher(1)
	one, err1 := h.Digest(t.Context(), "correct horse")
	two, err2 := h.Digest(t.Context(), "correct horse")
	if err1 != nil || err2 != nil || one == two {
		t.Errorf("got %s (%v) and %s (%v) for the same password, want different digests", one, err1, two, err2)
	}
	if strings.Contains(one, "correct horse") {
		t.Errorf("the digest has the password: %s", one)
	}
}

func TestAnUnreadableDigestIsNoWrongPassword(t *testing.T) {
	_, err := password.NewHasher(1).Verify(t.Context(), "nonsense", "x")
	if err == nil || errors.Is(err, invite.Err(invite.PasswordIncorrect)) {
		t.Errorf("got error %v, want a fault", err)
	}
}

// TestPasswordsWaitTheirTurn asks more often than there are slots: whoever gives
// up waiting is told to come back, and the others are served.
func TestPasswordsWaitTheirTurn(t *testing.T) {
	h := password.NewHasher(2)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	var group sync.WaitGroup
	for range 6 {
		group.Go(func() {
			if _, err := h.Digest(t.Context(), "correct horse"); err != nil {
				t.Errorf("got error %v, want a digest", err)
			}
		})
	}
	group.Wait()
	full := password.NewHasher(0) // nobody's turn ever comes
	if _, err := full.Digest(gone, "correct horse"); !errors.Is(err, invite.Err(invite.Unavailable)) || !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want %s and why", err, invite.Unavailable)
	}
}

// FuzzImport looks for digests that break the comparison, or make it last.
func FuzzImport(f *testing.F) {
	for _, row := range digests {
		f.Add(row.hasher, row.digest)
	}
	h := password.NewHasher(4)
	f.Fuzz(func(t *testing.T, hasher, digest string) {
		kept, err := h.Import(t.Context(), hasher, digest)
		if err != nil {
			return
		}
		if _, err := h.Verify(t.Context(), kept, "correct horse"); err != nil && !errors.Is(err, invite.Err(invite.PasswordIncorrect)) {
			t.Errorf("%s %q: kept, and cannot be compared: %v", hasher, digest, err)
		}
	})
}
