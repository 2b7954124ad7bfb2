package invite_test

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"usher/internal/invite"
)

var master = bytes.Repeat([]byte{7}, invite.MinMasterKey)

func keyring(t testing.TB, master []byte) *invite.Keyring {
	t.Helper()
	keys, err := invite.NewKeyring(master)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func ticket() invite.Ticket {
	return invite.TicketFor(&invite.Invitation{
		ID: "orginv_1", InstanceID: "ins_1", OrganizationID: "org_1", RedirectURL: `https://app.example/?a="<&>`,
		Generation: 3, CreatedAt: now, ExpiresAt: now.Add(30 * 24 * 3600e9),
	}, invite.ByMail)
}

func TestTicketClaims(t *testing.T) {
	parts := strings.Split(ticket().Sign(keyring(t, master)), ".")
	if len(parts) != 3 {
		t.Fatalf("got %d parts, want 3", len(parts))
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	want := `{"ch":"mail","eis":2592000,"exp":1769915045,"gen":3,"iid":"ins_1","oid":"org_1",` +
		`"rurl":"https://app.example/?a=\"<&>","sid":"orginv_1","st":"organization_invitation"}`
	if string(payload) != want {
		t.Errorf("got  %s\nwant %s", payload, want)
	}
}

func TestTicketsComeBack(t *testing.T) {
	keys := keyring(t, master)
	id := rapid.StringMatching(`[a-z]+_[0-9A-Za-z]{1,27}`)
	rapid.Check(t, func(t *rapid.T) {
		want := invite.Ticket{
			Channel:  rapid.SampledFrom([]invite.Channel{invite.ByMail, invite.ByAPI}).Draw(t, "channel"),
			Lifetime: rapid.Int64().Draw(t, "lifetime"), ExpiresAt: rapid.Int64().Draw(t, "expiry"), Generation: rapid.Int().Draw(t, "generation"),
			InstanceID: id.Draw(t, "instance"), OrganizationID: id.Draw(t, "organization"), SourceID: id.Draw(t, "invitation"),
			Source:      rapid.SampledFrom([]invite.Source{invite.ToOrganization, invite.ToApplication, invite.ToSignIn}).Draw(t, "source"),
			RedirectURL: rapid.StringN(0, 100, 1000).Draw(t, "redirect"),
		}
		got, err := invite.ParseTicket(want.Sign(keys), keys)
		if err != nil || got != want {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
	})
}

func TestAChangedTicketIsRefused(t *testing.T) {
	keys := keyring(t, master)
	good := ticket().Sign(keys)
	refuse := func(what, s string) {
		t.Helper()
		if _, err := invite.ParseTicket(s, keys); !errors.Is(err, invite.Err(invite.TicketInvalid)) {
			t.Errorf("%s: got %v, want %s", what, err, invite.TicketInvalid)
		}
	}
	for i := range len(good) {
		for bit := range 8 {
			changed := []byte(good)
			changed[i] ^= 1 << bit
			refuse("a flipped bit", string(changed))
		}
		refuse("a byte left out", good[:i]+good[i+1:])
		refuse("cut off", good[:i])
		for _, more := range []string{"\n", "\r", "=", ".", " "} {
			refuse("a character put in", good[:i]+more+good[i:])
		}
	}
	refuse("more behind it", good+"\n")
	refuse("empty", "")
	refuse("too long", good+strings.Repeat("x", 9<<10))
	refuse("of another master key", ticket().Sign(keyring(t, bytes.Repeat([]byte{8}, 32))))
}

// TestOnlyOneHeaderIsUnderstood signs with the right key, which no stranger
// has: even then the header must not choose the algorithm.
func TestOnlyOneHeaderIsUnderstood(t *testing.T) {
	keys := keyring(t, master)
	secret, err := hkdf.Key(sha256.New, master, nil, "usher/v1/ticket", 32)
	if err != nil {
		t.Fatal(err)
	}
	payload := strings.Split(ticket().Sign(keys), ".")[1]
	forge := func(header, payload string) string {
		signed := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + payload
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(signed))
		return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	if _, err := invite.ParseTicket(forge(`{"alg":"HS256","typ":"JWT"}`, payload), keys); err != nil {
		t.Fatalf("the forgery of a good ticket is not one: %v", err)
	}
	for _, header := range []string{
		`{"alg":"none","typ":"JWT"}`, `{"alg":"RS256","typ":"JWT"}`, `{"alg":"HS512","typ":"JWT"}`, `{"typ":"JWT","alg":"HS256"}`, `{}`, ``,
		`{"alg":"HS256","typ":"JWT","kid":"x"}`,
	} {
		if _, err := invite.ParseTicket(forge(header, payload), keys); !errors.Is(err, invite.Err(invite.TicketInvalid)) {
			t.Errorf("header %s: got %v, want %s", header, err, invite.TicketInvalid)
		}
	}
	unsigned := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + payload + "."
	if _, err := invite.ParseTicket(unsigned, keys); err == nil {
		t.Error("an unsigned ticket was accepted")
	}
	for _, claims := range []string{`{"st":"session"}`, `{}`, `null`, `[]`, `{"st":"organization_invitation","gen":"x"}`} {
		s := forge(`{"alg":"HS256","typ":"JWT"}`, base64.RawURLEncoding.EncodeToString([]byte(claims)))
		if _, err := invite.ParseTicket(s, keys); !errors.Is(err, invite.Err(invite.TicketInvalid)) {
			t.Errorf("claims %s: got %v, want %s", claims, err, invite.TicketInvalid)
		}
	}
}

func FuzzParseTicket(f *testing.F) {
	keys := keyring(f, master)
	good := ticket()
	f.Add(good.Sign(keys))
	f.Add("a.b.c")
	f.Add("..")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := invite.ParseTicket(s, keys)
		if err == nil && got.Sign(keys) != s {
			t.Errorf("ParseTicket(%q) accepted what this server did not sign", s)
		}
		if err != nil && !errors.Is(err, invite.Err(invite.TicketInvalid)) {
			t.Errorf("ParseTicket(%q): got %v, want %s", s, err, invite.TicketInvalid)
		}
	})
}

func TestLink(t *testing.T) {
	keys := keyring(t, master)
	if got, want := ticket().Link("https://usher.example", keys), "https://usher.example/v1/tickets/accept?ticket="+ticket().Sign(keys); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestKeyring(t *testing.T) {
	if _, err := invite.NewKeyring(master[1:]); err == nil {
		t.Error("a master key of 31 bytes was accepted")
	}
	keys, plain := keyring(t, master), []byte(`{"url":"secret"}`)
	sealed := keys.Seal("ins_1/key", plain)
	if bytes.Contains(sealed, plain) || bytes.Equal(sealed, keys.Seal("ins_1/key", plain)) {
		t.Error("the sealed value shows its content, or that it is the same as another")
	}
	if got, err := keyring(t, master).Open("ins_1/key", sealed); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("Open = %s, %v; want %s", got, err, plain)
	}
	if _, err := keys.Open("ins_2/key", sealed); err == nil {
		t.Error("a sealed value was opened in another place")
	}
	if _, err := keyring(t, bytes.Repeat([]byte{8}, 32)).Open("ins_1/key", sealed); err == nil {
		t.Error("a sealed value was opened under another master key")
	}
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if _, err := keys.Open("ins_1/key", changed); err == nil {
			t.Errorf("a sealed value was opened with byte %d changed", i)
		}
		if _, err := keys.Open("ins_1/key", sealed[:i]); err == nil {
			t.Errorf("the first %d bytes of a sealed value were opened", i)
		}
	}
}

// TestTicketsFitInALink bounds what ParseTicket reads against what Sign makes
// of the longest redirect URL.
func TestTicketsFitInALink(t *testing.T) {
	keys := keyring(t, master)
	for _, row := range []string{"x", "&", `"`, "\u2028"} {
		long := ticket()
		long.RedirectURL = "https://app.example/?" + strings.Repeat(row, 2027/len(row))
		if err := invite.CheckRedirectURL("redirect_url", long.RedirectURL, invite.Live); err != nil {
			t.Fatal(err)
		}
		if got, err := invite.ParseTicket(long.Sign(keys), keys); err != nil || got != long {
			t.Errorf("the ticket with the longest redirect URL has %d bytes and is refused: %v", len(long.Sign(keys)), err)
		}
	}
}
