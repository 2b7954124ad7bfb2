package fapi_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"usher/internal/fapi"
	"usher/internal/store/storetest"
)

// An operation's guard says who may ask for it, and so what everybody else is told.
type guard int

const (
	anybody guard = iota // there is nothing to protect but from other origins
	known                // a browser that is known
	holder               // the browser that has the session
	attempt              // the browser that has the attempt
	user                 // somebody who is signed in, about themselves
	member               // a member of the organization
	manager              // a member with a permission
)

// operations are all of the surface, each with what would do it for whoever may.
var operations = map[string]struct {
	guard
	form string
	by   string // who may; empty: Ada
	want string // what who may is told; empty: 200
	own  bool   // the invitation in the path is Ada's
}{
	"GET /.well-known/jwks.json":                   {guard: anybody},
	"GET /v1/health":                               {guard: anybody},
	"GET /v1/environment":                          {guard: anybody},
	"PATCH /v1/environment":                        {guard: anybody},
	"GET /v1/tickets/accept":                       {guard: anybody, want: "400 missing_query_parameter"},
	"GET /v1/client/handshake":                     {guard: anybody, want: "400 missing_query_parameter"},
	"GET /v1/client":                               {guard: anybody},
	"POST /v1/client":                              {guard: anybody},
	"PUT /v1/client":                               {guard: anybody},
	"POST /v1/dev_browser":                         {guard: anybody, want: "404 resource_not_found"},
	"POST /v1/client/sign_ins":                     {guard: anybody, by: "Gus", form: "identifier=gus@example.com"},
	"POST /v1/client/sign_ups":                     {guard: anybody, by: "Gus", form: "email_address=nova@example.com"},
	"DELETE /v1/client":                            {guard: known},
	"DELETE /v1/client/sessions":                   {guard: known},
	"GET /v1/client/sessions/{session_id}":         {guard: holder},
	"POST /v1/client/sessions/{session_id}/touch":  {guard: holder, form: "active_organization_id={organization_id}"},
	"POST /v1/client/sessions/{session_id}/end":    {guard: holder},
	"POST /v1/client/sessions/{session_id}/remove": {guard: holder},
	"POST /v1/client/sessions/{session_id}/tokens": {guard: holder},
	"GET /v1/client/sign_ins/{sign_in_id}":         {guard: attempt, by: "Gus"},
	"POST /v1/client/sign_ins/{sign_in_id}/prepare_first_factor": {
		guard: attempt, by: "Gus", form: "strategy=email_code",
	},
	"POST /v1/client/sign_ins/{sign_in_id}/attempt_first_factor": {
		guard: attempt, by: "Gus", form: "strategy=email_code&code=000000", want: "400 verification_missing",
	},
	"POST /v1/client/sign_ins/{sign_in_id}/reset_password": {
		guard: attempt, by: "Gus", form: "password=correct+horse", want: "400 verification_missing",
	},
	"GET /v1/client/sign_ups/{sign_up_id}":   {guard: attempt, by: "Gus"},
	"PATCH /v1/client/sign_ups/{sign_up_id}": {guard: attempt, by: "Gus", form: "first_name=Nova"},
	"POST /v1/client/sign_ups/{sign_up_id}/prepare_verification": {
		guard: attempt, by: "Gus", form: "strategy=email_code",
	},
	"POST /v1/client/sign_ups/{sign_up_id}/attempt_verification": {
		guard: attempt, by: "Gus", form: "strategy=email_code&code=000000", want: "400 verification_missing",
	},

	"GET /v1/me":                                       {guard: user},
	"PATCH /v1/me":                                     {guard: user, form: "first_name=Nova"},
	"DELETE /v1/me":                                    {guard: user, by: "Bob"},
	"PATCH /v1/me/metadata":                            {guard: user, form: "unsafe_metadata={}"},
	"GET /v1/me/email_addresses":                       {guard: user},
	"POST /v1/me/email_addresses":                      {guard: user, form: "email_address=nova@example.com"},
	"GET /v1/me/email_addresses/{email_address_id}":    {guard: user},
	"DELETE /v1/me/email_addresses/{email_address_id}": {guard: user},
	"POST /v1/me/email_addresses/{email_address_id}/prepare_verification": {guard: user, form: "strategy=email_code"},
	"POST /v1/me/email_addresses/{email_address_id}/attempt_verification": {guard: user, form: "code=000000", want: "400 verification_missing"},
	"POST /v1/me/change_password":                                         {guard: user, form: "new_password=another+horse"},
	"POST /v1/me/remove_password":                                         {guard: user, want: "400 no_password_set"},
	"GET /v1/me/sessions":                                                 {guard: user},
	"GET /v1/me/sessions/active":                                          {guard: user},
	"POST /v1/me/sessions/{session_id}/revoke":                            {guard: user},
	"GET /v1/me/organization_memberships":                                 {guard: user},
	"DELETE /v1/me/organization_memberships/{organization_id}":            {guard: user, want: "400 organization_minimum_permissions_needed"},
	"GET /v1/me/organization_invitations":                                 {guard: user},
	"POST /v1/me/organization_invitations/{invitation_id}/accept":         {guard: user, own: true},
	"GET /v1/me/organization_suggestions":                                 {guard: user},
	"POST /v1/me/organization_suggestions/{suggestion_id}/accept":         {guard: user},
	"POST /v1/organizations":                                              {guard: user, form: "name=Nova"},
	"GET /v1/organizations/{organization_id}":                             {guard: member},
	"PATCH /v1/organizations/{organization_id}":                           {guard: manager, form: "name=Nova"},
	"DELETE /v1/organizations/{organization_id}":                          {guard: manager},
	"PUT /v1/organizations/{organization_id}/logo":                        {guard: manager, form: "logo"},
	"DELETE /v1/organizations/{organization_id}/logo":                     {guard: manager},
	"GET /v1/organizations/{organization_id}/roles":                       {guard: member},
	"GET /v1/organizations/{organization_id}/domains":                     {guard: manager},
	"POST /v1/organizations/{organization_id}/domains":                    {guard: manager, form: "name=nova.test"},
	"GET /v1/organizations/{organization_id}/domains/{domain_id}":         {guard: manager},
	"DELETE /v1/organizations/{organization_id}/domains/{domain_id}":      {guard: manager},
	"POST /v1/organizations/{organization_id}/domains/{domain_id}/update_enrollment_mode": {
		guard: manager, form: "enrollment_mode=manual_invitation",
	},
	"POST /v1/organizations/{organization_id}/domains/{domain_id}/prepare_affiliation_verification": {
		guard: manager, form: "affiliation_email_address=ada@acme.test",
	},
	"POST /v1/organizations/{organization_id}/domains/{domain_id}/attempt_affiliation_verification": {guard: manager, form: "code=000000"},
	"GET /v1/organizations/{organization_id}/membership_requests":                                   {guard: manager},
	"POST /v1/organizations/{organization_id}/membership_requests/{request_id}/accept":              {guard: manager},
	"POST /v1/organizations/{organization_id}/membership_requests/{request_id}/reject":              {guard: manager},
	"GET /v1/organizations/{organization_id}/memberships":                                           {guard: member},
	"POST /v1/organizations/{organization_id}/memberships":                                          {guard: manager, form: "user_id={eve}&role=org:member"},
	"PATCH /v1/organizations/{organization_id}/memberships/{user_id}":                               {guard: manager, form: "role=org:admin"},
	"DELETE /v1/organizations/{organization_id}/memberships/{user_id}":                              {guard: manager},
	"GET /v1/organizations/{organization_id}/invitations":                                           {guard: manager},
	"POST /v1/organizations/{organization_id}/invitations":                                          {guard: manager, form: "email_address=nova@example.com&role=org:member"},
	"POST /v1/organizations/{organization_id}/invitations/bulk":                                     {guard: manager, form: "email_address=a@example.com&email_address=b@example.com&role=org:member"},
	"GET /v1/organizations/{organization_id}/invitations/pending":                                   {guard: manager},
	"POST /v1/organizations/{organization_id}/invitations/{invitation_id}/revoke":                   {guard: manager},
}

