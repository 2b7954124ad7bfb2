package store

import (
	"database/sql"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"usher/internal/invite"
)

// withoutTenant are the statements that may leave the instance out, by how they
// begin, and why.
var withoutTenant = map[string]string{
	"SELECT instance_id FROM instances":                "sweeps serve every tenant, one after the other",
	"SELECT count(*) FROM instances WHERE master_key":  "one master key serves every tenant",
	"UPDATE instances SET master_key":                  "one master key serves every tenant",
	"SELECT instance_id, domain_id, organization_id":   "sweeps serve every tenant, one after the other",
	"SELECT instance_id, id FROM deleted":              "sweeps serve every tenant, one after the other",
	" FROM instances id ORDER BY":                      "the operator's list of tenants",
	"SELECT due_at FROM outbox WHERE bucket":           "workers deliver for every tenant",
	"UPDATE outbox SET attempt = attempt + 1":          "workers deliver for every tenant",
	"UPDATE outbox SET due_at = $2 WHERE bucket":       "workers deliver for every tenant",
	"SELECT (SELECT count(*) FROM outbox WHERE parked": "the operator's count of all messages",
	"SELECT count(*) FILTER (WHERE status":             "the operator's count of all endpoints",
	"SELECT id, last_error FROM outbox WHERE parked":   "the operator's list of failed messages",
	"SELECT (SELECT count(*) FROM instances)":          "what is in a backup of all tenants",
}

// continued are statements to which the function adds what names the instance.
// An @ stands for what is not literal.
var continued = regexp.MustCompile(`^(` + strings.Join([]string{
	`SELECT (@|count\(\*\)) FROM application_invitations i@?`,
	`SELECT @, @ FROM @+`,
	`SELECT @ FROM (organizations o|users u|organization_domains o)@+`,
	`SELECT count\(\*\) FROM (memberships m|membership_requests r|invitations i|@ @|@)@+`,
	`(DELETE FROM|UPDATE) outbox( SET (due_at|parked)[^W]*)?`,
	`SELECT id, organization_id, subject_id, code_number, message, created_at FROM inbox@?`,
	`SELECT id, type, data, created_at FROM events@@ LIMIT @`,
	`SELECT @ FROM deliveries d@@ LIMIT @`,
	`SELECT (i.organization_id, )?i.id( \|\| '' AS id)? FROM invitations i@+`,
	`SELECT m.id FROM (memberships m|@)@+`,
	`SELECT r.id FROM membership_requests r@+`,
}, `|`) + `)$`)

var tenantTable = regexp.MustCompile(`\b(?:FROM|JOIN|INTO|UPDATE)\s+(instances|keys|list_identifiers|permissions|roles|role_permissions|role_sets|role_set_roles|users|email_addresses|organizations|organization_domains|organization_logos|deleted_organizations|enrollments|enrollment_jobs|membership_requests|memberships|role_members|invitations|events|webhook_endpoints|deliveries|attempts|outbox|inbox|idempotency_keys|redirect_urls|application_invitations|sign_in_tokens|clients|sessions|sign_ins|sign_ups|signing_keys|@)`)

// TestEveryStatementNamesItsTenant reads the package's source.
func TestEveryStatementNamesItsTenant(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	used := make(map[string]bool)
	seen := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") || name == "copy.go" || name == "copy_table.go" { // of all tenants at once
			continue
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			text, ok := sqlText(n)
			if !ok || !tenantTable.MatchString(text) {
				return !ok
			}
			seen++
			if strings.Contains(text, "instance_id") && !strings.HasPrefix(text, "SELECT instance_id FROM instances") && exception(text) == "" || continued.MatchString(text) {
				return false
			}
			e := exception(text)
			if used[e] = true; e == "" {
				t.Errorf("%s: the statement does not name the instance: %s", fset.Position(n.Pos()), text)
			}
			return false
		})
	}
	if seen < 40 {
		t.Errorf("found %d statements only; the scan is broken", seen)
	}
	for e := range withoutTenant {
		if !used[e] {
			t.Errorf("the exception %q is not needed any more", e)
		}
	}
}

func exception(text string) string {
	for e := range withoutTenant {
		if strings.HasPrefix(text, e) || strings.HasPrefix(e, " ") && strings.Contains(text, e) {
			return e
		}
	}
	return ""
}

