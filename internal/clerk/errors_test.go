package clerk_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"usher/internal/clerk"
	"usher/internal/invite"
)

var update = flag.Bool("update", false, "rewrite docs/errors.md")

// kinds returns the constants of type Kind in a file, by value.
func kinds(t *testing.T, path string) map[invite.Kind]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[invite.Kind]string{}
	for _, decl := range file.Decls {
		block, ok := decl.(*ast.GenDecl)
		if !ok || block.Tok != token.CONST {
			continue
		}
		for _, spec := range block.Specs {
			constant := spec.(*ast.ValueSpec)
			if !isKind(constant.Type) {
				continue
			}
			value, err := strconv.Unquote(constant.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			kind := invite.Kind(value)
			if other, twice := found[kind]; twice {
				t.Errorf("%s and %s are both %q", other, constant.Names[0].Name, kind)
			}
			found[kind] = constant.Names[0].Name
		}
	}
	return found
}

func isKind(typ ast.Expr) bool {
	if selector, ok := typ.(*ast.SelectorExpr); ok {
		typ = selector.Sel
	}
	name, ok := typ.(*ast.Ident)
	return ok && name.Name == "Kind"
}

func TestEveryKindHasOneRow(t *testing.T) {
	names := kinds(t, "../invite/errors.go")
	if len(names) < 40 {
		t.Errorf("found only %d kinds in invite", len(names))
	}
	for kind, name := range kinds(t, "errors.go") {
		if other, ok := names[kind]; ok {
			t.Errorf("clerk.%s and invite.%s are both %q", name, other, kind)
		}
		names[kind] = name
	}
	rows := map[invite.Kind]int{}
	for _, row := range clerk.Table {
		rows[row.Kind]++
		if _, ok := names[row.Kind]; !ok {
			t.Errorf("the table has a row for %q, which is no kind", row.Kind)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(names)) {
		if rows[kind] != 1 {
			t.Errorf("%s (%q) has %d rows, want 1", names[kind], kind, rows[kind])
		}
	}
}

func TestRowsAreComplete(t *testing.T) {
	metas := []string{"", "param_name", "param_names", "email_addresses", "identifiers", "permissions", "resets_in", "lockout_expires_in_seconds"}
	for _, row := range clerk.Table {
		if row.Code == "" || row.Message == "" || row.Long == "" || row.When == "" {
			t.Errorf("%q: code, message, long message and when must all be there: %+v", row.Kind, row)
		}
		if row.Code != strings.ToLower(row.Code) || strings.ContainsAny(row.Code, " -") {
			t.Errorf("%q: code %q is not in snake case", row.Kind, row.Code)
		}
		if http.StatusText(row.Status) == "" || row.Status < 400 {
			t.Errorf("%q: status %d refuses nothing", row.Kind, row.Status)
		}
		if server := row.Kind == clerk.Internal || row.Kind == invite.Unavailable; (row.Status >= 500) != server {
			t.Errorf("%q: status %d, but only the server's own faults are 5xx", row.Kind, row.Status)
		}
		if !slices.Contains(metas, row.Meta) {
			t.Errorf("%q: nothing fills meta %q", row.Kind, row.Meta)
		}
	}
}

// The texts that clients are known to match on, contract §2.5.1, §2.5.2, §2.5.3
// and §2.5.6.
func TestExactTexts(t *testing.T) {
	const keyInvalid = "The provided Clerk Secret Key is invalid. Make sure that your Clerk Secret Key is correct."
	tests := []struct {
		err  error
		want clerk.Error
	}{
		{invite.Err(invite.NotPending), clerk.Error{Status: 404, Code: "organization_invitation_not_pending", Message: "not pending",
			Long: "The organization invitation is not in the 'pending' status."}},
		{invite.Err(invite.InvitationNotFound, "orginv_1"), clerk.Error{Status: 404, Code: "resource_not_found", Message: "not found",
			Long: "No invitation was found with id orginv_1."}},
		{invite.Err(invite.DuplicateInvitation), clerk.Error{Status: 400, Code: "organization_invitation_not_unique", Message: "organization invitation not unique",
			Long: "Organizations cannot have duplicate pending invitations for an email address."}},
		{invite.Err(invite.DuplicateInBulk, "a@example.com", "b@example.com"), clerk.Error{Status: 400, Code: "duplicate_record", Message: "duplicate invitation",
			Long: "There are already pending invitations for the following email addresses: a@example.com, b@example.com",
			Meta: map[string]any{"email_addresses": []string{"a@example.com", "b@example.com"}}}},
		{invite.Err(invite.InvitationRevoked), clerk.Error{Status: 400, Code: "organization_invitation_revoked_code", Message: "invitation has been revoked",
			Long: "This invitation has been revoked and cannot be used anymore."}},
		{invite.Err(invite.InvitationAccepted), clerk.Error{Status: 400, Code: "organization_invitation_already_accepted", Message: "invitation has already been accepted",
			Long: "This invitation has already been accepted. Sign in instead."}},
		{invite.Err(invite.OrganizationDeleted), clerk.Error{Status: 400, Code: "organization_invitation_to_deleted_organization", Message: "organization invitation to deleted organization",
			Long: "This invitation refers to an organization that has been deleted."}},
		{invite.Err(invite.AlreadyMember, "jane@example.com"), clerk.Error{Status: 400, Code: "already_a_member_in_organization", Message: "already a member",
			Long: "jane@example.com is already a member of the organization."}},
		{&invite.Error{Kind: invite.QuotaExceeded, Limit: 5}, clerk.Error{Status: 403, Code: "organization_membership_quota_exceeded", Message: "organization membership quota exceeded",
			Long: "You have reached your limit of 5 organization memberships, including outstanding invitations."}},
		{&invite.Error{Kind: invite.BulkTooLarge, Limit: 10}, clerk.Error{Status: 400, Code: "bulk_size_exceeded", Message: "bulk size exceeded",
			Long: "Parameters exceed the maximum allowed bulk processing size of 10."}},
		{invite.Err(invite.NotAMember), clerk.Error{Status: 403, Code: "not_a_member_in_organization", Message: "not a member",
			Long: "Current user is not a member of the organization. Only organization members can perform this action."}},
		{invite.Err(invite.MissingPermission, invite.MembershipsManage), clerk.Error{Status: 403, Code: "missing_organization_permission", Message: "missing permission",
			Long: "Current user is missing an organization permission.", Meta: map[string]any{"permissions": []string{"org:sys_memberships:manage"}}}},
		{invite.Err(invite.OrganizationNotFound), clerk.Error{Status: 404, Code: "resource_not_found", Message: "not found",
			Long: "Given organization not found."}},
		{invite.ParamErr(invite.RoleNotFound, "role"), clerk.Error{Status: 404, Code: "resource_not_found", Message: "not found",
			Long: "Organization role not found", Meta: map[string]any{"param_name": "role"}}},
		{invite.Err(invite.UserNotFound, "user_1"), clerk.Error{Status: 404, Code: "resource_not_found", Message: "not found",
			Long: "No user was found with id user_1"}},

		{invite.Err(invite.TicketExpired), clerk.Error{Status: 400, Code: "ticket_expired_code", Message: "ticket has expired",
			Long: "This ticket has expired and cannot be used anymore."}},
		{invite.Err(invite.TicketInvalid), clerk.Error{Status: 400, Code: "ticket_invalid_code", Message: "ticket is invalid",
			Long: "This ticket is invalid. Make sure you're using a valid ticket generated by Clerk."}},

		{invite.ParamErr(invite.ParamMissing, "role"), clerk.Error{Status: 422, Code: "form_param_missing", Message: "is missing",
			Long: "role must be included.", Meta: map[string]any{"param_name": "role"}}},
		{invite.ParamErr(invite.ParamUnknown, "bogus"), clerk.Error{Status: 422, Code: "form_param_unknown", Message: "is unknown",
			Long: "bogus is not a valid parameter for this request.", Meta: map[string]any{"param_name": "bogus"}}},
		{invite.ParamErr(invite.ParamEmailFormat, "email_address"), clerk.Error{Status: 422, Code: "form_param_format_invalid", Message: "is invalid",
			Long: "email_address must be a valid email address.", Meta: map[string]any{"param_name": "email_address"}}},
		{invite.ParamErr(invite.ParamValue, "limit", "501"), clerk.Error{Status: 422, Code: "form_param_value_invalid", Message: "is invalid",
			Long: "501 does not match one of the allowed values for parameter limit", Meta: map[string]any{"param_name": "limit"}}},
		{ofType("role", "number", "string"), clerk.Error{Status: 422, Code: "form_param_value_invalid", Message: "is invalid",
			Long: "role is invalid. Received number, must be of type string.", Meta: map[string]any{"param_name": "role"}}},

		{invite.Err(clerk.AuthorizationMalformed), clerk.Error{Status: 401, Code: "authorization_header_format_invalid", Message: "Invalid Authorization header format",
			Long: "Invalid Authorization header format. Must be 'Bearer <YOUR_API_KEY>'"}},
		{invite.Err(invite.KeyInvalid), clerk.Error{Status: 401, Code: "clerk_key_invalid", Message: keyInvalid, Long: keyInvalid}},
		{invite.Err(clerk.VersionInvalid, "because"), clerk.Error{Status: 400, Code: "api_version_invalid", Message: "invalid API version",
			Long: "Invalid Clerk API version: because"}},
		{invite.Err(clerk.BodyInvalid), clerk.Error{Status: 400, Code: "request_body_invalid", Message: "Request body invalid",
			Long: "The request body is invalid. Please consult the API documentation for more information."}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff([]clerk.Error{tt.want}, clerk.ErrorsOf(tt.err)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", tt.err, diff)
		}
	}
}

func TestLongMessagesTakeValuesAsTheyAre(t *testing.T) {
	tests := []struct {
		name string
		err  *invite.Error
		want string
	}{
		{"placeholders in a parameter", invite.ParamErr(invite.ParamUnknown, "%v%p%s%w%d%%"), "%v%p%s%w%d%% is not a valid parameter for this request."},
		{"placeholders in a value", invite.ParamErr(invite.ParamValue, "order_by", "%p %d"), "%p %d does not match one of the allowed values for parameter order_by"},
		{"placeholders in a list", invite.Err(invite.DuplicateInBulk, "%p@example.com", "%d"), "There are already pending invitations for the following email addresses: %p@example.com, %d"},
		{"halves that join to one", invite.ParamErr(invite.ParamType, "%", "v%", "p"), "% is invalid. Received v%, must be of type p."},
		{"markup", invite.ParamErr(invite.ParamUnknown, "<b>&\n"), "<b>&\n is not a valid parameter for this request."},
		{"too few values", invite.ParamErr(invite.ParamType, "role"), "role is invalid. Received , must be of type ."},
		{"address that is taken", invite.ParamErr(invite.IdentifierExists, "email_address"), "That email address is taken. Please try another."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := clerk.ErrorsOf(tt.err)[0].Long; got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestErrorsOf(t *testing.T) {
	const secret = "dial tcp 10.0.0.7:5432: password sk_live_hidden"
	cause := errors.New(secret)
	missing := invite.Errors{invite.ParamErr(invite.ParamMissing, "email_address"), invite.ParamErr(invite.ParamMissing, "role")}
	tests := []struct {
		name   string
		err    error
		status int
		codes  []string
	}{
		{"none", nil, 500, []string{"internal_clerk_error"}},
		{"unknown", cause, 500, []string{"internal_clerk_error"}},
		{"kind without a row", &invite.Error{Kind: "made up", Param: secret, Values: []string{secret}}, 500, []string{"internal_clerk_error"}},
		{"internal with facts", &invite.Error{Kind: clerk.Internal, Param: secret, Values: []string{secret}}, 500, []string{"internal_clerk_error"}},
		{"empty list", invite.Errors{}, 500, []string{"internal_clerk_error"}},
		{"one", invite.Err(invite.NotPending), 404, []string{"organization_invitation_not_pending"}},
		{"one, wrapped twice", fmt.Errorf("%s: %w", secret, fmt.Errorf("revoking: %w", invite.Err(invite.NotPending))), 404, []string{"organization_invitation_not_pending"}},
		{"one, joined with a cause", errors.Join(cause, invite.Err(invite.NotPending)), 404, []string{"organization_invitation_not_pending"}},
		{"one and its cause, wrapped together", fmt.Errorf("%w: %w", invite.Err(invite.Unavailable), cause), 503, []string{"service_unavailable"}},
		{"several", missing, 422, []string{"form_param_missing", "form_param_missing"}},
		{"several, wrapped", fmt.Errorf("%s: %w", secret, missing), 422, []string{"form_param_missing", "form_param_missing"}},
		{"several, joined with a cause", errors.Join(cause, missing), 422, []string{"form_param_missing", "form_param_missing"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := clerk.ErrorsOf(tt.err)
			var codes []string
			for _, e := range got {
				codes = append(codes, e.Code)
			}
			if diff := cmp.Diff(tt.codes, codes); diff != "" || clerk.Status(got) != tt.status {
				t.Errorf("status %d, want %d; codes (-want +got):\n%s", clerk.Status(got), tt.status, diff)
			}
			if body := string(clerk.Envelope(got, "trace")); strings.Contains(body, "hidden") || strings.Contains(body, "10.0.0.7") {
				t.Errorf("the cause shows: %s", body)
			}
		})
	}
	if got := clerk.Status(nil); got != 500 {
		t.Errorf("Status of nothing is %d, want 500", got)
	}
}

func TestEnvelope(t *testing.T) {
	err := invite.Errors{invite.ParamErr(invite.ParamMissing, "role"), invite.Err(invite.OrganizationNotFound)}
	got := string(clerk.Envelope(clerk.ErrorsOf(err), "0123abc"))
	want := `{"errors":[` +
		`{"message":"is missing","long_message":"role must be included.","code":"form_param_missing","meta":{"param_name":"role"}},` +
		`{"message":"not found","long_message":"Given organization not found.","code":"resource_not_found"}],"clerk_trace_id":"0123abc"}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	wild := clerk.Envelope(clerk.ErrorsOf(invite.ParamErr(invite.ParamUnknown, "\xff\u2028\"\\\x00")), "")
	if !json.Valid(wild) {
		t.Errorf("a wild parameter breaks the envelope: %s", wild)
	}
}

const errorsIntroduction = `# Errors

<!-- Generated from clerk.Table; after a change there: go test ./internal/clerk -update -->

A refused request is answered with a status of 400 or more and this body:

` + "```json" + `
%s
` + "```" + `

There is at least one error. Programs go by the status and ` + "`code`" + `; ` + "`message`" + ` names the matter in a few words and
` + "`long_message`" + ` is a sentence for people. ` + "`meta`" + ` is left out where the list below has none. The status is that of the first
error. ` + "`clerk_trace_id`" + ` is also in the server's log.

Words in braces stand for the facts of the case. A status of 503 or 500 is the server's fault; after every other one the same
request is refused again while nothing else has changed.
`

func errorsDocument() string {
	var b strings.Builder
	sample := clerk.Envelope(clerk.ErrorsOf(invite.ParamErr(invite.ParamMissing, "role")), "4bf92f3577b34da6a3ce929d0e0e4736")
	fmt.Fprintf(&b, errorsIntroduction, sample)
	facts := strings.NewReplacer("%p", "{parameter}", "%v", "{value}", "%w", "{wanted}", "%s", "{values}", "%i", "is", "%d", "{limit}", "|", `\|`, "<", `\<`)
	rows := slices.Clone(clerk.Table)
	slices.SortStableFunc(rows, func(x, y clerk.Refusal) int { return x.Status - y.Status })
	status := 0
	for _, row := range rows {
		if row.Status != status {
			status = row.Status
			fmt.Fprintf(&b, "\n## %d %s\n\n| code | when | message | long message | meta |\n| --- | --- | --- | --- | --- |\n", status, http.StatusText(status))
		}
		meta := ""
		if row.Meta != "" {
			meta = "`" + row.Meta + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", row.Code, row.When, row.Message, facts.Replace(row.Long), meta)
	}
	return b.String()
}

func TestErrorsDocument(t *testing.T) {
	const path = "../../docs/errors.md"
	got := errorsDocument()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is out of date; if the change is meant: go test ./internal/clerk -update\n(-want +got):\n%s", path, diff)
	}
}