// What is told to those who may not.
const (
	foreign   = "400 origin_invalid"
	signedOut = "401 authentication_invalid"
	noMember  = "404 resource_not_found"
	unable    = "403 missing_organization_permission"
)

// attacks are the requests of those who may not, each with what they are told.
var attacks = []struct {
	name   string
	by     string // whose browser; empty: one that nobody knows
	header http.Header
	want   map[guard]string // for the guards that refuse them
}{
	{name: "a page of another origin", by: "Ada", header: http.Header{"Origin": {"https://evil.example"}}, want: all(foreign)},
	{name: "a page without an origin", by: "Ada", header: http.Header{"Origin": {"null"}}, want: all(foreign)},
	{name: "a page whose origin begins as ours", by: "Ada", header: http.Header{"Origin": {origin + ".evil.example"}}, want: all(foreign)},
	{name: "a page with our origin as a user's name", by: "Ada", header: http.Header{"Origin": {origin + "@evil.example"}}, want: all(foreign)},
	{name: "a page at another port", by: "Ada", header: http.Header{"Origin": {origin + ":8443"}}, want: all(foreign)},
	{name: "a page of this machine, in production", by: "Ada", header: http.Header{"Origin": {"http://localhost:3000"}}, want: all(foreign)},
	{name: "no cookie", want: over(signedOut)},
	{name: "a cookie from before a sign-in", by: "before a sign-in", want: over(signedOut)},
	{name: "the cookie of a forgotten browser", by: "a forgotten browser", want: over(signedOut)},
	{name: "the cookie of another instance", by: "Ida", want: over(signedOut)},
	{name: "a cookie after a sign-out", by: "after a sign-out", want: over(noMember)},
	{name: "the cookie of a revoked session", by: "a revoked session", want: over(noMember)},
	{name: "the cookie of a deleted user", by: "a deleted user", want: over(noMember)},
	{name: "the cookie of a banned user", by: "a banned user", want: over(noMember)},
	{name: "a member", by: "Bob", want: map[guard]string{holder: noMember, attempt: noMember, manager: unable}},
	{name: "a stranger", by: "Eve", want: map[guard]string{holder: noMember, attempt: noMember, member: noMember, manager: noMember}},
}

