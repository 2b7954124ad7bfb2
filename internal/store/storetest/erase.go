package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/internal/invite"
	"usher/internal/store"
)

// TracesOfGrace are what must be found nowhere when Grace was erased.
var TracesOfGrace = []string{"grace@example.com", "hopper@navy.example", "Grace", "Hopper", "amazing", "born in 1906"}

// NewGrace leaves traces of a person wherever the store keeps one.
func NewGrace(w *World) *invite.User {
	ctx, metadata := w.Context(), json.RawMessage(`{"note":"amazing"}`)
	w.limit(0)
	w.domains(invite.OrganizationSettingsChange{})
	endpoint := must(w.DB.CreateEndpoint(ctx, w.Instance, invite.NewEndpoint{URL: "https://example.com/hook"}))(w.T)
	must(w.DB.CreateListIdentifier(ctx, w.Instance, invite.NewListIdentifier{List: invite.Allowlist, Identifier: "grace@example.com"}))(w.T)
	toApp := w.inviteToApp("grace@example.com")
	early := w.invite("grace@example.com")
	w.ok("revoking", w.revoke(early))
	must(w.DB.SaveSignUp(ctx, w.Instance, "", "", invite.SignUpChange{EmailAddress: new("grace@example.com"), FirstName: new("Grace")}))(w.T)
	u := must(w.DB.CreateUser(ctx, w.Instance, invite.NewUser{
		EmailAddresses: []string{"grace@example.com", "hopper@navy.example"}, FirstName: "Grace", LastName: "Hopper", Username: "amazing_grace",
		Metadata: invite.MetadataChange{Public: metadata, Private: metadata, Unsafe: metadata}, PasswordDigest: digest,
	}))(w.T)
	must(w.DB.CreateMembership(ctx, w.Instance, w.Org.ID, invite.NewMembership{UserID: u.ID, Role: invite.RoleAdmin, Metadata: invite.MetadataChange{Private: metadata}}))(w.T)
	by := asking("others@example.com")
	by.InviterID = u.ID
	must(w.DB.CreateInvitation(ctx, w.Instance, w.Org.ID, by))(w.T)
	other := must(w.DB.CreateOrganization(ctx, w.Instance, invite.NewOrganization{Name: "Other"}))(w.T)
	to := asking("hopper@navy.example")
	to.PublicMetadata, to.PrivateMetadata, to.RedirectURL = metadata, metadata, "https://app.example/?for=hopper@navy.example"
	must(w.DB.CreateInvitation(ctx, w.Instance, other.ID, to))(w.T)
	must(w.DB.UpdateUser(ctx, w.Instance, u.ID, invite.UserChange{LastName: new("born in 1906")}))(w.T)

	mails, _ := must2(w.DB.Claim(ctx, 100, time.Minute))(w.T)
	kept := slices.IndexFunc(mails, func(m store.Message) bool { return m.SubjectID == toApp.ID })
	email, _ := invite.ParseEmail("grace@example.com")
	w.ok("keeping a mail", w.DB.KeepMail(ctx, mails[kept], email, json.RawMessage(`{"to":"grace@example.com"}`)))
	for k, m := range mails {
		if k != kept {
			w.ok("parking", w.DB.Park(ctx, m, "550 no such user <hopper@navy.example>", store.Receipt{}))
		}
	}
	line := w.DB.Line(store.EndpointKey{InstanceID: w.Instance.ID, ID: endpoint.ID})
	for _, m := range w.take(line, 4) {
		w.ok("failing to post", w.DB.Retry(ctx, m, w.DB.Now().Add(time.Hour), "refused", store.Receipt{StatusCode: 500, Response: "got grace@example.com"}))
	}
	w.signIn(u.ID, w.Org.ID)
	must(w.DB.SignInWithPassword(ctx, w.Instance, "", "", "Grace@example.com", u.ID, digest))(w.T)
	must(w.DB.BeginSignIn(ctx, w.Instance, "", "GRACE@example.com", ""))(w.T)
	_, _, err := w.DB.Once(ctx, w.Instance, "grace", "x", func(context.Context) ([]byte, error) { return []byte(`{"to":"grace@example.com"}`), nil })
	w.ok("keeping an answer", err)
	return u
}

