package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"usher/internal/invite"
	"usher/internal/store"
)

// domains switches domains on, as c says, for the world's instance.
func (w *World) domains(c invite.OrganizationSettingsChange) {
	w.Helper()
	on := true
	if c.DomainsEnabled == nil {
		c.DomainsEnabled = &on
	}
	w.Instance = must(w.DB.UpdateOrganizationSettings(w.Context(), w.Instance, c))(w.T).Instance
}

func (w *World) domain(name string, mode invite.EnrollmentMode) *invite.Domain {
	w.Helper()
	n := invite.NewDomain{Name: name, Mode: string(mode), Verified: true}
	return must(w.DB.CreateDomain(w.Context(), w.Instance, w.Org.ID, n))(w.T)
}

// pending checks how many a domain has invited and to how many it was suggested.
func (w *World) pending(d *invite.Domain, invitations, suggestions int) {
	w.Helper()
	list, _, err := w.DB.Domains(w.Context(), w.Instance, store.DomainFilter{Names: []string{d.Name}, OrderBy: "name", Page: invite.Page{Limit: 10}})
	w.ok("reading domains", err)
	for _, now := range list {
		if now.ID == d.ID && (now.Invitations != invitations || now.Suggestions != suggestions) {
			w.Errorf("%s: got %d invitations and %d suggestions, want %d and %d", d.Name, now.Invitations, now.Suggestions, invitations, suggestions)
		}
	}
}

// sweep does what domains have left to do.
func (w *World) sweep(limit int) (steps int) {
	w.Helper()
	for {
		more := must(w.DB.SweepEnrollments(w.Context(), limit))(w.T)
		if !more {
			return steps
		}
		steps++
	}
}

func testDomains(w *World) {
	off := false
	_, err := w.DB.CreateDomain(w.Context(), w.Instance, w.Org.ID, invite.NewDomain{Name: "acme.example"})
	w.refused("adding a domain while domains are off", err, invite.DomainsDisabled)
	w.domains(invite.OrganizationSettingsChange{})
	other := must(w.DB.CreateOrganization(w.Context(), w.Instance, invite.NewOrganization{Name: "Other"}))(w.T)

	acme := w.domain(" Bücher.Example ", invite.ManualInvitation)
	if acme.Name != "bücher.example" || acme.Key != "xn--bcher-kva.example" || acme.Verified == invite.Unverified || acme.OwnedAt != 0 {
		w.Errorf("got %+v", acme)
	}
	_, err = w.DB.CreateDomain(w.Context(), w.Instance, w.Org.ID, invite.NewDomain{Name: "xn--bcher-kva.example"})
	w.refused("adding a domain twice", err, invite.DomainTakenHere)
	_, err = w.DB.CreateDomain(w.Context(), w.Instance, other.ID, invite.NewDomain{Name: "BÜCHER.example", Verified: true})
	w.refused("adding another's domain", err, invite.DomainTaken)
	claim := must(w.DB.CreateDomain(w.Context(), w.Instance, other.ID, invite.NewDomain{Name: "bücher.example"}))(w.T)
	yes := true
	_, err = w.DB.UpdateDomain(w.Context(), w.Instance, other.ID, claim.ID, invite.DomainChange{Verified: &yes})
	w.refused("verifying another's domain", err, invite.DomainTaken)
	must(w.DB.UpdateDomain(w.Context(), w.Instance, w.Org.ID, acme.ID, invite.DomainChange{Verified: &off}))(w.T)
	must(w.DB.UpdateDomain(w.Context(), w.Instance, other.ID, claim.ID, invite.DomainChange{Verified: &yes}))(w.T)

	w.Clock.Add(day)
	owned := must(w.DB.ConfirmDomainOwnership(w.Context(), w.Instance, other.ID, claim.ID))(w.T)
	w.Clock.Add(day)
	w.unchanged("confirming twice", func() {
		again := must(w.DB.ConfirmDomainOwnership(w.Context(), w.Instance, other.ID, claim.ID))(w.T)
		if again.OwnedAt == 0 || again.OwnedAt != owned.OwnedAt {
			w.Errorf("got %d, want %d as before", again.OwnedAt, owned.OwnedAt)
		}
	})
	w.unchanged("a refusal", func() {
		_, err = w.DB.UpdateDomain(w.Context(), w.Instance, w.Org.ID, claim.ID, invite.DomainChange{})
		w.refused("changing a domain of another organization", err, invite.DomainNotFound)
		_, err = w.DB.DeleteDomain(w.Context(), w.Instance, "org_x", claim.ID)
		w.refused("deleting a domain of no organization", err, invite.OrganizationNotFound)
	})
	must(w.DB.DeleteDomain(w.Context(), w.Instance, w.Org.ID, acme.ID))(w.T)
	_, err = w.DB.DeleteDomain(w.Context(), w.Instance, w.Org.ID, acme.ID)
	w.refused("deleting a domain twice", err, invite.DomainNotFound)

	must(w.DB.DeleteOrganization(w.Context(), w.Instance, other.ID))(w.T)
	if list, n, err := w.DB.Domains(w.Context(), w.Instance, store.DomainFilter{OrderBy: "name", Page: invite.Page{Limit: 10}}); len(list) != 0 || n != 0 || err != nil {
		w.Errorf("the domains of a deleted organization: got %d of %d, %v, want none", len(list), n, err)
	}
}