// all are told the same, whatever they ask for.
func all(want string) map[guard]string {
	m := map[guard]string{}
	for g := anybody; g <= manager; g++ {
		m[g] = want
	}
	return m
}

// over is what those are told who are not signed in (any more), and lost what they are
// told about a session by its id. A browser that is known may still be forgotten.
func over(lost string) map[guard]string {
	m := map[guard]string{holder: lost, attempt: noMember, user: signedOut, member: signedOut, manager: signedOut}
	if lost == signedOut {
		m[known] = signedOut
	}
	return m
}

func TestEveryOperationHasItsGuardTested(t *testing.T) {
	listed := map[string]bool{}
	for _, route := range fapi.Routes() {
		listed[route] = true
		if _, ok := operations[route]; !ok {
			t.Errorf("who may ask for %s? operations in this file does not say", route)
		}
	}
	for route := range operations {
		if !listed[route] {
			t.Errorf("%s is guarded and does not exist", route)
		}
	}
}

func TestWhoMayNotChangesNothing(t *testing.T) {
	s := newStage(t)
	before := s.dump()
	for _, attack := range attacks {
		for route, op := range operations {
			want, refused := attack.want[op.guard]
			if !refused && !strings.HasPrefix(route, "GET ") {
				continue // they may
			}
			a := asked{route: route, form: op.form, token: s.tokens[attack.by], header: attack.header, ids: map[string]string{}}
			if op.own {
				a.ids["invitation_id"] = s.ids["own"]
			}
			rec := s.ask(a)
			got := told(t, rec)
			if op.guard == attempt && got == "400 session_exists" && (attack.by == "Bob" || attack.by == "Eve") {
				continue // who is signed in is told so
			}
			if refused && got != want {
				t.Errorf("%s asks for %s: got %s, want %s\n%s", attack.name, route, got, want, rec.Body)
			}
			if rec.Code >= http.StatusInternalServerError {
				t.Errorf("%s asks for %s: got %d", attack.name, route, rec.Code)
			}
			if len(attack.header) > 0 && (rec.Header().Get("Access-Control-Allow-Origin") != "" || rec.Header().Get("Set-Cookie") != "") {
				t.Errorf("%s asks for %s: want nothing to be read, got %v", attack.name, route, rec.Header())
			}
			if attack.by != "Ada" && refused && strings.Contains(rec.Body.String(), s.users["Ada"].ID) {
				t.Errorf("%s asks for %s and hears of Ada: %s", attack.name, route, rec.Body)
			}
		}
		s.unchanged(before, attack.name)
	}
}

// What would be done is done for whoever may, or the refusals above say nothing.
func TestWhoMayIsServed(t *testing.T) {
	for route, op := range operations {
		t.Run(route, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			by, want := "Ada", "200"
			if op.by != "" {
				by = op.by
			}
			if op.want != "" {
				want = op.want
			}
			a := asked{route: route, form: op.form, token: s.tokens[by], header: http.Header{"Origin": {origin}}, ids: map[string]string{}}
			if op.own {
				a.ids["invitation_id"] = s.ids["own"]
			}
			if strings.HasSuffix(route, "/logo") && strings.HasPrefix(route, "DELETE") {
				a := a
				a.route, a.form = strings.Replace(route, "DELETE", "PUT", 1), "logo"
				s.ask(a)
			}
			rec := s.ask(a)
			if got := told(t, rec); got != want {
				t.Errorf("got %s, want %s\n%s", got, want, rec.Body)
			}
			storetest.Invariants(t, s.db, s.raw)
		})
	}
}

