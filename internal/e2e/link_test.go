package e2e

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// linkTo invites an address and returns the link from its mail. Without a
// redirect URL the invitee is to finish on usher's page.
func (u *usher) linkTo(organization, address, redirect string) (id, link string) {
	u.Helper()
	i := u.must("POST", "/v1/organizations/"+organization+"/invitations", fmt.Sprintf(
		`{"email_address":%q,"role":"org:member","redirect_url":%q,"public_metadata":{"team":"red"},"private_metadata":{"cost_centre":7}}`,
		address, redirect))
	return i.text("id"), u.link(u.mail(address))
}

// With a redirect_url the product finishes on its own page, with one call.
func TestRedirect(t *testing.T) {
	t.Parallel()
	u := dev(t)
	acme, _ := u.acme()
	known := u.must("POST", "/v1/users", `{"email_address":["known@example.com"],"first_name":"Known"}`).text("id")
	named := u.must("POST", "/v1/users", `{"email_address":["named@example.com"],"first_name":"Named"}`).text("id")
	for _, tt := range []struct {
		name, address string
		status        string // that the product is told
		joiner        string // what it adds to the ticket
		user, first   string // who joined
	}{
		{"a new account with its names", "new@example.com", "sign_up", `,"first_name":"Grace","external_id":"g-1"`, "", "Grace"},
		{"a new account without", "bare@example.com", "sign_up", ``, "", ""},
		{"the user that the product names", "named@example.com", "sign_in", `,"user_id":"` + named + `"`, named, "Named"},
		{"the user that owns the address", "known@example.com", "sign_in", ``, known, "Known"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			id, link := u.linkTo(acme, tt.address, "https://app.example.com/join?plan=pro#top")
			a := u.browse("GET", link)
			to, err := url.Parse(a.header.Get("Location"))
			if err != nil || a.status != http.StatusSeeOther {
				t.Fatalf("got %d to %s (%v), want 303", a.status, to, err)
			}
			q := to.Query()
			if to.Host != "app.example.com" || to.Path != "/join" || to.Fragment != "top" || q.Get("plan") != "pro" || q.Get("__clerk_status") != tt.status {
				t.Errorf("sent to %s, want the product's page and %s", to, tt.status)
			}
			m := u.must("POST", "/v1/tickets/redeem", `{"ticket":"`+q.Get("__clerk_ticket")+`"`+tt.joiner+`}`)
			if m.text("object") != "organization_membership" || m.text("role") != "org:member" || m.text("public_user_data", "identifier") != tt.address ||
				m.text("public_user_data", "first_name") != tt.first || m.text("public_metadata", "team") != "red" {
				t.Errorf("redeeming answered %v", m)
			}
			if got := m.text("public_user_data", "user_id"); got != cmp.Or(tt.user, got) || got == "" {
				t.Errorf("%s joined, want %s", got, tt.user)
			}
			if got := u.must("GET", "/v1/organizations/"+acme+"/invitations/"+id, ""); got.text("status") != "accepted" {
				t.Errorf("the invitation is %s, want accepted", got.text("status"))
			}
		})
	}
}

// A ticket in the hands of somebody else makes nobody a member.
func TestWrongAccount(t *testing.T) {
	t.Parallel()
	u := dev(t)
	acme, _ := u.acme()
	eve := u.must("POST", "/v1/users", `{"email_address":["eve@example.com"]}`).text("id")
	id, link := u.linkTo(acme, "grace@example.com", "https://app.example.com/join")
	before := u.must("GET", "/v1/organizations/"+acme+"/invitations/"+id, "")
	ticket := ticketOf(t, link)
	u.refused("POST", "/v1/tickets/redeem", `{"ticket":"`+ticket+`","user_id":"`+eve+`"}`, 400, "organization_invitation_identification_not_exist")
	u.refused("POST", "/v1/tickets/redeem", `{"ticket":"`+ticket+`","user_id":"user_none"}`, 404, "resource_not_found")
	u.refused("POST", "/v1/tickets/redeem", redeeming(ticket[:len(ticket)-2]), 400, "ticket_invalid_code")
	after := u.must("GET", "/v1/organizations/"+acme+"/invitations/"+id, "")
	if before["updated_at"] != after["updated_at"] || after.text("status") != "pending" {
		t.Errorf("the invitation was %v and is %v, want no change", before, after)
	}
	if members := u.all("/v1/organizations/" + acme + "/memberships?"); len(members) != 1 {
		t.Errorf("there are %d members, want the admin only", len(members))
	}
	u.must("POST", "/v1/tickets/redeem", redeeming(ticket))
}