func testEnrollment(w *World) {
	w.domains(invite.OrganizationSettingsChange{})
	w.member("carol@acme.example", invite.RoleMember)
	dan := w.user("dan@acme.example")
	w.user("eve@other.example")
	w.user("fred@sub.acme.example")

	acme := w.domain("acme.example", invite.AutomaticInvitation)
	w.pending(acme, 1, 0) // Dan
	w.wantSeats(2, 0)
	if names, n := w.list(store.InvitationFilter{}); n != 0 || len(names) != 0 {
		w.Errorf("the list of invitations has %v of %d, want none", names, n)
	}
	gina := w.user("gina@acme.example")
	w.pending(acme, 2, 0)
	must(w.DB.CreateMembership(w.Context(), w.Instance, w.Org.ID, invite.NewMembership{UserID: gina.ID, Role: invite.RoleMember}))(w.T)
	w.pending(acme, 1, 0)
	w.ok("joining by an ordinary invitation", w.accept(w.invite("hal@acme.example"))) // who is a new user first
	w.pending(acme, 1, 0)

	change := func(c invite.DomainChange) *invite.Domain {
		w.Helper()
		return must(w.DB.UpdateDomain(w.Context(), w.Instance, w.Org.ID, acme.ID, c))(w.T)
	}
	suggest, manual, yes, no := string(invite.AutomaticSuggestion), string(invite.ManualInvitation), true, false
	if now := change(invite.DomainChange{Mode: &suggest}); now.Invitations != 1 || now.Suggestions != 1 {
		w.Errorf("after changing the mode: got %+v, want Dan invited and suggested to", now)
	}
	change(invite.DomainChange{Mode: &manual})
	w.user("ida@acme.example")
	w.pending(acme, 1, 1)
	change(invite.DomainChange{Mode: &suggest, DeletePending: true})
	w.pending(acme, 0, 2) // Dan and Ida
	change(invite.DomainChange{Verified: &no})
	w.pending(acme, 0, 0)
	w.user("jane@acme.example")
	w.pending(acme, 0, 0)
	change(invite.DomainChange{Verified: &yes})
	w.pending(acme, 0, 3)

	w.domains(invite.OrganizationSettingsChange{DomainsEnabled: &no})
	kim := w.user("kim@acme.example")
	w.domains(invite.OrganizationSettingsChange{EnrollmentModes: &[]string{string(invite.AutomaticInvitation)}})
	w.sweep(10)
	w.pending(acme, 0, 3)
	w.domains(invite.OrganizationSettingsChange{EnrollmentModes: &[]string{suggest}})
	w.sweep(10)
	w.pending(acme, 0, 4) // Kim as well
	for _, u := range []*invite.User{dan, kim} {
		must(w.DB.DeleteUser(w.Context(), w.Instance, u.ID))(w.T)
	}
	w.pending(acme, 0, 2)

	must(w.DB.DeleteDomain(w.Context(), w.Instance, w.Org.ID, acme.ID))(w.T)
	w.sweep(10)
	w.empty("enrollments", "enrollment_jobs")
}