// An id that exists, but elsewhere, is one that does not exist.
func TestIdsOfOthers(t *testing.T) {
	s := newStage(t)
	other := s.domain(s.beta, "beta.test")
	theirs := s.invite(s.beta, "y@example.com").ID
	before := s.dump()
	for route, op := range operations {
		for name, ids := range map[string][]string{
			"organization_id":  {s.delta, s.beta, "org_nowhere", "", "%2e%2e", "acme%00", strings.Repeat("x", 4096)},
			"domain_id":        {other, "orgdmn_nowhere"},
			"invitation_id":    {theirs, "orginv_nowhere"},
			"user_id":          {s.users["Eve"].ID, s.users["Ida"].ID, "user_nowhere"},
			"email_address_id": {s.users["Eve"].EmailAddresses[0].ID, s.users["Ida"].EmailAddresses[0].ID, "idn_nowhere"},
			"session_id":       {s.ids["sessionOfEve"], "sess_nowhere"},
			"request_id":       {"mem_nowhere"},
			"suggestion_id":    {"sug_nowhere"},
		} {
			if !strings.Contains(route, "{"+name+"}") {
				continue
			}
			for _, id := range ids {
				if id == "" {
					continue
				}
				rec := s.ask(asked{route: route, form: op.form, token: s.tokens["Ada"], ids: map[string]string{name: id}})
				if rec.Code < 400 || rec.Code >= 500 {
					t.Errorf("%s with %s %.40s: got %d\n%s", route, name, id, rec.Code, rec.Body)
				} else if got := told(t, rec); rec.Code != http.StatusNotFound && !strings.Contains(id, "%") {
					t.Errorf("%s with %s %.40s: got %s, want 404", route, name, id, got)
				}
				s.unchanged(before, route+" with the "+name+" of another")
			}
		}
	}
}

// The organization of another member or instance does not become the active one, nor
// does a token say so.
func TestOrganizationsOfOthersAreNotMadeActive(t *testing.T) {
	s := newStage(t)
	before := s.dump()
	for _, id := range []string{s.beta, s.delta, "beta", "org_nowhere"} {
		for route, name := range map[string]string{
			"POST /v1/client/sessions/{session_id}/touch":  "active_organization_id",
			"POST /v1/client/sessions/{session_id}/tokens": "organization_id",
		} {
			rec := s.ask(asked{route: route, form: url.Values{name: {id}}.Encode(), token: s.tokens["Ada"]})
			if got := told(t, rec); got != noMember {
				t.Errorf("%s for %s: got %s, want %s", route, id, got, noMember)
			}
		}
	}
	s.unchanged(before, "others' organizations")
}

// An instance's host serves its own people only, whatever key or host is claimed.
func TestHostsOfOtherInstances(t *testing.T) {
	s := newStage(t)
	before := s.dump()
	for _, host := range []string{gulfHost, strings.ToUpper(gulfHost)} {
		rec := s.ask(asked{route: "GET /v1/organizations/{organization_id}", token: s.tokens["Ada"], host: host})
		if got := told(t, rec); got != signedOut {
			t.Errorf("Ada at %s: got %s, want %s", host, got, signedOut)
		}
		rec = s.ask(asked{route: "GET /v1/organizations/{organization_id}", token: s.tokens["Ida"], host: host})
		if got := told(t, rec); got != noMember {
			t.Errorf("Ida asks for Acme at %s: got %s, want %s", host, got, noMember)
		}
	}
	for _, key := range []string{"sk_live_nonsense", "Bearer", strings.Repeat("x", 1000)} {
		rec := s.ask(asked{route: "GET /v1/me", token: s.tokens["Ada"], header: http.Header{"Clerk-Secret-Key": {key}}})
		if rec.Code != http.StatusUnauthorized {
			t.Errorf("with the key %.20s: got %d, want 401", key, rec.Code)
		}
	}
	s.unchanged(before, "other hosts")
}

// A GET is a GET, and _method names only what a form may ask for.
func TestMethodsAreNotSmuggled(t *testing.T) {
	s := newStage(t)
	before := s.dump()
	for _, row := range []struct{ route, want string }{
		{"GET /v1/organizations/{organization_id}?_method=DELETE", "200"},
		{"GET /v1/client?_method=DELETE", "200"},
		{"GET /v1/client/sessions/{session_id}/end?_method=POST", "405 method_not_allowed"},
		{"POST /v1/organizations/{organization_id}?_method=GET", "422 form_param_value_invalid"},
		{"POST /v1/organizations/{organization_id}?_method=delete", "422 form_param_value_invalid"},
		{"POST /v1/organizations/{organization_id}?_method=CONNECT", "422 form_param_value_invalid"},
		{"POST /v1/organizations/{organization_id}?_method=DELETE%0d%0aX:y", "422 form_param_value_invalid"},
		{"POST /v1/organizations/{organization_id}?_method=POST&_method=DELETE", "405 method_not_allowed"},
	} {
		rec := s.ask(asked{route: row.route, token: s.tokens["Ada"]})
		if got := told(t, rec); got != row.want {
			t.Errorf("%s: got %s, want %s", row.route, got, row.want)
		}
	}
	s.unchanged(before, "methods")
}
