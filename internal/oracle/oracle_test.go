package oracle_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"usher/internal/oracle"
)

const (
	invitation = `{
		"object": "organization_invitation",
		"id": "orginv_2g7np7Hrk0SN6kj5EDMLDaKNL0S",
		"email_address": "jane.doe@example.com",
		"role": "org:member",
		"role_name": "Member",
		"organization_id": "org_2g7np7Hrk0SN6kj5EDMLDaKNL0S",
		"inviter_id": null,
		"public_inviter_data": null,
		"status": "pending",
		"public_metadata": {"team": ["a", 1]},
		"private_metadata": {},
		"url": null,
		"expires_at": 1719475200000,
		"created_at": 1716883200000,
		"updated_at": 1716883200000
	}`
	inviter = `"public_inviter_data": {"user_id": "user_1", "first_name": "Ann", "last_name": null,
		"image_url": "https://img.example.com/x", "has_image": false, "identifier": "ann@example.com"}`
	envelope = `{"errors": [{"message": "not found", "long_message": "Not found.", "code": "resource_not_found",
		"meta": {"param_name": "role"}}], "clerk_trace_id": "0f3b0f2e6c1d4a0f9a7f2b6c1d2e3f40"}`
)

// edit replaces old, which must be there, so that no row tests less than it says.
func edit(t *testing.T, body, old, new string) string {
	t.Helper()
	if !strings.Contains(body, old) {
		t.Fatalf("%q is not in %s", old, body)
	}
	return strings.Replace(body, old, new, 1)
}

func bapi(t *testing.T) *oracle.Spec {
	t.Helper()
	spec := oracle.BAPI(t)
	if spec == nil {
		t.Skip("no OpenAPI files here; USHER_SPECS names their folder")
	}
	return spec
}

var jsonHeader = http.Header{"Content-Type": {"application/json"}}