// A link that is over says so, to people, to programs and to the product.
func TestDeadLinks(t *testing.T) {
	t.Parallel()
	u := dev(t)
	acme, _ := u.acme()
	gone := u.organization("Gone", 0)
	live, link := u.linkTo(acme, "revoked@example.com", "https://app.example.com/join")
	_, declined := u.linkTo(acme, "declined@example.com", "")
	_, orphan := u.linkTo(gone, "orphan@example.com", "")
	u.must("POST", "/v1/organizations/"+acme+"/invitations/"+live+"/revoke", "")
	if a := u.answer(ticketOf(t, declined), "decline", nil); a.status != http.StatusOK {
		t.Errorf("declining answered %d\n%s", a.status, a.body)
	}
	u.must("DELETE", "/v1/organizations/"+gone, "null")
	for _, tt := range []struct {
		name, link, code string
		status           int // of the page
		says             string
	}{
		{"revoked", link, "organization_invitation_revoked_code", 410, "withdrawn"},
		{"declined", declined, "organization_invitation_revoked_code", 410, "declined"},
		{"organization deleted", orphan, "organization_invitation_to_deleted_organization", 410, "no longer exists"},
		{"cut short", link[:len(link)-3], "ticket_invalid_code", 400, "does not work"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := u.browse("GET", tt.link, "Accept", "text/html")
			if a.status != http.StatusSeeOther || !strings.HasPrefix(a.header.Get("Location"), u.url+"/accept?") {
				t.Fatalf("got %d to %s, want 303 to usher's page", a.status, a.header.Get("Location"))
			}
			if page := u.browse("GET", a.header.Get("Location")); page.status != tt.status || !strings.Contains(page.body, tt.says) {
				t.Errorf("got %d, want %d and %q\n%s", page.status, tt.status, tt.says, page.body)
			}
			if a := u.browse("GET", tt.link, "Accept", "application/json"); a.status != 400 || !strings.Contains(a.body, tt.code) {
				t.Errorf("a program gets %d %s, want 400 %s", a.status, a.body, tt.code)
			}
			ticket := ticketOf(t, tt.link)
			if page := u.accept(ticket, nil); page.status == http.StatusOK {
				t.Errorf("accepting worked:\n%s", page.body)
			}
			u.refused("POST", "/v1/tickets/redeem", redeeming(ticket), 400, tt.code)
		})
	}
}

// Up to ten people are invited at once, or nobody.
func TestBulk(t *testing.T) {
	t.Parallel()
	u := dev(t)
	acme, _ := u.acme()
	bulk := "/v1/organizations/" + acme + "/invitations/bulk"
	made := u.must("POST", bulk, `[{"email_address":"a@example.com","role":"org:member"},{"email_address":"b@example.com","role":"admin"}]`)
	if made.number("total_count") != 2 || len(made.data()) != 2 || made.data()[1].text("role") != "org:admin" {
		t.Errorf("created %v, want both in order", made)
	}
	for _, to := range []string{"a@example.com", "b@example.com"} {
		u.link(u.mail(to))
	}
	u.refused("POST", bulk, `[{"email_address":"c@example.com","role":"org:member"},{"email_address":"B@example.com","role":"org:member"}]`, 400, "duplicate_record")
	if pending := u.all("/v1/organizations/" + acme + "/invitations/pending?"); len(pending) != 2 {
		t.Errorf("%d are pending after the refusal, want 2", len(pending))
	}
}