func testAffiliation(w *World) {
	keys := must(invite.NewKeyring(bytes.Repeat([]byte{1}, invite.MinMasterKey)))(w.T) // those of all stores under test
	w.domains(invite.OrganizationSettingsChange{})
	d := must(w.DB.CreateDomain(w.Context(), w.Instance, w.Org.ID, invite.NewDomain{Name: "acme.example", Mode: string(invite.AutomaticInvitation)}))(w.T)
	w.user("dan@acme.example")
	send := func() error {
		_, err := w.DB.SendAffiliationCode(w.Context(), w.Instance, w.Org.ID, d.ID, "ada@acme.example")
		return err
	}
	verify := func(answer string) error {
		_, err := w.DB.VerifyAffiliation(w.Context(), w.Instance, w.Org.ID, d.ID, answer)
		return err
	}
	// mailed returns the code as the mail has it, and whether it is still worth sending.
	mailed := func(m store.Message) (code string, ok bool) {
		w.Helper()
		mail, ok := must2(w.DB.CodeMail(w.Context(), m))(w.T)
		if ok && mail.To.Address != "ada@acme.example" {
			w.Errorf("the mail goes to %v", mail.To)
		}
		return keys.Code(mail.Code), ok
	}
	byNumber := func(a, b store.Message) int { return a.CodeNumber - b.CodeNumber }
	newest := func() store.Message { return slices.MaxFunc(w.claim(10), byNumber) }
	w.refused("before any", verify("000000"), invite.CodeMissing)
	w.ok("asking for a code", send())
	w.ok("asking for another", send())
	mails := w.claim(10)
	slices.SortFunc(mails, byNumber)
	if len(mails) != 2 {
		w.Fatalf("%d mails are queued, want 2", len(mails))
	}
	first, worth := mailed(mails[0])
	second, _ := mailed(mails[1])
	if worth || first == second {
		w.Errorf("the first code, %s, is worth sending: %v; the second is %s", first, worth, second)
	}
	for _, stored := range Dump(w.T, w.Raw) {
		if text := fmt.Sprint(stored); strings.Contains(text, " "+second+" ") {
			w.Errorf("the code is stored: %s", text)
		}
	}
	w.refused("the code before the last", verify(first), invite.CodeIncorrect)
	w.Clock.Add(invite.CodeLifetime)
	w.refused("too late", verify(second), invite.CodeExpired)
	w.ok("asking once more", send())
	third, _ := mailed(newest())
	for range invite.MaxCodeAttempts {
		w.refused("guessing", verify(first), invite.CodeIncorrect)
	}
	w.refused("the right one after too many", verify(third), invite.CodeFailed)
	w.ok("asking a fourth time", send())
	w.ok("asking a fifth time", send())
	w.unchanged("more codes on one day", func() { w.refused("asking a sixth time", send(), invite.TooManyRequests) })
	w.claim(10)
	w.Clock.Add(day)
	w.ok("asking the next day", send())
	last, _ := mailed(newest())
	w.ok("answering", verify(last))
	w.pending(d, 1, 0) // Dan
	w.unchanged("a domain that is verified", func() {
		w.ok("answering again", verify("000000"))
		w.ok("asking again", send())
	})
}