func TestCheck(t *testing.T) {
	spec := bapi(t)
	const (
		create  = "POST /v1/organizations/org_1/invitations"
		bulk    = "POST /v1/organizations/org_1/invitations/bulk"
		list    = "GET /v1/organizations/org_1/invitations?status=pending&limit=5"
		pending = "GET /v1/organizations/org_1/invitations/pending"
		get     = "GET /v1/organizations/org_1/invitations/orginv_1"
		revoke  = "POST /v1/organizations/org_1/invitations/orginv_1/revoke"
	)
	page := `{"data": [` + invitation + `], "total_count": 1}`
	noInviter := edit(t, invitation, `"inviter_id": null,`, "")

	tests := []struct {
		name    string
		request string
		status  int
		body    string
		want    []string
	}{
		{"create: a system invitation", create, 200, invitation, nil},
		{"create: with an inviter", create, 200, edit(t, invitation, `"public_inviter_data": null`, inviter), nil},
		{"create: inviter_id missing", create, 200, noInviter,
			[]string{"at '': missing property 'inviter_id'"}},
		{"create: a key too many", create, 200, edit(t, invitation, `"url"`, `"public_organization_data": {}, "url"`),
			[]string{"at '': additional properties 'public_organization_data' not allowed"}},
		{"create: metadata null", create, 200, edit(t, invitation, `"private_metadata": {}`, `"private_metadata": null`),
			[]string{"at '/private_metadata': got null, want object"}},
		{"create: a time as text", create, 200, edit(t, invitation, `"created_at": 1716883200000`, `"created_at": "2024-05-28"`),
			[]string{"at '/created_at': got string, want integer"}},
		{"create: fractional milliseconds", create, 200, edit(t, invitation, `"created_at": 1716883200000`, `"created_at": 1716883200000.5`),
			[]string{"at '/created_at': got number, want integer"}},
		{"create: another object", create, 200, edit(t, invitation, `"organization_invitation"`, `"invitation"`),
			[]string{"at '/object': value must be 'organization_invitation'"}},
		{"create: inviter without a name key", create, 200,
			edit(t, invitation, `"public_inviter_data": null`, edit(t, inviter, `"last_name": null,`, "")),
			[]string{"at '/public_inviter_data': missing property 'last_name'"}},
		{"create: two mistakes", create, 200, edit(t, noInviter, `"role": "org:member"`, `"role": 5`),
			[]string{"at '': missing property 'inviter_id'", "at '/role': got number, want string"}},
		{"create: null", create, 200, "null", []string{"at '': got null, want object"}},
		{"create: nothing", create, 200, "", []string{"body is not JSON: EOF"}},
		{"create: two documents", create, 200, invitation + invitation, []string{"body is not JSON: invalid character after top-level value"}},
		{"create: 201", create, 201, invitation, []string{"status 201 is not documented for CreateOrganizationInvitation"}},

		{"bulk: created", bulk, 200, page, nil},
		{"bulk: a bare array", bulk, 200, "[" + invitation + "]", []string{"at '': got array, want object"}},
		{"list: one", list, 200, page, nil},
		{"list: none", list, 200, `{"data": [], "total_count": 0}`, nil},
		{"list: data null", list, 200, `{"data": null, "total_count": 0}`, []string{"at '/data': got null, want array"}},
		{"list: no total", list, 200, `{"data": []}`, []string{"at '': missing property 'total_count'"}},
		{"list: a total beyond int64", list, 200, `{"data": [], "total_count": 9223372036854775808}`,
			[]string{"at '/total_count': 9223372036854775808 is not valid int64: must be a whole number from -9223372036854775808 to 9223372036854775807"}},
		{"list: a bad second item", list, 200, `{"data": [` + invitation + "," + noInviter + `], "total_count": 2}`,
			[]string{"at '/data/1': missing property 'inviter_id'"}},
		{"pending is not an invitation's id", pending, 200, page, nil},
		{"get: one", get, 200, invitation, nil},
		{"get: a page", get, 200, `{"data": []}`, []string{
			"at '': additional properties 'data' not allowed",
			"at '': missing properties 'object', 'id', 'email_address', 'role', 'role_name', 'public_metadata', 'url'," +
				" 'expires_at', 'created_at', 'updated_at', 'inviter_id', 'public_inviter_data'"}},
		{"revoke: revoked", revoke, 200, edit(t, invitation, `"pending"`, `"revoked"`), nil},
		{"revoke: url missing", revoke, 200, edit(t, invitation, `"url": null,`, ""), []string{"at '': missing property 'url'"}},

		{"a documented error", create, 404, envelope, nil},
		{"a documented error, no long_message", create, 404, edit(t, envelope, `"long_message": "Not found.",`, ""),
			[]string{"at '/errors/0': missing property 'long_message'"}},
		{"an unlisted error in the envelope", create, 401, envelope, nil},
		{"an unlisted error in another shape", create, 429, `{"error": "slow down"}`, []string{"at '': missing property 'errors'"}},
		{"an unlisted error as text", create, 413, "too large", []string{"body is not JSON: invalid character 'o' in literal true (expecting 'r')"}},

		{"an operation of our own", "POST /v1/organizations/org_1/invitations/orginv_1/resend", 200, "{}", nil},
		{"a method it does not have", "DELETE /v1/organizations/org_1/invitations", 405, "{}", nil},
		{"HEAD", "HEAD /v1/organizations/org_1/invitations", 200, "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := spec.Check(newRequest(tt.request), tt.status, jsonHeader, []byte(tt.body))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Check(%s, %d) (-want +got):\n%s", tt.request, tt.status, diff)
			}
		})
	}
}

func newRequest(line string) *http.Request {
	method, target, _ := strings.Cut(line, " ")
	return httptest.NewRequest(method, target, nil)
}

func TestCheckContentType(t *testing.T) {
	spec := bapi(t)
	for _, tt := range []struct {
		name, contentType string
		want              []string
	}{
		{"exactly JSON", "application/json", nil},
		{"with a charset, which is for the wire tests to forbid", "application/json; charset=utf-8", nil},
		{"text", "text/plain", []string{"Content-Type text/plain is not documented for GetOrganizationInvitation 200"}},
		{"none", "", []string{`Content-Type "": mime: no media type`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := newRequest("GET /v1/organizations/org_1/invitations/orginv_1")
			got := spec.Check(req, 200, http.Header{"Content-Type": {tt.contentType}}, []byte(invitation))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Content-Type %q (-want +got):\n%s", tt.contentType, diff)
			}
		})
	}
}

