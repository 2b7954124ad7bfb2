package invite_test

import (
	"errors"
	"strings"
	"testing"

	"usher/internal/invite"
)

func TestParseIdentifier(t *testing.T) {
	for _, tt := range []struct {
		raw, identifier, key string
		refusal              invite.Kind
	}{
		{" Ada@Example.com ", "ada@example.com", "ada@example.com", ""},
		{"*@Example.com", "*@example.com", "*@example.com", ""},
		{"@example.com", "*@example.com", "*@example.com", ""},
		{"*@Bücher.example", "*@bücher.example", "*@xn--bcher-kva.example", ""},
		{"", "", "", invite.ParamMissing},
		{"*", "", "", invite.ParamEmailFormat},
		{"*@", "", "", invite.ParamEmailFormat},
		{"*@localhost", "", "", invite.ParamEmailFormat},
		{"*@*.example.com", "", "", invite.ParamEmailFormat},
		{"a*@example.com@", "", "", invite.ParamEmailFormat},
		{"*@\u212aelvin.example", "", "", invite.ParamEmailFormat},
		{"+15551234567", "", "", invite.ParamEmailFormat},
		{"*@" + strings.Repeat("a.", 130) + "example", "", "", invite.ParamEmailFormat},
	} {
		identifier, key, err := invite.ParseIdentifier(tt.raw)
		if tt.refusal != "" {
			if !errors.Is(err, invite.Err(tt.refusal)) {
				t.Errorf("%q: got error %v, want %s", tt.raw, err, tt.refusal)
			}
			continue
		}
		if err != nil || identifier != tt.identifier || key != tt.key {
			t.Errorf("%q: got %q, %q, %v, want %q, %q", tt.raw, identifier, key, err, tt.identifier, tt.key)
		}
	}
}

func TestAdmits(t *testing.T) {
	for _, tt := range []struct {
		what             string
		r                invite.Restrictions
		address          string
		allowed, blocked bool
		want             bool
	}{
		{"no restriction", invite.Restrictions{}, "a+b@mailinator.com", false, true, true},
		{"off the allow-list", invite.Restrictions{Allowlist: true}, "a@example.com", false, false, false},
		{"on the allow-list", invite.Restrictions{Allowlist: true}, "a@example.com", true, false, true},
		{"on the block-list", invite.Restrictions{Blocklist: true}, "a@example.com", false, true, false},
		{"off the block-list", invite.Restrictions{Blocklist: true}, "a@example.com", false, false, true},
		{"on both lists", invite.Restrictions{Allowlist: true, Blocklist: true}, "a@example.com", true, true, true},
		{"on both lists, one of them off", invite.Restrictions{Blocklist: true}, "a@example.com", true, true, false},
		{"a plus", invite.Restrictions{BlockSubaddresses: true}, "a+b@example.com", false, false, false},
		{"an equals sign", invite.Restrictions{BlockSubaddresses: true}, "a=b@example.com", false, false, false},
		{"a number sign", invite.Restrictions{BlockSubaddresses: true}, "a#b@example.com", false, false, false},
		{"a hyphen", invite.Restrictions{BlockSubaddresses: true}, "a-b@example.com", false, false, true},
		{"a thrown-away mailbox", invite.Restrictions{BlockDisposableDomains: true}, "a@mailinator.com", false, false, false},
		{"a domain under it", invite.Restrictions{BlockDisposableDomains: true}, "a@x.mailinator.com", false, false, false},
		{"a domain that ends like it", invite.Restrictions{BlockDisposableDomains: true}, "a@notmailinator.example", false, false, true},
		{"a free mailbox", invite.Restrictions{BlockDisposableDomains: true}, "a@gmail.com", false, false, true},
	} {
		email, ok := invite.ParseEmail(tt.address)
		if !ok {
			t.Fatalf("%s is no address", tt.address)
		}
		if got := tt.r.Admits(email, tt.allowed, tt.blocked, false); got != tt.want {
			t.Errorf("%s: got %t, want %t", tt.what, got, tt.want)
		}
		// A ticket makes up for the allow-list, and for nothing else.
		listed := tt.r.Allowlist && !tt.allowed
		if got := tt.r.Admits(email, tt.allowed, tt.blocked, true); got != (tt.want || listed) {
			t.Errorf("%s, invited: got %t, want %t", tt.what, got, tt.want || listed)
		}
		if !tt.want && !tt.r.Restricted() {
			t.Errorf("%s: the restriction does not count as one", tt.what)
		}
	}
}