// sqlText returns a text or a sum of texts, runs of space folded into one, with
// an @ for every operand that is not literal.
func sqlText(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.BasicLit:
		if n.Kind != token.STRING {
			return "", false
		}
		s, err := strconv.Unquote(n.Value)
		return space.ReplaceAllString(strings.TrimLeft(s, "\n\t"), " "), err == nil
	case *ast.BinaryExpr:
		if n.Op != token.ADD {
			return "", false
		}
		x, literal := sqlText(n.X)
		y, also := sqlText(n.Y)
		if !literal {
			x = "@"
		}
		if !also {
			y = "@"
		}
		return x + y, literal || also
	}
	return "", false
}

var space = regexp.MustCompile(`\s+`)

// plan returns what the engine would do for a statement, but not that it reads the
// rows of a subquery named page, which is limited.
func plan(t *testing.T, db *sql.DB, query string, args ...any) string {
	t.Helper()
	for len(args) < maxParam(query) {
		args = append(args, 1)
	}
	rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	var steps []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		if detail != "SCAN page" {
			steps = append(steps, detail)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(steps, "\n")
}

var param = regexp.MustCompile(`\$(\d+)`)

func maxParam(query string) int {
	most := 0
	for _, m := range param.FindAllStringSubmatch(query, -1) {
		n, _ := strconv.Atoi(m[1]) // digits by the pattern
		most = max(most, n)
	}
	return most
}

// statementsOf returns the statements a source file writes as one literal.
func statementsOf(t *testing.T, name, begin string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	ast.Inspect(file, func(n ast.Node) bool {
		text, ok := sqlText(n)
		if ok && strings.HasPrefix(text, begin) {
			// What is left out is a list of columns, or only added at the end.
			list = append(list, strings.ReplaceAll(strings.Replace(text, "SELECT @FROM", "SELECT * FROM", 1), "@", ""))
		}
		return !ok
	})
	if len(list) == 0 {
		t.Fatalf("%s has no statement that begins with %q", name, begin)
	}
	return list
}

// bounded holds a query to a part of an index. It may sort what it finds there.
func bounded(t *testing.T, db *sql.DB, what, query, index string, args ...any) {
	t.Helper()
	got := plan(t, db, query, args...)
	if !strings.Contains(got, index) || strings.Contains(strings.ReplaceAll(got, "SCAN CONSTANT ROW", ""), "SCAN ") {
		t.Errorf("%s: the plan does not use %s, or scans:\n%s\n%s", what, index, query, got)
	}
}

// few checks that a query for few users begins with what names them: no step of it
// reads what belongs to all of an instance or organization.
func few(t *testing.T, db *sql.DB, query, index string, args ...any) {
	t.Helper()
	bounded(t, db, "a few users", query, index, args...)
	got := plan(t, db, query, args...)
	if all.MatchString(got) {
		t.Errorf("all are read to find a few:\n%s\n%s", query, got)
	}
}

// all matches a step that is bounded by nothing but an instance or organization.
var all = regexp.MustCompile(`\(instance_id=\?( AND organization_id=\?)?\)`)

// TestPlans holds the queries that meet many rows to an index: none may read a
// table from end to end or sort what an index could have given in order.
func TestPlans(t *testing.T) {
	keys, err := invite.NewKeyring(make([]byte, invite.MinMasterKey))
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC) }
	db, err := Open(t.Context(), Options{Path: filepath.Join(t.TempDir(), "usher.db"), Now: now, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()

	check := func(what, query string, index string, args ...any) {
		t.Helper()
		got := plan(t, db.primary.sql, query, args...)
		for _, bad := range []string{"SCAN ", "TEMP B-TREE"} {
			for step := range strings.SplitSeq(got, "\n") {
				if strings.Contains(step, bad) && !strings.HasPrefix(step, "SCAN CONSTANT") {
					t.Errorf("%s: %s\nin the plan of %s\n%s", what, step, query, got)
				}
			}
		}
		if !strings.Contains(got, index) {
			t.Errorf("%s: the plan does not use %s:\n%s\n%s", what, index, query, got)
		}
	}
	list := func(what, index string, f InvitationFilter) {
		t.Helper()
		f.Limit = 10
		for _, overdue := range []bool{false, true} {
			for _, f.Offset = range []int{0, 100} {
				query, args := f.query("ins_1", "org_1", 1, overdue)
				check(what, query, index, args...)
			}
		}
	}
	for _, descending := range []bool{false, true} {
		list("all invitations", "sqlite_autoindex_invitations_1", InvitationFilter{Descending: descending})
		for s := invite.Pending; s <= invite.Declined; s++ {
			if s != invite.Expired {
				list("invitations of one status", "invitations_by_status", InvitationFilter{Statuses: []invite.Status{s}, Descending: descending})
			}
		}
	}
	for _, descending := range []bool{false, true} {
		for _, overdue := range []bool{false, true} {
			for orderBy, index := range map[string]string{"created_at": "_by_status", "email_address": "_by_email", "expires_at": "_by_end"} {
				f := ApplicationInvitationFilter{OrderBy: orderBy, Descending: descending, Page: invite.Page{Limit: 10, Offset: 100}}
				for _, f.Statuses = range [][]invite.Status{{invite.Pending}, {invite.Expired}, {invite.Pending, invite.Accepted, invite.Expired}} {
					for _, f.Query = range []string{"", "ada"} {
						used := index
						if f.Query != "" && orderBy == "created_at" {
							used = "application_invitations_1"
						}
						query, args := f.query("ins_1", 1, overdue)
						check("invitations to the application", query, used, args...)
					}
				}
			}
		}
	}
	for _, domains := range []struct {
		f     DomainFilter
		index string
	}{
		{DomainFilter{OrderBy: "created_at"}, "organization_domains_by_creation"},
		{DomainFilter{OrderBy: "name"}, "organization_domains_by_name"},
		{DomainFilter{OrderBy: "name", Query: "acme"}, "organization_domains_by_name"},
		{DomainFilter{OrderBy: "created_at", Organization: "org_1"}, "sqlite_autoindex_organization_domains_1"},
	} {
		for _, domains.f.Descending = range []bool{false, true} {
			query, args := domains.f.query("ins_1")
			check("domains", query, domains.index, args...)
		}
	}
	named := DomainFilter{OrderBy: "name", Names: []string{"acme.example", "other.example"}}
	query, args := named.query("ins_1")
	few(t, db.primary.sql, query, "organization_domains_once (instance_id=? AND name_key=?)", args...)
	for index, f := range map[string]RequestFilter{
		"sqlite_autoindex_membership_requests_1": {}, "membership_requests_by_status": {Statuses: []invite.Status{invite.Pending}},
	} {
		f.Limit, f.Offset = 10, 100
		query, args := f.query(&invite.Organization{InstanceID: "ins_1", ID: "org_1"})
		check("membership requests", query, index, args...)
	}
	bounded(t, db.primary.sql, "suggestions", `SELECT `+suggestionColumns+suggestionsOf+order(`e.id`, `e.id`, true), "enrollments_by_user (instance_id=? AND user_id=?")
	check("the domain of an address", `
		SELECT `+domainColumns+`
		FROM organization_domains o
		WHERE o.instance_id = $1 AND o.name_key = $2 AND o.verified <> ''`, "organization_domains_verified")
	f := InvitationFilter{EmailAddress: "a@example.com", Page: invite.Page{Limit: 10}}
	query, args = f.query("ins_1", "org_1", 1, true)
	if got := plan(t, db.primary.sql, query, args...); !strings.Contains(got, "invitations_by_email") { // few, so they may be sorted
		t.Errorf("the list of one address walks more than the address: %s", got)
	}

	for _, descending := range []bool{false, true} {
		for _, statuses := range [][]invite.Status{nil, {invite.Pending}, {invite.Revoked, invite.Declined}, {invite.Expired}} {
			for _, overdue := range []bool{false, true} {
				f := InvitationSearch{Statuses: statuses, OrderBy: "created_at", Descending: descending, Page: invite.Page{Limit: 10, Offset: 100}}
				query, args := f.query("ins_1", 1, overdue)
				check("invitations of an instance", query, "COVERING INDEX invitations_of_instance", args...)
			}
		}
	}
	for _, f := range []InvitationSearch{{OrderBy: "email_address"}, {OrderBy: "created_at", Query: "x"}, {OrderBy: "email_address", Query: "x", Statuses: allStatuses}} {
		query, args := f.query("ins_1", 1, true)
		bounded(t, db.primary.sql, "invitations that are searched", query, "invitations_", args...)
	}
	q := addressed("ins_1", []string{"a@example.com", "b@example.com"}, allStatuses, 1)
	bounded(t, db.primary.sql, "invitations of a user", `SELECT i.id FROM invitations i`+q.clause()+order(`i.id || ''`, `i.id`, true), "invitations_by_email (instance_id=? AND email_key=?", q.args...)
	for _, statuses := range [][]invite.Status{nil, {invite.Pending}, allStatuses} {
		f := InvitationFilter{OrderBy: "email_address", Statuses: statuses, Page: invite.Page{Limit: 10}}
		query, args := f.query("ins_1", "org_1", 1, true)
		bounded(t, db.primary.sql, "invitations of an organization by address", query, "(instance_id=? AND organization_id=?", args...)
		if got := plan(t, db.primary.sql, query, args...); strings.Contains(got, "invitations_by_email") {
			t.Errorf("an organization's invitations by address walk those of the instance:\n%s", got)
		}
	}

	members := func(what, index string, q where, f MembershipFilter) {
		t.Helper()
		f.Limit = 10
		query, args := f.query(q)
		check(what, query, index, args...)
	}
	for _, descending := range []bool{false, true} {
		f := MembershipFilter{OrderBy: "created_at", Descending: descending}
		q, _ := f.where("ins_1", "org_1")
		members("members of an organization", "memberships_by_creation", q, f)
		members("memberships of an instance", "memberships_of_instance", where{conditions: []string{`m.instance_id = $1`}, args: []any{"ins_1"}}, f)
		members("memberships of a user", "memberships_by_user", where{conditions: []string{`m.instance_id = $1`, `m.user_id = $2`}, args: []any{"ins_1", "user_1"}}, f)
	}

	for _, descending := range []bool{false, true} {
		for by, index := range map[string]string{"created_at": "organizations_by_creation", "name": "organizations_by_name"} {
			f := OrganizationFilter{OrderBy: by, Descending: descending, Page: invite.Page{Limit: 10}}
			q, _ := f.where("ins_1")
			query, args := f.query(q)
			check("organizations", query, index, args...)
		}
	}
	for index, f := range map[string]OrganizationFilter{
		"memberships_by_user":             {Members: invite.Choice{Only: []string{"user_1"}, Except: []string{"user_2"}}},
		"sqlite_autoindex_organizations_": {IDs: invite.Choice{Only: []string{"org_1"}}},
		"(instance_id=?":                  {Query: "x"},
	} {
		f.OrderBy = "members_count"
		q, _ := f.where("ins_1")
		query, args := f.query(q)
		bounded(t, db.primary.sql, "organizations that are searched", query, index, args...)
	}
	banned := true
	for _, users := range []UserFilter{
		{Query: "x"}, {AddressQuery: "x"}, {NameQuery: "x"}, {CreatedAt: Between{1, 2}}, {Banned: &banned}, {IDs: invite.Choice{Except: []string{"user_1"}}},
		{OrganizationIDs: invite.Choice{Only: []string{"org_2"}}}, {OrganizationIDs: invite.Choice{Except: []string{"org_2"}}},
	} {
		for orderBy := range membershipOrders {
			f := MembershipFilter{Users: users, OrderBy: orderBy, Page: invite.Page{Limit: 10}}
			q, _ := f.where("ins_1", "org_1")
			query, args := f.count("ins_1", "org_1", q)
			bounded(t, db.primary.sql, "members that are counted", query, "(instance_id=? AND organization_id=?", args...)
			query, args = f.query(q)
			bounded(t, db.primary.sql, "members that are searched", query, "(instance_id=? AND organization_id=?", args...)
		}
	}

	byRole := MembershipFilter{Roles: []string{"org:admin", "org:member"}}
	q, _ = byRole.where("ins_1", "org_1")
	query, args = byRole.count("ins_1", "org_1", q)
	bounded(t, db.primary.sql, "members with a role, counted", query, "organization_id=?", args...)

	for _, types := range []invite.EventTypes{nil, {invite.UserCreatedEvent}} {
		events := EventFilter{After: "msg_1", Types: types, Limit: 10}
		query, args := events.query("ins_1")
		check("the log from a cursor", query, "sqlite_autoindex_events_1", args...)
	}

	deliveries := DeliveryFilter{Limit: 10}
	for _, deliveries.Before = range []string{"", "msg_1"} {
		query, args := deliveries.query("ins_1", "ep_1", invite.DeliveryFailed)
		check("deliveries of one status", query, "deliveries_by_status", args...)
	}

	check("an address", `SELECT `+addressColumns+` FROM email_addresses e WHERE e.instance_id = $1 AND e.id = $2`, "email_addresses_by_id")
	reading := db.begin(nil)
	for _, descending := range []bool{false, true} {
		for _, f := range []UserFilter{
			{OrderBy: "created_at"}, {OrderBy: "created_at", CreatedAt: Between{From: 1, Until: 2}}, {OrderBy: "created_at", Query: "ada"},
		} {
			f.Limit, f.Descending = 10, descending
			query, args, err := reading.userList("ins_1", &f)
			if err != nil {
				t.Fatal(err)
			}
			check("users by creation", query, "users_by_creation", args...)
		}
		f := UserFilter{StartingAfter: "user_1", Descending: descending}
		var q where
		q.and(`u.instance_id = ` + q.arg("ins_1"))
		q.after(1, &f)
		check("users after another", `SELECT u.id FROM users u`+q.clause()+order(`u.created_at`, `u.id`, descending)+q.limit(invite.Page{Limit: 10}),
			"users_by_creation (instance_id=? AND (created_at,id)", q.args...)
	}
	for index, f := range map[string]UserFilter{
		"email_addresses_by_key (instance_id=? AND email_key=?": {EmailAddresses: []string{"a@example.com"}},
		"users_by_username (instance_id=? AND username_key=?":   {Usernames: []string{"ada1"}},
		"users_by_external_id (instance_id=? AND external_id=?": {ExternalIDs: invite.Choice{Only: []string{"7"}}},
		"sqlite_autoindex_users_1 (instance_id=? AND id=?":      {IDs: invite.Choice{Only: []string{"user_1"}}},
	} {
		for _, f.OrganizationIDs.Only = range [][]string{nil, {"org_1"}} {
			q, _ := f.where("ins_1")
			few(t, db.primary.sql, `SELECT count(*) FROM users u`+q.clause(), index, q.args...)
			f.OrderBy = "created_at"
			query, args, err := reading.userList("ins_1", &f)
			if err != nil {
				t.Fatal(err)
			}
			few(t, db.primary.sql, query, index, args...)
		}
		f.OrganizationIDs.Only = nil
		m := MembershipFilter{Users: f, OrderBy: "created_at"}
		q, _ := m.where("ins_1", "org_1")
		query, args := m.query(q)
		few(t, db.primary.sql, query, "AND user_id=?", args...)
		query, args = m.count("ins_1", "org_1", q)
		few(t, db.primary.sql, query, "AND user_id=?", args...)
	}

	for _, row := range []struct{ file, begin, index string }{
		{"event.go", "DELETE FROM attempts", "sqlite_autoindex_attempts_1"},
		{"event.go", "DELETE FROM deliveries", "sqlite_autoindex_deliveries_1"},
		{"delivery.go", "SELECT due_at FROM outbox", "outbox_by_endpoint"},
		{"delivery.go", "UPDATE outbox SET attempt", "outbox_by_endpoint"},
		{"delivery.go", "SELECT id, type FROM events", "sqlite_autoindex_events_1"},
		{"delivery.go", "SELECT event_id, type FROM deliveries", "deliveries_by_status"},
		{"delivery.go", "SELECT number", "sqlite_autoindex_attempts_1"},
		{"webhook.go", "DELETE FROM outbox", "outbox_by_endpoint"},
		{"event.go", "SELECT id FROM events", "sqlite_autoindex_events_1"},
		{"event.go", "SELECT events_forgotten", "sqlite_autoindex_events_1"},
		{"event.go", "DELETE FROM events", "sqlite_autoindex_events_1"},
		{"invitation.go", "SELECT count(*) FROM invitations WHERE", "invitations_by_"},
		{"invitation.go", "SELECT organization_id, id FROM invitations", "invitations_by_expiry"},
		{"outbox.go", "SELECT due_at FROM outbox", "outbox_due"},
		{"outbox.go", "UPDATE outbox SET attempt", "outbox_due"},
		{"user.go", "SELECT user_id FROM email_addresses", "email_addresses_by_key"},
		{"domain.go", "SELECT count(*) FROM organization_domains", "organization_domains_once"},
		{"enrollment.go", "SELECT e.id, e.user_id", "email_addresses_by_domain"},
		{"enrollment.go", "SELECT EXISTS (SELECT 1 FROM enrollment_jobs", "sqlite_autoindex_enrollment_jobs_1"},
		{"enrollment.go", "DELETE FROM enrollments WHERE (", "sqlite_autoindex_enrollments_1"},
		{"enrollment.go", "DELETE FROM enrollments WHERE instance_id", "enrollments_by_user"},
		{"suggestion.go", "UPDATE enrollments SET status = $5", "sqlite_autoindex_enrollments_1"},
		{"suggestion.go", "UPDATE enrollments SET status = $4", "enrollments_by_user"},
		{"membership_request.go", "UPDATE membership_requests", "membership_requests_pending"},
		{"membership_request.go", "DELETE FROM membership_requests WHERE instance_id = $1 AND organization_id", "membership_requests_pending"},
		{"membership_request.go", "DELETE FROM membership_requests WHERE instance_id = $1 AND user_id", "membership_requests_by_user"},
		{"email_address.go", "SELECT user_id FROM email_addresses", "email_addresses_by_key"},
		{"email_address.go", "SELECT count(*) FROM email_addresses", "email_addresses_by_key"},
		{"access.go", "SELECT EXISTS (SELECT 1 FROM list_identifiers", "list_identifiers_by_key"},
		{"access.go", "SELECT count(*) FROM list_identifiers", "sqlite_autoindex_list_identifiers_1"},
		{"invitation.go", "SELECT COALESCE((SELECT m.role_id", "email_addresses_by_key"},
		{"application.go", "SELECT id FROM application_invitations", "application_invitations_by_expiry"},
		{"application.go", "SELECT pending, accepted", "application_invitations_by_expiry"},
		{"application.go", "SELECT (SELECT count(*) FROM email_addresses e", "application_invitations_by_email"},
		{"catalog.go", "SELECT id, permission_key", "sqlite_autoindex_permissions_1"},
		{"catalog.go", "SELECT role_id, permission_id", "sqlite_autoindex_role_permissions_1"},
		{"catalog.go", "SELECT id, role_key", "sqlite_autoindex_roles_1"},
		{"catalog.go", "SELECT role_set_id, role_id", "sqlite_autoindex_role_set_roles_1"},
		{"catalog.go", "SELECT id, role_set_key", "sqlite_autoindex_role_sets_1"},
		{"role.go", "SELECT EXISTS (SELECT 1 FROM role_members", "role_members_by_role"},
		{"role.go", "SELECT EXISTS (SELECT 1 FROM role_members", "invitations_by_expiry"},
		{"roleset.go", "SELECT COALESCE(sum(members), 0) FROM role_members", "role_members_by_role"},
		{"roleset.go", "UPDATE organizations SET role_set_key", "organizations_by_role_set"},
		{"sign_in_token.go", "DELETE FROM sign_in_tokens", "sign_in_tokens_by_expiry"},
		{"idempotency.go", "DELETE FROM idempotency_keys", "idempotency_keys_by_creation"},
		{"retention.go", "DELETE FROM inbox", "sqlite_autoindex_inbox_1"},
		{"retention.go", "DELETE FROM outbox", "outbox_parked"},
		{"client.go", "SELECT id FROM clients", "clients_by_change"},
		{"client.go", "SELECT id FROM clients", "sessions_by_client"},
		{"client.go", "DELETE FROM sessions", "sessions_by_end"},
		{"redirect.go", "SELECT url FROM redirect_urls", "redirect_urls_by_origin"},
		{"redirect.go", "SELECT @FROM redirect_urls WHERE instance_id = $1 ORDER", "redirect_urls_1"},
		{"invitation.go", "SELECT max_allowed_memberships, role_set_key, members", "invitations_by_expiry"},
	} {
		for _, query := range slices.Compact(statementsOf(t, row.file, row.begin)) {
			check(row.begin, query, row.index)
		}
	}
}