func TestCovered(t *testing.T) {
	spec := bapi(t)
	for _, tt := range []struct {
		request string
		want    bool
	}{
		{"POST /v1/organizations/org_1/invitations", true},
		{"GET /v1/organizations/org_1/invitations?limit=1", true},
		{"PATCH /v1/organizations/org_1/invitations", false},
		{"HEAD /v1/organizations/org_1/invitations", false},
		{"POST /v1/organizations/org_1/invitations/orginv_1/resend", false},
		{"GET /usher/v1/inbox", false},
	} {
		if got := spec.Covered(newRequest(tt.request)); got != tt.want {
			t.Errorf("Covered(%s) = %v, want %v", tt.request, got, tt.want)
		}
	}
}

func TestFrontendAPI(t *testing.T) {
	spec := oracle.FAPI(t)
	if spec == nil {
		t.Skip("no OpenAPI files here; USHER_SPECS names their folder")
	}
	req := newRequest("GET /v1/tickets/accept?ticket=x")
	if !spec.Covered(req) {
		t.Fatalf("Covered(%s) = false, want true", req.URL)
	}
	if got := spec.Check(req, http.StatusSeeOther, http.Header{}, nil); got != nil {
		t.Errorf("a documented redirect has violations: %q", got)
	}
	want := []string{"at '': missing property 'errors'"}
	if diff := cmp.Diff(want, spec.Check(req, 400, jsonHeader, []byte(`{}`))); diff != "" {
		t.Errorf("an error without envelope (-want +got):\n%s", diff)
	}
}

func TestNilSpecFindsNothing(t *testing.T) {
	var none *oracle.Spec
	req := newRequest("POST /v1/organizations/org_1/invitations")
	if none.Covered(req) {
		t.Error("a nil Spec covers a request")
	}
	if got := none.Check(req, 200, jsonHeader, []byte("null")); got != nil {
		t.Errorf("a nil Spec finds %q", got)
	}
}

// TestConcurrentFirstUse is for the race detector: first use compiles schemas.
func TestConcurrentFirstUse(t *testing.T) {
	path := bapiFile(t)
	spec, err := oracle.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			req := newRequest("POST /v1/organizations/org_1/invitations")
			if got := spec.Check(req, 200, jsonHeader, []byte(invitation)); got != nil {
				t.Errorf("a good invitation has violations: %q", got)
			}
		})
	}
	wg.Wait()
}

func TestFind(t *testing.T) {
	empty := t.TempDir()
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, "spec.yml"), []byte("openapi: ["), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		specs   string
		require string
		want    string // part of the error
	}{
		{"folder absent", filepath.Join(empty, "gone"), "", ""},
		{"folder absent, other things required", filepath.Join(empty, "gone"), "postgres,smtp", ""},
		{"folder absent but required", filepath.Join(empty, "gone"), "postgres,specs", "USHER_TEST_REQUIRE demands the OpenAPI files"},
		{"file absent", empty, "", "spec.yml: no such file"},
		{"file broken", broken, "", "spec.yml: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env := map[string]string{"USHER_SPECS": tt.specs, "USHER_TEST_REQUIRE": tt.require}
			spec, err := oracle.Find("spec.yml", func(name string) string { return env[name] })
			switch {
			case spec != nil:
				t.Errorf("Find returned a specification from %s", tt.specs)
			case tt.want == "" && err != nil:
				t.Errorf("Find = %v, want no error", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("Find = %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	path := bapiFile(b)
	for b.Loop() {
		if _, err := oracle.Load(path); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	spec := oracle.BAPI(b)
	if spec == nil {
		b.Skip("no OpenAPI files here; USHER_SPECS names their folder")
	}
	req := newRequest("POST /v1/organizations/org_1/invitations")
	for b.Loop() {
		if got := spec.Check(req, 200, jsonHeader, []byte(invitation)); got != nil {
			b.Fatal(got)
		}
	}
}

// bapiFile is the path of the Backend API's file; without it the test is skipped.
func bapiFile(t testing.TB) string {
	t.Helper()
	dir, err := oracle.Folder(os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "bapi-2026-05-12.yml")
	if _, err := os.Stat(path); err != nil {
		t.Skip("no OpenAPI files here; USHER_SPECS names their folder")
	}
	return path
}
