package bapi_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"usher/internal/bapi"
	"usher/internal/clerk"
	"usher/internal/edge"
	"usher/internal/invite"
	"usher/internal/oracle"
	"usher/internal/password"
	"usher/internal/store"
	"usher/internal/store/storetest"
	"usher/internal/wiretest"
)

// now is where the clock of every server in these tests stands.
var now = time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)

// TestWire plays testdata: each endpoint's requests and the exact answers, which
// the official specification has to agree with.
func TestWire(t *testing.T) {
	wiretest.Run(t, "testdata/*.txt", wiretest.Options{Start: start, Spec: oracle.BAPI(t), Own: oracle.Own(t), Now: now})
}

// start returns a server whose instance has three organizations: Acme with an
// admin and a member, Small with room for two, and Joinable with invitations,
// whose tickets it returns with that of an organization that is gone.
func start(t testing.TB) (http.Handler, map[string]string) {
	t.Helper()
	return startWith(t, nil)
}

// startWith is start with a server that was changed first.
func startWith(t testing.TB, change func(*bapi.Server)) (http.Handler, map[string]string) {
	t.Helper()
	keys, err := invite.NewKeyring(bytes.Repeat([]byte{7}, invite.MinMasterKey))
	must(t, err)
	encoder := &clerk.Encoder{PublicURL: "https://usher.test", Keys: keys}
	path := filepath.Join(t.TempDir(), "usher.db")
	db, err := store.Open(t.Context(), store.Options{
		NewSigningKey: storetest.NewSigningKey,
		Path:          path, Now: func() time.Time { return now }, Keys: keys, Event: encoder.EventData,
	})
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	must(t, db.Reserve(t.Context()))
	in, key, err := db.CreateInstance(t.Context(), invite.Instance{Environment: invite.Test, Name: "Wire", MaxAllowedMemberships: 5}, "")
	must(t, err)
	vars := map[string]string{
		"key": key, "database": path, "big": strings.Repeat("x", 1<<20), "long": strings.Repeat("x", 257), "endless": strings.Repeat("x", invite.MaxPassword+1),
		"types":    strings.Repeat("organization.created,", 100) + "organization.created",
		"many":     strings.Repeat("user_id=x&", 101),
		"metadata": `{"text":"` + strings.Repeat("x", invite.MaxMetadata) + `"}`,
	}
	gif := "GIF89a\x01\x00\x01\x00\x00\x00\x00;"
	vars["gif"], vars["gif2"], vars["svg"] = logo("file", gif), logo("file", gif+" "), logo("file", "<svg/>")
	vars["huge"], vars["vast"] = logo("file", gif+strings.Repeat("x", invite.MaxLogo)), logo("file", strings.Repeat("x", clerk.MaxUpload))
	vars["bomb"], vars["empty"], vars["fileless"] = logo("file", "GIF89a\xff\xff\xff\xff\x00\x00\x00;"), logo("file", ""), logo("uploader_user_id", "x")
	vars["twice"], vars["extra"] = logo("file", gif, "file", gif), logo("file", gif, "sharpen", "1")
	vars["by_nobody"], vars["by_all"] = logo("file", gif, "uploader_user_id", "user_none"), logo("file", gif, "uploader_user_id", strings.Repeat("x", 1025))
	settings, err := db.OrganizationSettings(t.Context(), in)
	must(t, err)
	vars["admin_role"], vars["member_role"] = settings.Roles.CreatorRoleID, settings.Roles.DefaultRoleID
	user := func(name, address string) string {
		u, err := db.CreateUser(t.Context(), in, invite.NewUser{EmailAddresses: []string{address}, FirstName: name})
		must(t, err)
		vars[strings.ToLower(name)] = u.ID
		return u.ID
	}
	ada, bob := user("Ada", "ada@example.com"), user("Bob", "bob@example.com")
	user("Eve", "eve@example.com")
	organization := func(name string, limit int) string {
		o, err := db.CreateOrganization(t.Context(), in, invite.NewOrganization{Name: name, CreatedBy: ada, MaxAllowedMemberships: &limit})
		must(t, err)
		vars[strings.ToLower(name)] = o.ID
		return o.ID
	}
	acme := organization("Acme", 0)
	organization("Small", 2)
	_, err = db.CreateMembership(t.Context(), in, acme, invite.NewMembership{UserID: bob, Role: invite.RoleMember})
	must(t, err)
	joinable := organization("Joinable", 0)
	invited := func(name, organization, address string) *invite.Invitation {
		i, err := db.CreateInvitation(t.Context(), in, organization, invite.NewInvitation{
			EmailAddress: address, Role: invite.RoleMember, InviterID: ada, ExpiresInDays: 1,
			PublicMetadata: []byte(`{"team":"red"}`), PrivateMetadata: []byte(`{"cost":1}`),
		})
		must(t, err)
		vars["ticket_"+name] = invite.TicketFor(i, invite.ByMail).Sign(keys)
		return i
	}
	invited("new", joinable, "new@example.com")
	invited("bob", joinable, "bob@example.com")
	invited("named", joinable, "named@example.com")
	revoked := invited("revoked", joinable, "revoked@example.com")
	_, err = db.RevokeInvitation(t.Context(), in, joinable, revoked.ID, "")
	must(t, err)
	gone := organization("Gone", 0)
	invited("gone", gone, "gone@example.com")
	_, err = db.DeleteOrganization(t.Context(), in, gone)
	must(t, err)
	for _, name := range []string{"app_new", "app_ada", "app_gone"} {
		i, err := db.CreateApplicationInvitation(t.Context(), in, invite.NewApplicationInvitation{
			EmailAddress: strings.TrimPrefix(name, "app_") + "@example.com", ExpiresInDays: 1, Template: invite.InvitationTemplate,
			IgnoreExisting: true, PublicMetadata: []byte(`{"plan":"beta"}`),
		})
		must(t, err)
		vars["ticket_"+name] = invite.TicketFor(i, invite.ByMail).Sign(keys)
		if name == "app_gone" {
			_, err = db.RevokeApplicationInvitation(t.Context(), in, i.ID)
			must(t, err)
		}
	}
	_, other, err := db.CreateInstance(t.Context(), invite.Instance{Environment: invite.Test, Name: "Other"}, "")
	must(t, err)
	vars["other"], vars["latin1"] = other, "\xe9"
	vars["long_address"] = strings.Repeat("x", 65) + "@example.com"
	api := &bapi.Server{DB: db, Encoder: encoder, Keys: keys, Passwords: password.NewHasher(1)}
	if change != nil {
		change(api)
	}
	log := slog.New(slog.DiscardHandler)
	return edge.New(log, time.Now, time.Minute, prometheus.NewRegistry()).Wrap(api.Handler()), vars
}

// logo returns a form of the given parts, each a name and what is in it.
func logo(parts ...string) string {
	var b strings.Builder
	for i := 0; i < len(parts); i += 2 {
		b.WriteString("--b\r\nContent-Disposition: form-data; name=\"" + parts[i] + "\"; filename=\"logo.svg\"\r\nContent-Type: image/svg+xml\r\n\r\n" + parts[i+1] + "\r\n")
	}
	return b.String() + "--b--\r\n"
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
