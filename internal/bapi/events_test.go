package bapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"usher/internal/clerk"
	"usher/internal/invite"
	"usher/internal/oracle"
)

func TestTheFeedWaitsForWhatIsAskedFor(t *testing.T) {
	a := newAPI(t, nil)
	_, _, all := a.call(t, "GET", "/usher/v1/events?limit=500", "")
	next := all[strings.LastIndex(all, `"next":"`)+len(`"next":"`):]
	next = strings.TrimSuffix(next, `"}`)
	answered := make(chan string)
	go func() {
		_, _, body := a.call(t, "GET", "/usher/v1/events?types=organizationInvitation.revoked&wait=50s&after="+next, "")
		answered <- body
	}()
	status, _, body := a.call(t, "POST", "/v1/organizations/"+a.vars["acme"]+"/invitations", `{"email_address":"grace@example.com","role":"org:member"}`)
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	id := body[strings.Index(body, "orginv_"):]
	id = id[:strings.IndexByte(id, '"')]
	if status, _, body = a.call(t, "POST", "/v1/organizations/"+a.vars["acme"]+"/invitations/"+id+"/revoke", ""); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	if got := <-answered; !strings.Contains(got, `"type":"organizationInvitation.revoked"`) || strings.Contains(got, "organizationInvitation.created") {
		t.Errorf("got %s, want the revocation alone", got)
	}
}

// schemas names what the published description says of an event's data, by the
// beginning of its type. What is deleted has a schema of its own.
var schemas = map[string]string{
	"organization": "Organization", "organizationInvitation": "OrganizationInvitation", "organizationMembership": "OrganizationMembership",
	"user": "User", "role": "Role", "permission": "Permission", "organizationDomain": "OrganizationDomain", "session": "SessionEventPayload",
	"email": "EmailEventPayload",
}

// TestPayloadsAgreeWithTheDescription causes events of every kind and holds each
// payload against the published description.
func TestPayloadsAgreeWithTheDescription(t *testing.T) {
	spec := oracle.Webhooks(t)
	a := newAPI(t, nil)
	do := func(method, path, body string) string {
		t.Helper()
		status, _, got := a.call(t, method, path, body)
		if status != http.StatusOK {
			t.Fatalf("%s %s: %d %s", method, path, status, got)
		}
		var o struct {
			ID string `json:"id"`
		}
		must(t, json.Unmarshal([]byte(got), &o))
		return o.ID
	}
	org := do("POST", "/v1/organizations", `{"name":"Told"}`)
	do("PATCH", "/v1/organizations/"+org, `{"name":"Told again"}`)
	user := do("POST", "/v1/users", `{"email_address":["told@example.com"],"external_id":"7"}`)
	do("PATCH", "/v1/users/"+user, `{"first_name":"Told"}`)
	do("POST", "/v1/organizations/"+org+"/memberships", `{"user_id":"`+user+`","role":"org:member"}`)
	do("PATCH", "/v1/organizations/"+org+"/memberships/"+user, `{"role":"org:admin"}`)
	do("DELETE", "/v1/users/"+user, "")
	do("POST", "/v1/tickets/redeem", `{"ticket":"`+a.vars["ticket_new"]+`"}`)
	role := do("POST", "/v1/organization_roles", `{"key":"org:told","name":"Told"}`)
	do("PATCH", "/v1/organization_roles/"+role, `{"name":"Told again"}`)
	do("DELETE", "/v1/organization_roles/"+role, "")
	permission := do("POST", "/v1/organization_permissions", `{"key":"org:told:read","name":"Told"}`)
	do("PATCH", "/v1/organization_permissions/"+permission, `{"name":"Told again"}`)
	do("DELETE", "/v1/organization_permissions/"+permission, "")
	do("DELETE", "/v1/organizations/"+org, "")

	_, _, body := a.call(t, "GET", "/usher/v1/events?limit=500", "")
	var feed struct {
		Data []struct {
			Payload json.RawMessage `json:"payload"`
		} `json:"data"`
	}
	must(t, json.Unmarshal([]byte(body), &feed))
	seen := map[string]bool{}
	for _, e := range feed.Data {
		var payload struct {
			Type string                     `json:"type"`
			Data map[string]json.RawMessage `json:"data"`
		}
		must(t, json.Unmarshal(e.Payload, &payload))
		subject, verb, _ := strings.Cut(payload.Type, ".")
		seen[payload.Type] = true
		schema := schemas[subject]
		if verb == "deleted" && subject != "organizationMembership" {
			schema = "DeletedObject"
		}
		if payload.Type == "organizationInvitation.accepted" {
			// The description demands user_id of a schema that allows no further field.
			if len(payload.Data["user_id"]) == 0 {
				t.Errorf("%s has no user_id: %s", payload.Type, e.Payload)
			}
			delete(payload.Data, "user_id")
		}
		data, err := json.Marshal(payload.Data)
		must(t, err)
		for _, problem := range append(spec.CheckSchema("WebhookEventPayload", e.Payload), spec.CheckSchema(schema, data)...) {
			t.Errorf("%s: %s\n%s", payload.Type, problem, data)
		}
	}
	for subject, verbs := range map[string]string{
		"organization": "created updated deleted", "organizationInvitation": "created accepted revoked",
		"organizationMembership": "created updated deleted", "user": "created updated deleted",
		"role": "created updated deleted", "permission": "created updated deleted",
	} {
		for verb := range strings.FieldsSeq(verbs) {
			if typ := fmt.Sprintf("%s.%s", subject, verb); !seen[typ] {
				t.Errorf("nothing caused %s", typ)
			}
		}
	}
}

// Mail is told of when it has left, which no request causes.
func TestTheEventOfAMailAgreesWithTheDescription(t *testing.T) {
	data, err := (&clerk.Encoder{}).EventData(&invite.SentMail{
		ID: "ema_1", Slug: "organization_invitation", From: "invitations", To: "grace@example.com", Subject: "Join", Variables: json.RawMessage(`{"a":1}`),
	}, 0)
	must(t, err)
	for _, problem := range oracle.Webhooks(t).CheckSchema(schemas["email"], data) {
		t.Errorf("%s\n%s", problem, data)
	}
}
