package fapi_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"usher/internal/browser"
	"usher/internal/clerk"
	"usher/internal/edge"
	"usher/internal/fapi"
	"usher/internal/invite"
	"usher/internal/oracle"
	"usher/internal/password"
	"usher/internal/store"
	"usher/internal/store/storetest"
	"usher/internal/wiretest"
)

// now is where the clock of every server in the wire tests stands.
var now = time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)

// TestWire plays testdata: each endpoint's requests and the exact answers, which
// the official specification and our own description have to agree with.
func TestWire(t *testing.T) {
	wiretest.Run(t, "testdata/*.txt", wiretest.Options{
		Start: start, Spec: oracle.FAPI(t), Own: oracle.OwnFrontend(t), Now: now, ContentType: "application/x-www-form-urlencoded",
	})
}

// start returns a server whose instance has an organization, Acme, with the admin
// Ada and the member Bob, who sign in with "correct horse", as does Eve, who is no
// member; Kim is locked and Lou banned. Several are invited. Beside it stands Gulf.
// Tess has one address of those that tests use, whose code is known, beside an
// ordinary one.
func start(t testing.TB) (http.Handler, map[string]string) {
	t.Helper()
	keys := keyring(t, 7)
	encoder := &clerk.Encoder{PublicURL: origin, Keys: keys}
	passwords := password.NewHasher(1)
	db, err := store.Open(t.Context(), store.Options{
		NewSigningKey: storetest.NewSigningKey,
		Path:          filepath.Join(t.TempDir(), "usher.db"), Now: func() time.Time { return now }, Keys: keys, Event: encoder.EventData,
	})
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	in, _, err := db.CreateInstance(t.Context(), invite.Instance{Environment: invite.Live, Name: "Wire", HomeURL: "https://atlas.test/home"}, "")
	must(t, err)
	must(t, db.UpdateInstance(t.Context(), in, invite.InstanceChange{AllowedOrigins: &[]string{"https://app.atlas.test"}, TestMode: new(true)}))
	vars := map[string]string{"latin1": "%e9", "long": strings.Repeat("x", 257), "big": strings.Repeat("x", 1<<20)}
	digest, err := passwords.Digest(t.Context(), "correct horse")
	must(t, err)
	for _, name := range []string{"Ada", "Bob", "Eve", "Kim", "Lou"} {
		n := invite.NewUser{EmailAddresses: []string{strings.ToLower(name) + "@example.com"}, FirstName: name, PasswordDigest: digest}
		n.Locked, n.Banned = name == "Kim", name == "Lou"
		if name == "Ada" {
			n.Username = "countess"
		}
		u, err := db.CreateUser(t.Context(), in, n)
		must(t, err)
		vars[strings.ToLower(name)] = u.ID
	}
	tess, err := db.CreateUser(t.Context(), in, invite.NewUser{
		EmailAddresses: []string{"tess+clerk_test@example.com", "tess@example.com"}, FirstName: "Tess", Username: "tester", PasswordDigest: digest,
	})
	must(t, err)
	vars["tess_mail"], vars["tess_other"] = tess.EmailAddresses[0].ID, tess.EmailAddresses[1].ID
	ben, err := db.CreateUser(t.Context(), in, invite.NewUser{EmailAddresses: []string{"ben+clerk_test@example.com"}, FirstName: "Ben"})
	must(t, err)
	vars["ben_mail"] = ben.EmailAddresses[0].ID
	acme, err := db.CreateOrganization(t.Context(), in, invite.NewOrganization{Name: "Acme", CreatedBy: vars["ada"]})
	must(t, err)
	vars["acme"] = acme.ID
	_, err = db.CreateMembership(t.Context(), in, acme.ID, invite.NewMembership{UserID: vars["bob"], Role: invite.RoleMember})
	must(t, err)
	beta, err := db.CreateOrganization(t.Context(), in, invite.NewOrganization{Name: "Beta", CreatedBy: vars["eve"]})
	must(t, err)
	vars["beta"] = beta.ID
	for _, name := range []string{"new", "other", "eve", "revoked"} {
		i, err := db.CreateInvitation(t.Context(), in, acme.ID, invite.NewInvitation{
			EmailAddress: name + "@example.com", Role: invite.RoleMember, InviterID: vars["ada"], ExpiresInDays: 1,
			PublicMetadata: []byte(`{"team":"red"}`), PrivateMetadata: []byte(`{"cost":1}`),
		})
		must(t, err)
		vars["ticket_"+name], vars["invitation_"+name] = invite.TicketFor(i, invite.ByMail).Sign(keys), i.ID
		if name == "revoked" {
			_, err = db.RevokeInvitation(t.Context(), in, acme.ID, i.ID, "")
			must(t, err)
		}
	}
	token, err := db.CreateSignInToken(t.Context(), in, invite.NewSignInToken{UserID: vars["eve"], OrganizationID: beta.ID, ExpiresInSeconds: 60})
	must(t, err)
	vars["ticket_sign_in"] = token.Ticket().Sign(keys)
	vars["ticket_forged"] = token.Ticket().Sign(keyring(t, 8))
	startGulf(t, db, keys, digest, vars)
	front := &fapi.Server{DB: db, Encoder: encoder, Keys: keys, Passwords: passwords, PublicURL: origin,
		Browsers: &browser.Keeper{DB: db, Passwords: passwords, PublicURL: origin}}
	log := slog.New(slog.DiscardHandler)
	return edge.New(log, time.Now, time.Minute, prometheus.NewRegistry()).Wrap(front.Handler()), vars
}