// neighbours have addresses that are almost hers.
var neighbours = strings.NewReplacer("dgrace@example.com", "", "grace@example.com.au", "")

// Traces returns where in the tables there is something of the person of NewGrace.
func Traces(t *testing.T, w *World) []string {
	t.Helper()
	var found []string
	for table, list := range Dump(t, w.Raw) {
		for _, row := range list {
			row = neighbours.Replace(row)
			for _, trace := range TracesOfGrace {
				if strings.Contains(strings.ToLower(row), strings.ToLower(trace)) {
					found = append(found, fmt.Sprintf("%s of %s: %s", trace, table, row))
				}
			}
		}
	}
	return found
}

// testErasing looks for the person in every column of every table.
func testErasing(w *World) {
	w.invite("dgrace@example.com")
	w.invite("grace@example.com.au")
	bob := w.user("bob@example.com")
	NewGrace(w)
	if places := len(Traces(w.T, w)); places < 20 {
		w.Fatalf("the person has left only %d traces", places)
	}
	email, _ := invite.ParseEmail("grace@example.com")
	var rehearsed []store.Erased
	w.unchanged("a rehearsal", func() { rehearsed = must(w.DB.Erase(w.Context(), w.Instance, email, true))(w.T) })
	done := must(w.DB.Erase(w.Context(), w.Instance, email, false))(w.T)
	if diff := cmp.Diff(rehearsed, done); diff != "" {
		w.Errorf("what was rehearsed and what was done (-rehearsed +done):\n%s", diff)
	}
	for _, place := range Traces(w.T, w) {
		w.Errorf("there still is %s", place)
	}
	if got := erased(done, "users"); got != 1 {
		w.Errorf("erased %v, want one user", done)
	}
	if again := must(w.DB.Erase(w.Context(), w.Instance, email, false))(w.T); len(again) > 0 {
		w.Errorf("erasing again erased %v", again)
	}
	list, _ := w.list(store.InvitationFilter{})
	for _, address := range []string{"dgrace", "grace", "others"} { // of grace@example.com.au
		if !slices.Contains(list, address) {
			w.Errorf("there are invitations to %v, want %s among them", list, address)
		}
	}
	must(w.DB.User(w.Context(), w.Instance, bob.ID))(w.T)
	events, _ := must2(w.DB.Events(w.Context(), w.Instance, store.EventFilter{Limit: 1000}))(w.T)
	last := events[len(events)-1]
	if last.Type != invite.UserDeletedEvent {
		w.Errorf("the last event is %s, want the user's end", last.Type)
	}
}

func erased(list []store.Erased, what string) int {
	for _, e := range list {
		if e.What == what {
			return e.Rows
		}
	}
	return 0
}

// testErasingClaims has an address that nobody has proven.
func testErasingClaims(w *World) {
	bob := w.member("bob@example.com", invite.RoleMember)
	must(w.DB.CreateEmailAddress(w.Context(), w.Instance, invite.NewEmailAddress{UserID: bob.ID, EmailAddress: "grace@example.com"}))(w.T)
	email, _ := invite.ParseEmail("grace@example.com")
	done := must(w.DB.Erase(w.Context(), w.Instance, email, false))(w.T)
	if erased(done, "users") != 0 || erased(done, "email addresses") != 1 {
		w.Errorf("erased %v, want the address and nobody", done)
	}
	if got := must(w.DB.User(w.Context(), w.Instance, bob.ID))(w.T); len(got.EmailAddresses) != 1 {
		w.Errorf("bob has %v, want the other address", got.EmailAddresses)
	}
	for _, place := range Traces(w.T, w) {
		w.Errorf("there still is %s", place)
	}
}
