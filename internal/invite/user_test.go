package invite_test

import (
	"errors"
	"strings"
	"testing"

	"usher/internal/invite"
)

func TestFold(t *testing.T) {
	for _, row := range []struct {
		name string
		same []string
	}{
		{"ASCII", []string{"ada", "ADA", "aDa"}},
		{"letters with marks", []string{"zoë ümit", "ZOË ÜMIT"}},
		{"three cases of sigma", []string{"οδος", "ΟΔΟΣ", "οδοσ"}},
		{"the Kelvin sign", []string{"k", "K", "\u212a"}},
		{"the long s", []string{"s", "S", "\u017f"}},
		{"Cherokee, whose capitals are older", []string{"\uab70", "\u13a0"}},
		{"title case", []string{"\u01c6", "\u01c5", "\u01c4"}},
	} {
		for _, s := range row.same {
			if got, want := invite.Fold(s), invite.Fold(row.same[0]); got != want {
				t.Errorf("%s: Fold(%q) = %q, want %q", row.name, s, got, want)
			}
		}
	}
	for _, s := range []string{"ada_1-2", "漢字", "a\u0301"} {
		if got := invite.Fold(s); got != s {
			t.Errorf("Fold(%q) = %q, want it unchanged", s, got)
		}
	}
}

func TestUsernames(t *testing.T) {
	for _, row := range []struct {
		username string
		want     invite.Kind // empty: allowed
	}{
		{"ada1", ""},
		{strings.Repeat("a", 64), ""},
		{"-_-_", ""},
		{"ada", invite.UsernameLength},
		{strings.Repeat("a", 65), invite.UsernameLength},
		{"12345678", invite.UsernameDigits},
		{"ada lovelace", invite.UsernameCharacter},
		{"ada@example", invite.UsernameCharacter},
		{"adaé", invite.UsernameCharacter},
		{"ada\x00", invite.UsernameCharacter},
	} {
		n := invite.NewUser{Username: row.username}
		c := invite.UserChange{Username: &row.username}
		for what, err := range map[string]error{"creating": n.Check(), "changing": c.Apply(&invite.User{PublicMetadata: []byte("{}")})} {
			if row.want == "" && err != nil || row.want != "" && !errors.Is(err, invite.Err(row.want)) {
				t.Errorf("%s with %q: got error %v, want %q", what, row.username, err, row.want)
			}
		}
	}
}

func TestUsersKeepTheirLastVerifiedAddress(t *testing.T) {
	verified, loose := invite.VerifiedByCode, invite.Unverified
	for _, row := range []struct {
		name      string
		addresses []invite.Verification // the first is to go
		want      error
	}{
		{"the only one", []invite.Verification{verified}, invite.Err(invite.LastIdentifier)},
		{"the only one that is verified", []invite.Verification{verified, loose}, invite.Err(invite.LastIdentifier)},
		{"one of two", []invite.Verification{verified, verified}, nil},
		{"one that nothing has proven", []invite.Verification{loose, verified}, nil},
	} {
		u := &invite.User{Username: "grace"}
		for i, v := range row.addresses {
			u.EmailAddresses = append(u.EmailAddresses, invite.EmailAddress{ID: string(rune('a' + i)), Verified: v})
		}
		if err := u.RemoveOwnAddress("a"); !errors.Is(err, row.want) {
			t.Errorf("%s: got %v, want %v", row.name, err, row.want)
		}
	}
}

func TestWhatIsPrimaryAfterTheFirstIsGone(t *testing.T) {
	for _, row := range []struct {
		name     string
		verified []bool // of the addresses left, oldest first
		want     string
	}{
		{"the oldest", []bool{true, true}, "a"},
		{"the oldest that is verified", []bool{false, true, true}, "b"},
		{"the oldest of those that are not", []bool{false, false}, "a"},
	} {
		u := &invite.User{PrimaryEmailAddressID: "gone", EmailAddresses: []invite.EmailAddress{{ID: "gone", Verified: invite.VerifiedByAdmin}}}
		for i, verified := range row.verified {
			a := invite.EmailAddress{ID: string(rune('a' + i))}
			if verified {
				a.Verified = invite.VerifiedByAdmin
			}
			u.EmailAddresses = append(u.EmailAddresses, a)
		}
		if err := u.RemoveAddress("gone"); err != nil || u.PrimaryEmailAddressID != row.want {
			t.Errorf("%s: got %s, %v, want %s", row.name, u.PrimaryEmailAddressID, err, row.want)
		}
	}
	u := &invite.User{Username: "grace", PrimaryEmailAddressID: "a", EmailAddresses: []invite.EmailAddress{{ID: "a"}}}
	if err := u.RemoveAddress("a"); err != nil || u.PrimaryEmailAddressID != "" || len(u.EmailAddresses) != 0 {
		t.Errorf("the last address of a user with a name: got %+v, %v, want none left", u, err)
	}
}