// startGulf adds an instance with a host of its own, where domains bring people in:
// Delta has the admin Ida, the member Moe and the domain delta.test, which suggests
// it to Jon and Kay; Ned has nothing to do with it. Nobody has verified news.test.
func startGulf(t testing.TB, db *store.DB, keys *invite.Keyring, digest string, vars map[string]string) {
	t.Helper()
	in, _, err := db.CreateInstance(t.Context(), invite.Instance{Environment: invite.Live, Name: "Gulf", FrontendHost: "clerk.gulf.test"}, "")
	must(t, err)
	on := true
	settings, err := db.UpdateOrganizationSettings(t.Context(), in, invite.OrganizationSettingsChange{DomainsEnabled: &on})
	must(t, err)
	in = settings.Instance
	for _, address := range []string{"ida@delta.test", "moe@example.com", "jon@delta.test", "kay@delta.test", "ned@example.com"} {
		u, err := db.CreateUser(t.Context(), in, invite.NewUser{EmailAddresses: []string{address}, PasswordDigest: digest})
		must(t, err)
		vars[address[:3]] = u.ID
	}
	delta, err := db.CreateOrganization(t.Context(), in, invite.NewOrganization{Name: "Delta", CreatedBy: vars["ida"]})
	must(t, err)
	vars["delta"] = delta.ID
	_, err = db.CreateMembership(t.Context(), in, delta.ID, invite.NewMembership{UserID: vars["moe"], Role: invite.RoleMember})
	must(t, err)
	d, err := db.CreateDomain(t.Context(), in, delta.ID, invite.NewDomain{Name: "delta.test", Mode: string(invite.AutomaticSuggestion), Verified: true})
	must(t, err)
	vars["delta_domain"] = d.ID
	if d, err = db.CreateDomain(t.Context(), in, delta.ID, invite.NewDomain{Name: "news.test", Mode: string(invite.AutomaticInvitation)}); err != nil {
		t.Fatal(err)
	}
	vars["news_domain"] = d.ID
	for number, name := range []string{1: "news_code", 2: "news_code_again"} {
		vars[name] = keys.Code(invite.CodeSubject{InstanceID: in.ID, ID: d.ID, Number: number})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// What the wire tests have seen must hold nothing that is the application's alone,
// and no link of an invitation: an admin could sign in with it as whom it is for.
func TestBrowsersSeeNothingPrivate(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	must(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		must(t, err)
		for _, secret := range []string{`"private_metadata"`, `"cost"`, `"password_digest"`, `"url": "`} {
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("%s shows %s", file, secret)
			}
		}
	}
}
