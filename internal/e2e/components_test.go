package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/clerk/clerk-sdk-go/v2"
	"github.com/clerk/clerk-sdk-go/v2/jwks"
	"github.com/clerk/clerk-sdk-go/v2/jwt"

	"usher/internal/chromium"
)

// journeys are what people do with Clerk's components, unmodified, on the page of a
// product that has usher behind it.
var journeys = map[string]func(*page){
	"sign in and out":         signIn,
	"stay signed in":          stay,
	"join with a new account": joinNew,
	"join with an account":    joinKnown,
	"join as somebody else":   joinAsOther,
	"a link that is over":     joinLate,
	"run an organization":     administer,
	"look at an organization": look,
	"end an organization":     end,
	"choose an organization":  choose,
	"accept from a list":      acceptFromList,
	"ask to join":             ask,
	"sign up with a code":     signUp,
	"change an account":       change,
}

func TestComponents(t *testing.T) {
	t.Parallel()
	packages := installed(t, "browser", "packages.txt")
	browser := chromium.Open(t, 5*time.Minute, chromedp.IgnoreCertErrors, chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"))
	if err := chromedp.Do(browser); err != nil {
		t.Fatal(err)
	}
	for version, scripts := range map[string]bundles{"clerk-js 6": current, "clerk-js 5": previous} {
		for name, journey := range journeys {
			t.Run(version+"/"+name, func(t *testing.T) {
				t.Parallel()
				journey(visit(t, browser, sameOrigin, packages, scripts))
			})
		}
	}
	for name, where := range map[string]placement{"another port": otherPort, "the key alone": byKey} {
		for step, journey := range map[string]func(*page){"sign in": signIn, "join": joinNew} {
			t.Run(name+"/"+step, func(t *testing.T) {
				t.Parallel()
				journey(visit(t, browser, where, packages, current))
			})
		}
	}
}

const password = "correct horse"

// person makes a user with a password.
func (p *page) person(name string) (id string) {
	p.Helper()
	return p.must("POST", "/v1/users", fmt.Sprintf(`{"email_address":["%[1]s@example.com"],"first_name":%[1]q,"password":%[2]q}`, name, password)).text("id")
}

// choosePassword types a new password, and lets the component say that it is good: what
// it says then moves the button below.
func (p *page) choosePassword() {
	p.Helper()
	p.fill("password", password)
	p.shows("Your password meets all the necessary requirements")
}

// enter signs a person in, with <SignIn/>.
func (p *page) enter(address string) {
	p.Helper()
	p.to("/sign-in")
	p.fill("identifier", address)
	p.click("Continue")
	p.fill("password", password)
	p.click("Continue")
	p.lands("/")
}

// A person signs in after a mistake. The session outlives the page, gives tokens that
// the server's keys verify, and ends with <UserButton/>.
func signIn(p *page) {
	grace := p.person("grace")
	p.to("/sign-in")
	p.shows("Sign in to")
	p.fill("identifier", "grace@example.com")
	p.click("Continue")
	p.fill("password", "wrong")
	p.click("Continue")
	p.shows("Password is incorrect")
	p.refused("form_password_incorrect")
	p.fill("password", password)
	p.click("Continue")
	p.lands("/")
	p.is("grace@example.com", "no organization")

	p.to("/user")
	p.is("grace@example.com", "no organization")
	first, second := p.token(), p.token()
	same(p.T, "the second token's session", second.SessionID, first.SessionID)
	same(p.T, "its user, and the page it is for", []string{second.Subject, second.AuthorizedParty}, []string{grace, p.origin})
	p.click("Open user menu")
	p.shows("Sign out")
	p.click("Sign out")
	p.lands("/")
	p.is("nobody", "no organization")
	p.to("/")
	p.is("nobody", "no organization")
}

// token has a new session token made, and verifies it as a product's back end does.
func (p *page) token() *clerk.SessionClaims {
	p.Helper()
	keys := jwks.NewClient(&clerk.ClientConfig{BackendConfig: clerk.BackendConfig{HTTPClient: p.client, URL: new(p.url + "/v1"), Key: &p.key}})
	return ok(jwt.Verify(p.Context(), &jwt.VerifyParams{
		Token: evaluate[string](p, `Clerk.session.getToken({skipCache: true})`), JWKSClient: keys, ProxyURL: &p.issuer,
	}))(p.T)
}

// A page that stays open has its token made anew before it ends.
func stay(p *page) {
	p.person("grace")
	p.enter("grace@example.com")
	p.is("grace@example.com", "no organization")
	p.hurry()
	p.to("/user")
	tokens := "POST /v1/client/sessions/" + evaluate[string](p, `Clerk.session.id`) + "/tokens 200"
	before := p.asked(tokens)
	p.until("two tokens were made", func() bool { return p.asked(tokens) >= before+2 })
	p.is("grace@example.com", "no organization")
}

// joined holds that the page's organization is the one that invited, and that the
// invitation is used.
func (p *page) joined(organization, invitation, address string) {
	p.Helper()
	p.lands("/")
	p.is(address, "Acme")
	if got := p.must("GET", "/v1/organizations/"+organization+"/invitations/"+invitation, "").text("status"); got != "accepted" {
		p.Errorf("the invitation is %s, want accepted", got)
	}
}

// The link of a mail leads to the product's page, where <SignUp/> makes an account.
// The page that it ends on is in the organization.
func joinNew(p *page) {
	acme, _ := p.acme()
	id, link := p.linkTo(acme, "grace@example.com", p.origin+"/sign-in")
	p.to(link)
	p.shows("Fill in missing fields")
	p.choosePassword()
	p.click("Continue")
	p.joined(acme, id, "grace@example.com")
}

// Whoever has an account is signed in by the link, and asked for nothing.
func joinKnown(p *page) {
	acme, _ := p.acme()
	p.person("grace")
	id, link := p.linkTo(acme, "grace@example.com", p.origin+"/sign-in")
	p.to(link)
	p.joined(acme, id, "grace@example.com")
}

// The link of somebody else's mail does nothing for whoever is signed in, and says
// who that is. From there it can be opened again as nobody.
func joinAsOther(p *page) {
	acme, _ := p.acme()
	p.person("eve")
	p.enter("eve@example.com")
	p.is("eve@example.com", "no organization")
	id, link := p.linkTo(acme, "grace@example.com", p.origin+"/sign-in")
	p.opens(link)
	p.shows("You are signed in as eve")
	p.hides("grace")
	if got := p.must("GET", "/v1/organizations/"+acme+"/invitations/"+id, "").text("status"); got != "pending" {
		p.Errorf("the invitation is %s, want pending", got)
	}
	p.click("Use another account")
	p.shows("Fill in missing fields")
	p.choosePassword()
	p.click("Continue")
	p.joined(acme, id, "grace@example.com")
}

// A ticket that the product's page gets too late is refused with its reason.
func joinLate(p *page) {
	acme, _ := p.acme()
	id, link := p.linkTo(acme, "grace@example.com", p.origin+"/sign-in")
	p.must("POST", "/v1/organizations/"+acme+"/invitations/"+id+"/revoke", "")
	p.to("/sign-up?__clerk_status=sign_up&__clerk_ticket=" + ticketOf(p.T, link))
	p.shows("revoked")
	p.refused("organization_invitation_revoked_code")
}

// member makes a user with a password a member of an organization.
func (p *page) member(organization, name, role string) (id string) {
	p.Helper()
	id = p.person(name)
	p.must("POST", "/v1/organizations/"+organization+"/memberships", fmt.Sprintf(`{"user_id":%q,"role":%q}`, id, role))
	return id
}

// activate makes an organization the active one.
func (p *page) activate(organization string) {
	p.Helper()
	evaluate[bool](p, fmt.Sprintf(`Clerk.setActive({organization: %q}).then(() => true)`, organization))
	p.holds(organization+" is active", fmt.Sprintf(`Clerk.organization?.id == %q`, organization))
}

// invites fills in the form of <OrganizationProfile/> and sends it.
func (p *page) invites(addresses ...string) {
	p.Helper()
	const field = `document.querySelector("[data-testid=tag-input]").value`
	p.press("addresses can be typed", `[...document.querySelectorAll("[data-testid=tag-input]")]`)
	for _, address := range addresses {
		p.keys(address)
		p.holds("it is typed", fmt.Sprintf(`%s == %q`, field, address))
		p.enterKey()
		p.holds("it is taken", field+` == ""`)
	}
	p.shows(addresses...)
	p.click("Send invitations")
}

// An admin runs an organization with <OrganizationProfile/>.
func administer(p *page) {
	acme, _ := p.acme()
	p.member(acme, "alice", "org:admin")
	p.member(acme, "grace", "org:member")
	p.member(acme, "bob", "org:member")
	p.enter("alice@example.com")
	p.activate(acme)
	p.to("/organization")
	p.shows("General", "Acme")
	p.click("Members")
	p.shows("grace@example.com", "bob@example.com")

	p.click("Invite")
	p.invites("one@example.com", "two@example.com")
	p.shows("Invitations successfully sent")
	p.click("Finish")
	p.tab("Invitations")
	p.shows("Invited", "one@example.com", "two@example.com")
	p.mail("two@example.com")

	p.click("Invite")
	p.invites("One@example.com", "three@example.com")
	p.shows("pending invitations for the following email addresses: One@example.com.")
	p.refused("duplicate_record")
	p.hides("One@example.com ") // the form has dropped it
	p.click("Cancel")
	p.click("Invite")
	p.invites("grace@example.com")
	p.shows("grace@example.com is already a member")
	p.refused("already_a_member_in_organization")
	p.click("Cancel")

	p.clickIn("one@example.com", "Open menu")
	p.click("Revoke invitation")
	p.hides("one@example.com")

	p.tab("Members")
	p.clickIn("grace@example.com", "Member")
	p.press("there is another role", `[...document.querySelectorAll(".cl-selectOption")].filter(e => words(e) == "Admin")`)
	p.holds("grace is an admin", `[...document.querySelectorAll("tr")].some(r => /grace[^]*Admin/.test(r.innerText))`)
	p.picture("grace is an admin")
	p.clickIn("bob@example.com", "Open menu")
	p.click("Remove member")
	p.hides("bob@example.com")
	same(p.T, "members", each(p.all("/v1/organizations/"+acme+"/memberships?order_by=%2Bemail_address"), func(m object) string {
		return m.text("public_user_data", "identifier") + " " + m.text("role")
	}), []string{"ada@example.com org:admin", "alice@example.com org:admin", "grace@example.com org:admin"})
	same(p.T, "invitations", each(p.all("/v1/organizations/"+acme+"/invitations?order_by=%2Bemail_address"), func(i object) string {
		return i.text("email_address") + " " + i.text("status")
	}), []string{"one@example.com revoked", "two@example.com pending"})
}

// A member without permissions sees who is there, and nothing to change them with.
func look(p *page) {
	acme, _ := p.acme()
	p.member(acme, "grace", "org:member")
	p.invite(acme, "secret@example.com")
	p.enter("grace@example.com")
	p.activate(acme)
	p.to("/organization")
	p.click("Members")
	p.shows("ada@example.com", "grace@example.com")
	if evaluate[bool](p, `/Invit|secret|Delete organization/.test(document.body.innerText) || !!document.querySelector("td button")`) {
		p.Errorf("a member is shown what only admins may do")
	}
}

// An admin renames an organization and deletes it; a member leaves it.
func end(p *page) {
	acme, _ := p.acme()
	alice := p.member(acme, "alice", "org:admin")
	atlas := p.must("POST", "/v1/organizations", fmt.Sprintf(`{"name":"Atlas","created_by":%q}`, alice)).text("id")
	p.must("PATCH", "/v1/organizations/"+acme+"/memberships/"+alice, `{"role":"org:member"}`)
	p.enter("alice@example.com")
	p.activate(atlas)
	p.to("/organization")
	p.click("Update profile")
	p.fill("name", "Atlas Moths")
	p.click("Save")
	p.hides("Save")
	p.is("alice@example.com", "Atlas Moths")
	p.click("Delete organization")
	p.shows("irreversible")
	p.fill("deleteOrganizationConfirmation", "Atlas Moths")
	p.press("it can be confirmed", `named("Delete organization").filter(e => e.type == "submit")`)
	p.lands("/")
	p.is("alice@example.com", "no organization")

	p.activate(acme)
	p.to("/organization")
	p.shows("General")
	p.click("Leave organization")
	p.fill("deleteOrganizationConfirmation", "Acme")
	p.press("it can be confirmed", `named("Leave organization").filter(e => e.type == "submit")`)
	p.lands("/")
	p.is("alice@example.com", "no organization")
	same(p.T, "memberships", len(p.all("/v1/users/"+alice+"/organization_memberships?")), 0)
}

// The switcher shows who invited; a person joins there, and goes back and forth.
func choose(p *page) {
	acme, _ := p.acme()
	p.person("grace")
	i := p.invite(acme, "grace@example.com")
	p.enter("grace@example.com")
	p.to("/switcher")
	p.click("Open organization switcher")
	p.shows("Acme", "Join")
	p.click("Join")
	p.hides("Join")
	p.click("Acme")
	p.joined(acme, i.text("id"), "grace@example.com")
	p.to("/switcher")
	p.click("Open organization switcher")
	p.click("Create organization")
	p.fill("name", "Atlas")
	p.shows("Create organization")
	p.click("Create organization")
	p.shows("Invite")
}

// Who has an address of an organization's domain is told of it, and asks to join; an
// admin lets them in.
func ask(p *page) {
	acme, _ := p.acme()
	p.member(acme, "alice", "org:admin")
	p.must("PATCH", "/v1/instance/organization_settings", `{"domains_enabled":true}`)
	domains := "/v1/organizations/" + acme + "/domains"
	p.must("POST", domains, `{"name":"moths.example","enrollment_mode":"automatic_suggestion","verified":true}`)
	p.must("POST", "/v1/users", fmt.Sprintf(`{"email_address":["grace@moths.example"],"password":%q}`, password))
	p.until("grace is told of it", func() bool { return p.must("GET", domains, "").data()[0].number("total_pending_suggestions") == 1 })
	p.enter("grace@moths.example")
	p.to("/switcher")
	p.click("Open organization switcher")
	p.shows("Acme", "Request to join")
	p.click("Request to join")
	p.shows("Pending approval")

	evaluate[bool](p, `Clerk.signOut().then(() => true)`)
	p.enter("alice@example.com")
	p.activate(acme)
	p.to("/organization")
	p.click("Members")
	p.tab("Requests")
	p.shows("grace@moths.example")
	p.clickIn("grace@moths.example", "Approve")
	p.hides("grace@moths.example")
	p.to("/organization")
	p.click("Members")
	p.shows("grace@moths.example")
}

// The list shows organizations that one is in or invited to, and makes new ones.
func acceptFromList(p *page) {
	acme, _ := p.acme()
	p.person("grace")
	i := p.invite(acme, "grace@example.com")
	p.enter("grace@example.com")
	p.to("/organizations")
	p.shows("Choose an account", "Acme")
	p.click("Join")
	p.hides("Join")
	p.click("Acme")
	p.joined(acme, i.text("id"), "grace@example.com")
}

// code types the code in the last of so many mails where one is asked for.
func (p *page) code(address string, mails int) {
	p.Helper()
	p.press("a code can be typed", `[...document.querySelectorAll("[autocomplete=one-time-code], [data-input-otp]")]`)
	p.keys(p.usher.code(address, mails))
}

// A person without an invitation proves an address with a code, to sign up and later
// to sign in.
func signUp(p *page) {
	p.to("/sign-up")
	p.fill("emailAddress", "grace@example.com")
	p.choosePassword()
	p.click("Continue")
	p.shows("Verify your email")
	p.code("grace@example.com", 1)
	p.lands("/")
	p.is("grace@example.com", "no organization")
	evaluate[bool](p, `Clerk.signOut().then(() => true)`)
	p.lands("/")

	p.to("/sign-in")
	p.fill("identifier", "grace@example.com")
	p.click("Continue")
	p.click("Use another method")
	p.shows("Email code to")
	p.click("Email code to grace@example.com")
	p.shows("Check your email")
	p.code("grace@example.com", 2)
	p.lands("/")
	p.is("grace@example.com", "no organization")
}

// A person changes all that <UserProfile/> offers: the name, an address, the password,
// where else one is signed in, and in the end whether there is an account at all.
func change(p *page) {
	grace := p.person("grace")
	p.must("POST", "/v1/sessions", fmt.Sprintf(`{"user_id":%q}`, grace))
	p.enter("grace@example.com")
	p.to("/profile")
	p.click("Update profile")
	p.fill("firstName", "Grace")
	p.fill("lastName", "Hopper")
	p.click("Save")
	p.shows("Grace Hopper")

	p.click("Add email address")
	p.fill("emailAddress", "hopper@example.com")
	p.click("Add")
	p.shows("Verify email address")
	p.code("hopper@example.com", 1)
	p.hides("Verify email address")
	p.shows("hopper@example.com")

	p.click("Security")
	p.click("Update password")
	p.fill("currentPassword", "wrong horse")
	p.fill("newPassword", "another horse")
	p.fill("confirmPassword", "another horse")
	p.click("Save")
	p.until("the password is refused", func() bool { return p.asked("POST /v1/me/change_password 422") == 1 })
	p.refused("form_password_validation_failed")
	p.fill("currentPassword", password)
	p.click("Save")
	p.until("the other session has ended", func() bool {
		return len(p.must("GET", "/v1/sessions?paginated=true&status=active&user_id="+grace, "").data()) == 1
	})

	p.click("Delete account")
	p.fill("deleteConfirmation", "Delete account")
	p.click("Delete account")
	p.lands("/")
	p.is("nobody", "no organization")
}