func (w *World) empty(tables ...string) {
	w.Helper()
	for _, table := range tables {
		if left := Rows(w.T, w.Raw, `SELECT * FROM `+table); len(left) > 0 {
			w.Errorf("%s has %v, want nothing", table, left)
		}
	}
}

// testEnrollmentOfMany has more users than one transaction may enroll.
func testEnrollmentOfMany(w *World) {
	const users = 250
	w.domains(invite.OrganizationSettingsChange{})
	var all sync.WaitGroup
	errs := make([]error, users)
	for i := range users {
		all.Go(func() {
			_, errs[i] = w.DB.CreateUser(w.Context(), w.Instance, invite.NewUser{EmailAddresses: []string{fmt.Sprintf("u%d@acme.example", i)}})
		})
	}
	all.Wait()
	w.ok("creating users", errors.Join(errs...))

	acme := w.domain("acme.example", invite.AutomaticInvitation)
	if acme.Invitations != 100 {
		w.Errorf("the request has invited %d, want 100 at once", acme.Invitations)
	}
	late := w.user("late@acme.example")
	w.pending(acme, 101, 0)
	if steps := w.sweep(60); steps != 3 {
		w.Errorf("inviting the others took %d steps, want 3", steps)
	}
	w.pending(acme, users+1, 0)

	suggest := string(invite.AutomaticSuggestion)
	must(w.DB.UpdateDomain(w.Context(), w.Instance, w.Org.ID, acme.ID, invite.DomainChange{Mode: &suggest, DeletePending: true}))(w.T)
	w.pending(acme, users+1-100, 0)
	invited := string(invite.AutomaticInvitation)
	must(w.DB.UpdateDomain(w.Context(), w.Instance, w.Org.ID, acme.ID, invite.DomainChange{Mode: &invited}))(w.T)
	w.sweep(60)
	w.pending(acme, users+1, 0) // first all are taken back, then all are invited again

	must(w.DB.CreateMembership(w.Context(), w.Instance, w.Org.ID, invite.NewMembership{UserID: late.ID, Role: invite.RoleMember}))(w.T)
	must(w.DB.DeleteOrganization(w.Context(), w.Instance, w.Org.ID))(w.T)
	w.sweep(60)
	w.empty("enrollments", "enrollment_jobs", "organization_domains")
}

// testDomainRaces lets many callers want what only one, or ten, can have.
func testDomainRaces(w *World) {
	w.domains(invite.OrganizationSettingsChange{})
	var organizations []*invite.Organization
	for i := range 4 {
		organizations = append(organizations, must(w.DB.CreateOrganization(w.Context(), w.Instance, invite.NewOrganization{Name: fmt.Sprint("Org ", i)}))(w.T))
	}
	won := func(what string, callers int, want int32, lose invite.Kind, call func(i int) error) {
		w.Run(what, func(t *testing.T) {
			var all sync.WaitGroup
			var made atomic.Int32
			for i := range callers {
				all.Go(func() {
					switch err := call(i); {
					case err == nil:
						made.Add(1)
					case !errors.Is(err, invite.Err(lose)):
						t.Errorf("got error %v, want %s", err, lose)
					}
				})
			}
			all.Wait()
			if n := made.Load(); n != want {
				t.Errorf("%d callers had success, want %d", n, want)
			}
		})
	}
	won("one organization gets a domain", 4, 1, invite.DomainTaken, func(i int) error {
		_, err := w.DB.CreateDomain(w.Context(), w.Instance, organizations[i].ID, invite.NewDomain{Name: "one.example", Verified: true})
		return err
	})
	won("an organization gets its share", 16, invite.MaxDomains, invite.DomainQuota, func(i int) error {
		_, err := w.DB.CreateDomain(w.Context(), w.Instance, w.Org.ID, invite.NewDomain{Name: fmt.Sprintf("d%d.example", i), Verified: true})
		return err
	})
}
