package invite_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/internal/invite"
)

func TestEndpointURLs(t *testing.T) {
	tests := []struct {
		url      string
		insecure bool
		want     invite.Kind // empty: allowed
	}{
		{"https://example.com/hook?a=b", false, ""},
		{"https://[2001:db8::1]:8443/", false, ""},
		{"http://example.com/", true, ""},
		{"http://localhost:3000/", true, ""},
		{"http://example.com/", false, invite.URLInsecure},
		{"http://localhost/", false, invite.URLInsecure},
		{"", false, invite.ParamMissing},
		{"example.com", false, invite.ParamFormat},
		{"/hook", false, invite.ParamFormat},
		{"https://", false, invite.ParamFormat},
		{"//example.com/", false, invite.ParamFormat},
		{"https://example.com:0/", false, invite.ParamFormat},
		{"https://example.com:99999/", false, invite.ParamFormat},
		{"https://me@example.com/", false, invite.ParamFormat},
		{"https://example.com/#part", false, invite.ParamFormat},
		{"https://example.com/\r\nHost: inside", false, invite.ParamFormat},
		{"https://example.com\\@inside/", false, invite.ParamFormat},
		{"file://host/etc/passwd", true, invite.URLScheme},
		{"gopher://example.com/", true, invite.URLScheme},
		{"https://example.com/" + strings.Repeat("x", 2029), false, invite.ParamTooLong},
	}
	for _, tt := range tests {
		n := invite.NewEndpoint{URL: tt.url, Insecure: tt.insecure}
		if err := n.Check(); tt.want == "" && err != nil || tt.want != "" && !errors.Is(err, invite.Err(tt.want)) {
			t.Errorf("%q, http allowed %v: got %v, want %q", tt.url, tt.insecure, err, tt.want)
		}
	}
}

func TestRotationKeepsSecretsForTheirTime(t *testing.T) {
	a, b, c := invite.NewSigningSecret(), invite.NewSigningSecret(), invite.NewSigningSecret()
	e := invite.Endpoint{Secrets: []invite.SigningSecret{{Secret: a}}}
	signing := func(at invite.Instant) (list []string) {
		for _, s := range e.SigningAt(at) {
			list = append(list, s.Secret)
		}
		return list
	}
	check := func(what string, at invite.Instant, want ...string) {
		t.Helper()
		if got := signing(at); !slices.Equal(got, want) {
			t.Errorf("%s: %v sign, want %v", what, got, want)
		}
	}
	e.Rotate(b, 1000, time.Second)
	check("in the grace", 1999, b, a)
	check("after the grace", 2000, b)
	e.Rotate(c, 1500, time.Hour)
	check("a second rotation does not prolong the first's grace", 2000, c, b)
	e.Rotate(c, 1600, 0)
	check("the same secret again, without a grace", 1600, c)
	for range 20 {
		e.Rotate(invite.NewSigningSecret(), 1700, time.Hour)
	}
	if got := len(signing(1700)); got != 5 {
		t.Errorf("after 20 rotations %d secrets sign, want 5", got)
	}
}

func TestWithoutTypesAllOfTheContractAreWanted(t *testing.T) {
	var all invite.EventTypes
	some := invite.EventTypes{invite.InvitationExpiredEvent}
	for typ, want := range map[invite.EventType][2]bool{
		invite.UserCreatedEvent:       {true, false},
		invite.InvitationExpiredEvent: {false, true},
	} {
		if got := [2]bool{all.Want(typ), some.Want(typ)}; got != want {
			t.Errorf("%s: wanted by all and by some %v, want %v", typ, got, want)
		}
	}
}
