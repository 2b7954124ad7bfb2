// Package storetest says what a store must do, whatever engine is under it: each
// operation and each refusal, that a refused operation changes nothing, and that
// any number of callers at once see the promises of one.
package storetest

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"modernc.org/sqlite"

	"usher/internal/invite"
	"usher/internal/store"
)

// Clock is the time of a store under test. It stands still until it is moved,
// and is safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock at an odd instant, so that truncation shows.
func NewClock() *Clock {
	return &Clock{now: time.Date(2026, 1, 2, 3, 4, 5, 678_912_345, time.UTC)}
}

// Now returns the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Add moves the clock.
func (c *Clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Open opens an empty store that lives as long as the test, and a second,
// read-only connection to its tables.
type Open func(t *testing.T, clock *Clock) (db *store.DB, raw *sql.DB)

// Run runs every test on stores that open opens. After each one it checks the
// invariants that no operation may break.
func Run(t *testing.T, open Open) { Some(t, 1, open) }

// Some is Run with each step-th test alone, for another way to what Run is run on.
func Some(t *testing.T, step int, open Open) {
	tests := []struct {
		name string
		run  func(*World)
	}{
		{"invitations are created, read, revoked", testInvitationLife},
		{"creation refuses in the contract's order", testCreationOrder},
		{"bulk is all or none", testBulk},
		{"seats are held and given back", testSeats},
		{"an overdue invitation reads as expired at once", testOverdue},
		{"what has expired holds no seat, however much it is", testManyOverdue},
		{"an invitation that expires before the others is seen to", testEarlierExpiry},
		{"a secret key is replaced", testKeys},
		{"an instance is found by its host", testFrontend},
		{"a session is granted what its user is", testSessions},
		{"a session ends with its user", testSessionsEnd},
		{"people change their passwords", testOwnPassword},
		{"people prove their addresses", testOwnAddresses},
		{"people end their sessions", testOwnSessions},
		{"people delete their accounts", testOwnDeletion},
		{"browsers are forgotten", testForgottenBrowsers},
		{"one of many browsers uses a ticket", testTicketOfManyBrowsers},
		{"a browser changes its token as it signs in", testBrowserTokens},
		{"a session in use ends with its longest life", testBrowserLifetime},
		{"browsers of another tenant are nobody's", testBrowserTenants},
		{"a refused sign-in leaves nothing", testRefusedBrowsers},
		{"guessing locks a user", testLockout},
		{"no guess is lost in a crowd", testGuessesAtOnce},
		{"sessions live as long as their instance lets them", testSessionLimits},
		{"a change of password can end the sessions", testSignOut},
		{"the key that signs is replaced", testSigningKeys},
		{"lists filter, order and turn pages", testLists},
		{"lists of all organizations filter, order and turn pages", testAcross},
		{"a user's invitations are those to any verified address", testUserInvitations},
		{"a user's invitations are those by domains as well", testInvitedByDomain},
		{"memberships of all organizations are listed", testMembershipLists},
		{"organizations are found", testOrganizationLists},
		{"an organization has one logo or none", testLogo},
		{"nobody holds two seats", testOneSeat},
		{"the last of the managers stays", testManagersMeet},
		{"a ticket makes a member", testAccept},
		{"a ticket refuses with its reason", testTicketRefusals},
		{"somebody can always manage the members", testLastAdmin},
		{"organizations and users go with what is theirs", testDeletion},
		{"a large organization is gone at once, and its rows little by little", testDeletionOfMany},
		{"tenants cannot see each other", testTenants},
		{"a request is carried out once", testOnce},
		{"messages are claimed, fenced, parked, released", testOutbox},
		{"a new server takes over what a dead one was delivering", testReleaseLeases},
		{"the inbox keeps mail", testInbox},
		{"the log tells what happened, in order", testEvents},
		{"a mail that has left is an event", testMailEvents},
		{"a reader of the log misses nothing", testFollowing},
		{"events are forgotten, and it is said", testForgetting},
		{"a snapshot is one moment", testSnapshot},
		{"addresses are forgotten after their time", testForgettingAddresses},
		{"mails are forgotten with the addresses", testForgettingMails},
		{"a person is erased everywhere", testErasing},
		{"an address that nobody has proven is erased", testErasingClaims},
		{"endpoints are added, changed, removed", testEndpoints},
		{"events become deliveries, and deliveries history", testDeliveries},
		{"an endpoint goes back in the log", testReplaySince},
		{"an endpoint that fails for days is disabled", testFailing},
		{"a dead endpoint does not fill the outbox", testBacklog},
		{"lines of one endpoint share the log", testLinesShareTheLog},
		{"a refusal changes nothing", testAtomicity},
		{"one invitation ends once", testOneOutcome},
		{"one address is invited once", testOneInvitation},
		{"seats are never oversold", testNeverOversold},
		{"workers share the outbox", testWorkers},
		{"readers see one moment", testSnapshots},
		{"roles come, are used, and go", testRoles},
		{"a refusal about roles changes nothing", testRoleRefusals},
		{"role sets are exchanged with their members", testRoleSets},
		{"an instance has so many roles and no more", testRoleQuota},
		{"nobody is left with a role that is gone", testRoleRaces},
		{"users keep what they are given", testUserLife},
		{"passwords are set, refreshed, removed", testPasswords},
		{"the banned and the locked do not join", testBans},
		{"addresses are added, verified, replaced, deleted", testAddresses},
		{"addresses bring in and take out of a domain", testAddressesEnroll},
		{"a ticket proves a reserved address", testReservedJoins},
		{"users are filtered, ordered and walked", testUserLists},
		{"a name and an address have one owner", testOneOwner},
		{"tenants cannot touch each other's users", testUserTenants},
		{"lists say who may come in", testAccess},
		{"domains belong to one organization", testDomains},
		{"domains bring people in", testEnrollment},
		{"domains are verified by a mailed code", testAffiliation},
		{"what a domain does to many is done little by little", testEnrollmentOfMany},
		{"domains are not oversold", testDomainRaces},
		{"domains are for members who may", testDomainsAsMembers},
		{"who is suggested to may ask", testRequests},
		{"a request ends with what it depends on", testRequestsEnd},
		{"requests are for members who may answer them", testRequestTenants},
		{"a request is answered once", testOneAnswer},
		{"settings are changed one by one", testSettings},
		{"a setting holds from the next request on", testSettingsAtOnce},
		{"the application invites", testApplicationInvitations},
		{"the application invites an address once", testApplicationDuplicates},
		{"an overdue invitation to the application reads as expired at once", testApplicationOverdue},
		{"lists of invitations to the application filter, order and turn pages", testApplicationLists},
		{"one invitation to the application ends once", testOneApplicationInvitation},
		{"a token signs its user in", testSignInTokens},
		{"a token that has expired is forgotten", testSignInExpiry},
		{"a token signs in once", testOneSignIn},
		{"invitations lead to listed URLs", testRedirectURLs},
		{"one URL is listed once", testOneRedirectURL},
	}
	for k := 0; k < len(tests); k += step {
		test := tests[k]
		t.Run(test.name, func(t *testing.T) {
			w := NewWorld(t, open)
			test.run(w)
			Invariants(t, w.DB, w.Raw)
		})
	}
}

// NewSigningKey returns the same key each time: making one takes longer than most
// tests.
var NewSigningKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// World is a store with one instance, one organization and its admin.
type World struct {
	*testing.T
	DB       *store.DB
	Raw      *sql.DB
	Clock    *Clock
	Instance *invite.Instance
	Key      string // of the instance
	Admin    *invite.User
	Org      *invite.Organization
}

// NewWorld opens a store and puts Ada, admin of Acme, into it.
func NewWorld(t *testing.T, open Open) *World {
	t.Helper()
	w := &World{T: t, Clock: NewClock()}
	w.DB, w.Raw = open(t, w.Clock)
	w.Instance, w.Key = must2(w.DB.CreateInstance(t.Context(), invite.Instance{Environment: invite.Test, Name: "App"}, ""))(t)
	w.Admin = w.user("ada@example.com")
	w.Org = must(w.DB.CreateOrganization(t.Context(), w.Instance, invite.NewOrganization{Name: "Acme", CreatedBy: w.Admin.ID}))(t)
	return w
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func must2[A, B any](a A, b B, err error) func(*testing.T) (A, B) {
	return func(t *testing.T) (A, B) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return a, b
	}
}

func (w *World) user(address string) *invite.User {
	w.Helper()
	return must(w.DB.CreateUser(w.Context(), w.Instance, invite.NewUser{EmailAddresses: []string{address}}))(w.T)
}

// member adds a new user to the organization.
func (w *World) member(address, role string) *invite.User {
	w.Helper()
	u := w.user(address)
	must(w.DB.CreateMembership(w.Context(), w.Instance, w.Org.ID, invite.NewMembership{UserID: u.ID, Role: role}))(w.T)
	return u
}

// asking returns the inputs of an ordinary invitation.
func asking(address string) invite.NewInvitation {
	return invite.NewInvitation{EmailAddress: address, Role: invite.RoleMember, ExpiresInDays: 30, Notify: true}
}

func (w *World) invite(address string) *invite.Invitation {
	w.Helper()
	return must(w.DB.CreateInvitation(w.Context(), w.Instance, w.Org.ID, asking(address)))(w.T)
}

func (w *World) accept(i *invite.Invitation) error {
	_, err := w.DB.AcceptInvitation(w.Context(), invite.TicketFor(i, invite.ByMail), invite.Joiner{})
	return err
}

func (w *World) decline(i *invite.Invitation) error {
	return w.DB.DeclineInvitation(w.Context(), invite.TicketFor(i, invite.ByMail))
}

func (w *World) revoke(i *invite.Invitation) error {
	_, err := w.DB.RevokeInvitation(w.Context(), w.Instance, w.Org.ID, i.ID, "")
	return err
}

// limit sets how many seats the organization has.
func (w *World) limit(seats int) {
	w.Helper()
	must(w.DB.UpdateOrganization(w.Context(), w.Instance, w.Org.ID, invite.OrganizationChange{MaxAllowedMemberships: &seats}))(w.T)
}

// list returns the addresses of one page of invitations, and the total.
func (w *World) list(f store.InvitationFilter) ([]string, int) {
	w.Helper()
	if f.Limit == 0 {
		f.Limit = 100
	}
	page := must(w.DB.Invitations(w.Context(), w.Instance, w.Org.ID, f))(w.T)
	var names []string
	for _, i := range page.Invitations {
		name, _, _ := strings.Cut(i.Email.Address, "@")
		names = append(names, name)
	}
	return names, page.Total
}

// seats reports the organization's members and pending invitations.
func (w *World) seats() (members, pending int) {
	w.Helper()
	o := must(w.DB.Organization(w.Context(), w.Instance, w.Org.ID))(w.T)
	return o.Members, o.Pending
}

func (w *World) wantSeats(members, pending int) {
	w.Helper()
	if m, p := w.seats(); m != members || p != pending {
		w.Errorf("got %d members and %d pending invitations, want %d and %d", m, p, members, pending)
	}
}

// refused checks that err is a refusal of the given kind.
func (w *World) refused(what string, err error, want invite.Kind) {
	w.Helper()
	if !errors.Is(err, invite.Err(want)) {
		w.Errorf("%s: got error %v, want %s", what, err, want)
	}
}

func (w *World) ok(what string, err error) {
	w.Helper()
	if err != nil {
		w.Errorf("%s: got error %v, want none", what, err)
	}
}

// tables are all tables of the schema that operations change.
var tables = []string{
	"instances", "keys", "list_identifiers", "permissions", "roles", "role_permissions", "role_sets", "role_set_roles",
	"users", "email_addresses", "organizations", "organization_logos", "deleted_organizations", "organization_domains", "enrollments", "enrollment_jobs", "membership_requests", "memberships", "role_members",
	"invitations", "application_invitations", "redirect_urls", "sign_in_tokens", "clients", "sessions", "sign_ins", "sign_ups", "events", "outbox", "inbox", "idempotency_keys",
	"webhook_endpoints", "deliveries", "attempts",
}

// Dump returns the rows of every table, as text, sorted.
func Dump(t *testing.T, raw *sql.DB) map[string][]string {
	t.Helper()
	dump := make(map[string][]string)
	for _, table := range tables {
		dump[table] = Rows(t, raw, `SELECT * FROM `+table+` ORDER BY 1, 2, 3`)
	}
	return dump
}

// Rows returns what a query finds, each row as text.
func Rows(t *testing.T, raw *sql.DB, query string) []string {
	t.Helper()
	found, err := raw.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	columns, err := found.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for found.Next() {
		values := make([]any, len(columns))
		targets := make([]any, len(columns))
		for k := range values {
			targets[k] = &values[k]
		}
		if err := found.Scan(targets...); err != nil {
			t.Fatal(err)
		}
		list = append(list, fmt.Sprintf("%v", values))
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// onSQLite reports whether the rows are in a file, of one process.
func onSQLite(raw *sql.DB) bool {
	_, ok := raw.Driver().(*sqlite.Driver)
	return ok
}

// Invariants recounts what the store counts, and finds what must never be there.
func Invariants(t *testing.T, db *store.DB, raw *sql.DB) {
	t.Helper()
	if err := db.Ping(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	active := fmt.Sprintf(`s.closed = '' AND s.expire_at > %d AND s.abandon_at > %[1]d`, db.Now())
	status := func(s invite.Status) string {
		return fmt.Sprintf(`(SELECT count(*) FROM invitations i WHERE i.instance_id = o.instance_id AND i.organization_id = o.id AND i.status = %d)`, s)
	}
	for s, counter := range []string{"pending", "accepted", "revoked", "expired", "declined"} {
		if found := Rows(t, raw, fmt.Sprintf(`SELECT d.instance_id, d.%s FROM instances d WHERE d.%[1]s <>
			(SELECT count(*) FROM application_invitations i WHERE i.instance_id = d.instance_id AND i.status = %d)`, counter, s)); len(found) > 0 {
			t.Errorf("%s invitations to the application are counted wrong: %v", counter, found)
		}
	}
	if onSQLite(raw) {
		const disorder = `SELECT a.id FROM events a JOIN events b ON b.instance_id = a.instance_id AND b.rowid > a.rowid AND b.id < a.id`
		if found := Rows(t, raw, disorder); len(found) > 0 {
			t.Errorf("a log out of order: %v", found)
		}
	}
	for what, query := range map[string]string{
		"members are counted wrong": `SELECT o.id, o.members FROM organizations o WHERE o.members <>
			(SELECT count(*) FROM memberships m WHERE m.instance_id = o.instance_id AND m.organization_id = o.id)`,
		"pending invitations are counted wrong":  `SELECT o.id, o.pending FROM organizations o WHERE o.pending <> ` + status(invite.Pending),
		"accepted invitations are counted wrong": `SELECT o.id, o.accepted FROM organizations o WHERE o.accepted <> ` + status(invite.Accepted),
		"revoked invitations are counted wrong":  `SELECT o.id, o.revoked FROM organizations o WHERE o.revoked <> ` + status(invite.Revoked),
		"expired invitations are counted wrong":  `SELECT o.id, o.expired FROM organizations o WHERE o.expired <> ` + status(invite.Expired),
		"declined invitations are counted wrong": `SELECT o.id, o.declined FROM organizations o WHERE o.declined <> ` + status(invite.Declined),
		"users are counted wrong": `SELECT i.instance_id, i.users FROM instances i WHERE i.users <>
			(SELECT count(*) FROM users u WHERE u.instance_id = i.instance_id)`,
		"organizations are counted wrong": `SELECT i.instance_id, i.organizations FROM instances i WHERE i.organizations <>
			(SELECT count(*) FROM organizations o WHERE o.instance_id = i.instance_id)`,
		"memberships are counted wrong": `SELECT i.instance_id, i.memberships FROM instances i WHERE i.memberships <>
			(SELECT count(*) FROM memberships m WHERE m.instance_id = i.instance_id)`,
		"members with a role are counted wrong": `SELECT r.organization_id, r.role_id, r.members FROM role_members r WHERE r.members <>
			(SELECT count(*) FROM memberships m WHERE m.instance_id = r.instance_id AND m.organization_id = r.organization_id AND m.role_id = r.role_id)`,
		"members with a role are not counted": `SELECT m.organization_id, m.role_id FROM memberships m WHERE NOT EXISTS
			(SELECT 1 FROM role_members r WHERE r.instance_id = m.instance_id AND r.organization_id = m.organization_id AND r.role_id = m.role_id)`,
		"redirect URLs are counted wrong": `SELECT i.instance_id, i.redirect_urls FROM instances i WHERE i.redirect_urls <>
			(SELECT count(*) FROM redirect_urls r WHERE r.instance_id = i.instance_id)`,
		"domains of an organization are counted wrong": `SELECT o.id, o.domains FROM organizations o WHERE o.domains <>
			(SELECT count(*) FROM organization_domains d WHERE d.instance_id = o.instance_id AND d.organization_id = o.id)`,
		"domains are counted wrong": `SELECT i.instance_id, i.organization_domains FROM instances i WHERE i.organization_domains <>
			(SELECT count(*) FROM organization_domains d WHERE d.instance_id = i.instance_id)`,
		"enrollments are counted wrong": `SELECT d.id, d.invitations, d.suggestions FROM organization_domains d WHERE
			d.invitations <> (SELECT count(*) FROM enrollments e WHERE e.instance_id = d.instance_id AND e.domain_id = d.id AND e.kind = 'invitation' AND e.status = 'pending') OR
			d.suggestions <> (SELECT count(*) FROM enrollments e WHERE e.instance_id = d.instance_id AND e.domain_id = d.id AND e.kind = 'suggestion' AND e.status = 'pending')`,
		"a member is still enrolled": `SELECT e.id FROM enrollments e
			JOIN organization_domains d ON d.instance_id = e.instance_id AND d.id = e.domain_id
			JOIN memberships m ON m.instance_id = e.instance_id AND m.organization_id = e.organization_id AND m.user_id = e.user_id`,
		"membership requests are counted wrong": `SELECT o.id, o.requests FROM organizations o WHERE o.requests <>
			(SELECT count(*) FROM membership_requests r WHERE r.instance_id = o.instance_id AND r.organization_id = o.id AND r.status = 0)`,
		"a member still asks to become one": `SELECT r.id FROM membership_requests r JOIN memberships m
			ON m.instance_id = r.instance_id AND m.organization_id = r.organization_id AND m.user_id = r.user_id WHERE r.status = 0`,
		"a membership request without its organization or its user": `SELECT r.id FROM membership_requests r WHERE NOT EXISTS
			(SELECT 1 FROM organizations o WHERE o.instance_id = r.instance_id AND o.id = r.organization_id) OR NOT EXISTS
			(SELECT 1 FROM users u WHERE u.instance_id = r.instance_id AND u.id = r.user_id)`,
		"a user has accepted a suggestion and asks nobody": `SELECT e.id FROM enrollments e
			JOIN organization_domains d ON d.instance_id = e.instance_id AND d.id = e.domain_id WHERE e.status = 'accepted' AND NOT EXISTS
			(SELECT 1 FROM membership_requests r WHERE r.instance_id = e.instance_id AND r.organization_id = e.organization_id
				AND r.user_id = e.user_id AND r.status = 0)`,
		"somebody is enrolled without the address": `SELECT e.id FROM enrollments e WHERE NOT EXISTS
			(SELECT 1 FROM email_addresses a WHERE a.instance_id = e.instance_id AND a.user_id = e.user_id AND a.id = e.email_address_id AND a.verified <> '')`,
		"a domain without its organization": `SELECT d.id FROM organization_domains d WHERE NOT EXISTS
			(SELECT 1 FROM organizations o WHERE o.instance_id = d.instance_id AND o.id = d.organization_id)`,
		"an address has two pending invitations": `SELECT organization_id, email_key FROM invitations WHERE status = 0
			GROUP BY instance_id, organization_id, email_key HAVING count(*) > 1`,
		"an organization without the logo it names": `SELECT o.id, o.logo FROM organizations o WHERE o.logo <>
			COALESCE((SELECT l.name FROM organization_logos l WHERE l.instance_id = o.instance_id AND l.organization_id = o.id), '')`,
		"a logo without its organization": `SELECT organization_id FROM organization_logos l WHERE NOT EXISTS
			(SELECT 1 FROM organizations o WHERE o.instance_id = l.instance_id AND o.id = l.organization_id)`,
		"a pending invitation has forgotten its address": `SELECT id FROM invitations WHERE status = 0 AND forgotten = 1
			UNION ALL SELECT id FROM application_invitations WHERE status = 0 AND forgotten = 1`,
		"an ended invitation still holds its address": `SELECT id FROM invitations WHERE (status = 0) <> (closed = '')`,
		"an address belongs to two users": `SELECT email_key FROM email_addresses WHERE verified <> '' OR reserved = 1
			GROUP BY instance_id, email_key HAVING count(*) > 1`,
		"an address is claimed and loose at once": `SELECT id FROM email_addresses
			WHERE loose <> CASE WHEN verified <> '' OR reserved = 1 THEN '' ELSE id END OR verified <> '' AND reserved = 1`,
		"two users have one name": `SELECT username_key FROM users WHERE username <> ''
			GROUP BY instance_id, username_key HAVING count(*) > 1`,
		"a user has an address but no primary one": `SELECT id FROM users u WHERE (u.primary_email_address_id = '') = EXISTS
			(SELECT 1 FROM email_addresses e WHERE e.instance_id = u.instance_id AND e.user_id = u.id)`,
		"an address without its user": `SELECT id FROM email_addresses e WHERE NOT EXISTS
			(SELECT 1 FROM users u WHERE u.instance_id = e.instance_id AND u.id = e.user_id)`,
		"an accepted invitation has no user": `SELECT id FROM invitations WHERE (status = 1) <> (user_id <> '')`,
		"a membership without its organization": `SELECT id FROM memberships m WHERE NOT EXISTS
			(SELECT 1 FROM organizations o WHERE o.instance_id = m.instance_id AND o.id = m.organization_id)`,
		"a membership without its user": `SELECT id FROM memberships m WHERE NOT EXISTS
			(SELECT 1 FROM users u WHERE u.instance_id = m.instance_id AND u.id = m.user_id)`,
		"a member with a role that is not in the organization's role set": `SELECT m.id, m.role_id FROM memberships m` + outsideRoleSet("m"),
		"a pending invitation with a role that is not in the organization's role set": `SELECT i.id, i.role_id FROM invitations i` + outsideRoleSet("i") + `
			AND i.status = 0 AND i.expires_at > (SELECT max(created_at) FROM events)`,
		"a role set without its default role or its creator role": `SELECT s.id FROM role_sets s WHERE
			s.default_role_id NOT IN (SELECT r.role_id FROM role_set_roles r WHERE r.instance_id = s.instance_id AND r.role_set_id = s.id) OR
			s.creator_role_id NOT IN (SELECT r.role_id FROM role_set_roles r WHERE r.instance_id = s.instance_id AND r.role_set_id = s.id)`,
		"a role set with a role that is gone": `SELECT x.role_id FROM role_set_roles x WHERE NOT EXISTS
			(SELECT 1 FROM roles r WHERE r.instance_id = x.instance_id AND r.id = x.role_id AND r.deleted_at = 0)
			OR NOT EXISTS (SELECT 1 FROM role_sets s WHERE s.instance_id = x.instance_id AND s.id = x.role_set_id)`,
		"a permission of a role that is gone, or a role's permission that is": `SELECT x.role_id FROM role_permissions x WHERE NOT EXISTS
			(SELECT 1 FROM roles r WHERE r.instance_id = x.instance_id AND r.id = x.role_id AND r.deleted_at = 0)
			OR NOT EXISTS (SELECT 1 FROM permissions p WHERE p.instance_id = x.instance_id AND p.id = x.permission_id)`,
		"an instance without its initial role set": `SELECT n.instance_id FROM instances n WHERE 1 <>
			(SELECT count(*) FROM role_sets s WHERE s.instance_id = n.instance_id AND s.type = 'initial')`,
		"an invitation without its organization": `SELECT id FROM invitations i WHERE NOT EXISTS
			(SELECT 1 FROM organizations o WHERE o.instance_id = i.instance_id AND o.id = i.organization_id)`,
		"a message without its invitation": `SELECT id FROM outbox q WHERE q.endpoint_id = '' AND NOT EXISTS
			(SELECT 1 FROM invitations i WHERE i.instance_id = q.instance_id AND i.organization_id = q.organization_id AND i.id = q.subject_id)
			AND NOT EXISTS (SELECT 1 FROM application_invitations i WHERE i.instance_id = q.instance_id AND q.organization_id = '' AND i.id = q.subject_id)
			AND q.code_number = 0`,
		"a session without its user": `SELECT id FROM sessions s WHERE NOT EXISTS
			(SELECT 1 FROM users u WHERE u.instance_id = s.instance_id AND u.id = s.user_id)`,
		"a session that can be used in no browser": `SELECT id FROM sessions s WHERE ` + active + ` AND NOT EXISTS (SELECT 1 FROM clients c WHERE c.instance_id = s.instance_id AND c.id = s.client_id)`,
		"a browser uses another's session": `SELECT c.id FROM clients c JOIN sessions s ON s.instance_id = c.instance_id AND s.id = c.active_session
			WHERE s.client_id <> c.id`,
		"two people are signed in in one browser": `SELECT client_id FROM sessions s WHERE ` + active + ` GROUP BY instance_id, client_id HAVING count(*) > 1`,
		"a sign-in of no browser": `SELECT id FROM sign_ins s WHERE NOT EXISTS
			(SELECT 1 FROM clients c WHERE c.instance_id = s.instance_id AND c.id = s.client_id)`,
		"a sign-up of no browser": `SELECT id FROM sign_ups s WHERE NOT EXISTS
			(SELECT 1 FROM clients c WHERE c.instance_id = s.instance_id AND c.id = s.client_id)`,
		"a sign-in token without its user": `SELECT id FROM sign_in_tokens s WHERE NOT EXISTS
			(SELECT 1 FROM users u WHERE u.instance_id = s.instance_id AND u.id = s.user_id)`,
		"an accepted invitation to the application has no user": `SELECT id FROM application_invitations WHERE (status = 1) <> (user_id <> '')`,
		"a message to no endpoint": `SELECT id FROM outbox q WHERE q.endpoint_id <> '' AND NOT EXISTS
			(SELECT 1 FROM webhook_endpoints w WHERE w.instance_id = q.instance_id AND w.id = q.endpoint_id)`,
		"a message of an event without its pending delivery": `SELECT q.id FROM outbox q JOIN events e ON e.instance_id = q.instance_id AND e.id = q.id
			WHERE q.endpoint_id <> '' AND NOT EXISTS (SELECT 1 FROM deliveries d
				WHERE d.instance_id = q.instance_id AND d.event_id = q.id AND d.endpoint_id = q.endpoint_id AND d.status = 0)`,
		"a pending delivery without its message": `SELECT d.event_id FROM deliveries d JOIN webhook_endpoints w ON w.instance_id = d.instance_id AND w.id = d.endpoint_id
			WHERE d.status = 0 AND NOT EXISTS (SELECT 1 FROM outbox q
				WHERE q.instance_id = d.instance_id AND q.endpoint_id = d.endpoint_id AND q.id = d.event_id)`,
		"attempts are counted wrong": `SELECT d.event_id FROM deliveries d WHERE d.attempts <>
			(SELECT count(*) FROM attempts a WHERE a.instance_id = d.instance_id AND a.event_id = d.event_id AND a.endpoint_id = d.endpoint_id)`,
		"an event of a type that nobody knows": `SELECT id FROM events WHERE type NOT IN (` + known() + `)`,
		"an invitation without its event": `SELECT id FROM invitations i WHERE NOT EXISTS
			(SELECT 1 FROM events e WHERE e.instance_id = i.instance_id AND e.organization_id = i.organization_id
				AND e.type = 'organizationInvitation.created' AND e.data LIKE '%' || i.id || '%')
			AND substr(i.id, 8) > (SELECT substr(events_forgotten, 5) FROM instances n WHERE n.instance_id = i.instance_id)
			AND i.forgotten = 0 AND (i.inviter_id = '' OR EXISTS (SELECT 1 FROM users u WHERE u.instance_id = i.instance_id AND u.id = i.inviter_id))`,
	} {
		if found := Rows(t, raw, query); len(found) > 0 {
			t.Errorf("%s: %v", what, found)
		}
	}
}

// outsideRoleSet selects the rows under the name whose role their organization
// does not have.
func outsideRoleSet(name string) string {
	return strings.ReplaceAll(` WHERE NOT EXISTS
		(SELECT 1 FROM organizations o
		JOIN role_sets s ON s.instance_id = o.instance_id AND s.role_set_key = o.role_set_key
		JOIN role_set_roles r ON r.instance_id = s.instance_id AND r.role_set_id = s.id
		WHERE o.instance_id = x.instance_id AND o.id = x.organization_id AND r.role_id = x.role_id)`, "x.", name+".")
}

// known are the types of events, as a list of SQL.
func known() string {
	var list []string
	for _, t := range invite.KnownEvents() {
		list = append(list, "'"+string(t)+"'")
	}
	return strings.Join(list, ", ")
}

// unchanged checks that f leaves every table as it was.
func (w *World) unchanged(what string, f func()) {
	w.Helper()
	before := Dump(w.T, w.Raw)
	f()
	if diff := cmp.Diff(before, Dump(w.T, w.Raw)); diff != "" {
		w.Errorf("%s changed the tables (-before +after):\n%s", what, diff)
	}
}
