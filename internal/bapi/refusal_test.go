package bapi_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"usher/internal/bapi"
)

var pathParam = regexp.MustCompile(`\{\w+\}`)

// TestEveryRouteRefusesWhatIsNoRequest sends each operation what no client means, to
// ids that nobody has: it is refused for what it is before anything is looked for.
func TestEveryRouteRefusesWhatIsNoRequest(t *testing.T) {
	a := newAPI(t, nil)
	const upload = "PUT /v1/organizations/{organization_id}/logo"
	lists := map[string]bool{
		"POST /v1/invitations/bulk": true, "POST /v1/organizations/{organization_id}/invitations/bulk": true,
	}
	for _, route := range bapi.Routes() {
		method, pattern, _ := strings.Cut(route, " ")
		path := pathParam.ReplaceAllString(pattern, "nobody")
		refused := func(what, path, body, contentType string, status int, code string) {
			t.Helper()
			got, _, answer := a.call(t, method, path, body, "Content-Type", contentType)
			if got != status || !strings.Contains(answer, `"code":"`+code+`"`) {
				t.Errorf("%s with %s: got %d %.200s, want %d %s", route, what, got, answer, status, code)
			}
		}
		refused("a query that cannot be read", path+"?a=%zz", "", "", http.StatusBadRequest, "malformed_request_parameters")
		refused("a version that never was", path+"?__clerk_api_version=x", "", "", http.StatusBadRequest, "api_version_invalid")
		if method == http.MethodGet || route == upload {
			continue
		}
		const json = "application/json"
		refused("ten megabytes", path, `{"a":"`+strings.Repeat("x", 10_000_000)+`"}`, json, http.StatusRequestEntityTooLarge, "request_body_too_large")
		refused("a form", path, "a=b", "application/x-www-form-urlencoded", http.StatusUnsupportedMediaType, "unsupported_content_type")
		for what, body := range map[string]string{
			"half an object": `{"a":`, "no UTF-8": "{\"a\":\"\xff\"}", "two objects": `{}{}`, "a number": `7`, "no JSON": `a`,
		} {
			refused(what, path, body, json, http.StatusBadRequest, "request_body_invalid")
		}
		if lists[route] {
			refused("an object", path, `{}`, json, http.StatusBadRequest, "request_body_invalid")
			refused("an unknown field", path, `[{"nobody_knows":1}]`, json, http.StatusUnprocessableEntity, "form_param_unknown")
			continue
		}
		refused("a list", path, `[]`, json, http.StatusBadRequest, "request_body_invalid")
		refused("an unknown field", path, `{"nobody_knows":1}`, json, http.StatusUnprocessableEntity, "form_param_unknown")
	}
}
