package bapi_test

import (
	"encoding/json"
	"net/http"
	"slices"
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
	"user": "User", "role": "Role", "permission": "Permission", "organizationDomain": "OrganizationDomain", "session": "Session",
	"email": "EmailEventPayload",
}

// operations cause events of every kind. A path and a body may name what an
// operation before has made.
var operations = []struct{ makes, method, path, body, want string }{
	{"ada", "POST", "/v1/users", `{"email_address":["ada@told.example"],"external_id":"7"}`, "user.created"},
	{"bob", "POST", "/v1/users", `{"email_address":["bob@told.example"]}`, "user.created"},
	{"", "PATCH", "/v1/users/{bob}", `{"first_name":"Bob"}`, "user.updated"},
	{"", "PATCH", "/v1/users/{bob}/metadata", `{"public_metadata":{"a":1}}`, "user.updated"},
	{"", "PUT", "/v1/users/{bob}/metadata", `{"public_metadata":{"b":1}}`, "user.updated"},
	{"", "POST", "/v1/users/{bob}/lock", ``, "user.updated"},
	{"", "POST", "/v1/users/{bob}/unlock", ``, "user.updated"},
	{"address", "POST", "/v1/email_addresses", `{"user_id":"{bob}","email_address":"bob@second.example","verified":true}`, "user.updated"},
	{"", "PATCH", "/v1/email_addresses/{address}", `{"primary":true}`, "user.updated"},
	{"", "DELETE", "/v1/email_addresses/{address}", ``, "user.updated"},
	{"", "PUT", "/v1/users/{bob}/email_address", `{"email_address":"bob@third.example","identification_status":"verified"}`, "user.updated"},

	{"told", "POST", "/v1/organizations", `{"name":"Told","created_by":"{ada}"}`, "organization.created organizationMembership.created"},
	{"", "PATCH", "/v1/organizations/{told}", `{"name":"Told again"}`, "organization.updated"},
	{"", "PATCH", "/v1/organizations/{told}/metadata", `{"public_metadata":{"a":1}}`, "organization.updated"},
	{"", "PUT", "/v1/organizations/{told}/metadata", `{"public_metadata":{"b":1}}`, "organization.updated"},
	{"", "DELETE", "/v1/organizations/{told}/logo", ``, ""},
	{"", "POST", "/v1/organizations/{told}/memberships", `{"user_id":"{bob}","role":"org:member"}`, "organizationMembership.created"},
	{"", "PATCH", "/v1/organizations/{told}/memberships/{bob}", `{"role":"org:admin"}`, "organizationMembership.updated"},
	{"", "PATCH", "/v1/organizations/{told}/memberships/{bob}/metadata", `{"public_metadata":{"a":1}}`, "organizationMembership.updated"},
	{"", "DELETE", "/v1/organizations/{told}/memberships/{bob}", ``, "organizationMembership.deleted"},

	{"invitation", "POST", "/v1/organizations/{told}/invitations", `{"email_address":"x@told.example","role":"org:member"}`, "organizationInvitation.created"},
	{"", "POST", "/v1/organizations/{told}/invitations/{invitation}/revoke", ``, "organizationInvitation.revoked"},
	{"", "POST", "/v1/organizations/{told}/invitations/bulk", `[{"email_address":"y@told.example","role":"org:member"},{"email_address":"bob@third.example","role":"org:member"}]`, "organizationInvitation.created organizationInvitation.created"},
	{"", "POST", "/v1/organizations/{told}/memberships", `{"user_id":"{bob}","role":"org:member"}`, "organizationInvitation.revoked organizationMembership.created"},
	{"", "POST", "/v1/tickets/redeem", `{"ticket":"{ticket_new}"}`, "user.created organizationMembership.created organizationInvitation.accepted"},
	{"", "POST", "/v1/invitations", `{"email_address":"z@told.example"}`, ""},
	{"", "POST", "/v1/sign_in_tokens", `{"user_id":"{bob}"}`, ""},

	{"session", "POST", "/v1/sessions", `{"user_id":"{bob}"}`, "session.created"},
	{"", "POST", "/v1/sessions/{session}/tokens", ``, ""},
	{"", "POST", "/v1/sessions/{session}/revoke", ``, "session.revoked"},
	{"", "POST", "/v1/sessions/{session}/revoke", ``, ""},
	{"", "POST", "/v1/sessions", `{"user_id":"{bob}"}`, "session.created"},
	{"", "POST", "/v1/users/{bob}/ban", ``, "user.updated session.revoked"},
	{"", "POST", "/v1/users/{bob}/ban", ``, ""},
	{"", "POST", "/v1/users/unban", `{"user_ids":["{ada}","{bob}"]}`, "user.updated"},

	{"permission", "POST", "/v1/organization_permissions", `{"key":"org:told:read","name":"Told"}`, "permission.created"},
	{"", "PATCH", "/v1/organization_permissions/{permission}", `{"name":"Told again"}`, "permission.updated"},
	{"role", "POST", "/v1/organization_roles", `{"key":"org:told","name":"Told"}`, "role.created"},
	{"", "PATCH", "/v1/organization_roles/{role}", `{"name":"Told again"}`, "role.updated"},
	{"", "POST", "/v1/organization_roles/{role}/permissions/{permission}", ``, "role.updated"},
	{"", "DELETE", "/v1/organization_permissions/{permission}", ``, "role.updated permission.deleted"},
	{"", "PATCH", "/v1/organizations/{told}/memberships/{bob}", `{"role":"org:told"}`, "organizationMembership.updated"},
	{"", "POST", "/v1/role_sets/role_set:default/roles/replace", `{"role_key":"org:told","to_role_key":"org:member"}`, "organizationMembership.updated"},
	{"", "DELETE", "/v1/organization_roles/{role}", ``, "role.deleted"},

	{"", "PATCH", "/v1/instance/organization_settings", `{"domains_enabled":true}`, ""},
	{"domain", "POST", "/v1/organizations/{told}/domains", `{"name":"joining.example","verified":false}`, "organizationDomain.created"},
	{"", "PATCH", "/v1/organizations/{told}/domains/{domain}", `{"enrollment_mode":"automatic_invitation"}`, "organizationDomain.updated"},
	{"", "POST", "/v1/organizations/{told}/domains/{domain}/verify_ownership", ``, "organizationDomain.updated"},
	{"", "DELETE", "/v1/organizations/{told}/domains/{domain}", ``, "organizationDomain.deleted"},

	{"", "POST", "/v1/sessions", `{"user_id":"{bob}"}`, "session.created"},
	{"", "DELETE", "/v1/users/{bob}", ``, "session.revoked organizationMembership.deleted user.deleted"},
	{"", "DELETE", "/v1/organizations/{told}", ``, "organization.deleted"},
}

// elsewhere are the events that no request to the Backend API causes: when a mail
// has left, and what becomes of sessions in a browser.
var elsewhere = []invite.EventType{invite.EmailCreatedEvent, invite.SessionEndedEvent, invite.SessionRemovedEvent, "session.pending"}

// TestEachOperationTellsOfItselfOnce holds the events of each operation, and each
// payload against the published description.
func TestEachOperationTellsOfItselfOnce(t *testing.T) {
	spec := oracle.Webhooks(t)
	a := newAPI(t, nil)
	_, before := a.events(t, "")
	seen := map[string]bool{}
	for _, op := range operations {
		status, _, body := a.call(t, op.method, a.filled(op.path), a.filled(op.body))
		if status != http.StatusOK {
			t.Fatalf("%s %s: %d %s", op.method, op.path, status, body)
		}
		if op.makes != "" {
			var made struct {
				ID string `json:"id"`
			}
			must(t, json.Unmarshal([]byte(body), &made))
			a.vars[op.makes] = made.ID
		}
		var types []string
		var payloads []json.RawMessage
		payloads, before = a.events(t, before)
		for _, p := range payloads {
			types = append(types, agrees(t, spec, p))
			seen[types[len(types)-1]] = true
		}
		if got := strings.Join(types, " "); got != op.want {
			t.Errorf("%s %s: got the events %q, want %q", op.method, op.path, got, op.want)
		}
	}
	for _, typ := range invite.KnownEvents() {
		subject, _, _ := strings.Cut(string(typ), ".")
		if schemas[subject] != "" && !typ.Extra() && !seen[string(typ)] && !slices.Contains(elsewhere, typ) {
			t.Errorf("nothing caused %s", typ)
		}
	}
}

// agrees holds a payload against the description, and returns its type.
func agrees(t *testing.T, spec *oracle.Spec, raw json.RawMessage) string {
	t.Helper()
	var payload struct {
		Type string                     `json:"type"`
		Data map[string]json.RawMessage `json:"data"`
	}
	must(t, json.Unmarshal(raw, &payload))
	subject, verb, _ := strings.Cut(payload.Type, ".")
	schema := schemas[subject]
	if verb == "deleted" && subject != "organizationMembership" {
		schema = "DeletedObject"
	}
	// The description demands two fields of schemas that allow no further ones.
	further := map[string]string{"organizationInvitation.accepted": "user_id"}[payload.Type]
	if subject == "session" {
		further = "user"
	}
	problems := spec.CheckSchema("WebhookEventPayload", raw)
	if value, ok := payload.Data[further]; further != "" && !ok {
		problems = append(problems, "has no "+further)
	} else if further == "user" {
		problems = append(problems, spec.CheckSchema("User", value)...)
	}
	delete(payload.Data, further)
	data, err := json.Marshal(payload.Data)
	must(t, err)
	for _, problem := range append(problems, spec.CheckSchema(schema, data)...) {
		t.Errorf("%s: %s\n%s", payload.Type, problem, data)
	}
	return payload.Type
}

// events returns the payloads of what happened after a cursor, and the next one.
func (a *api) events(t *testing.T, after string) (payloads []json.RawMessage, next string) {
	t.Helper()
	_, _, body := a.call(t, "GET", "/usher/v1/events?limit=500&after="+after, "")
	var feed struct {
		Data []struct {
			Payload json.RawMessage `json:"payload"`
		} `json:"data"`
		Next string `json:"next"`
	}
	must(t, json.Unmarshal([]byte(body), &feed))
	for _, e := range feed.Data {
		payloads = append(payloads, e.Payload)
	}
	return payloads, feed.Next
}

// filled puts what the variables stand for into a text.
func (a *api) filled(text string) string {
	for name, value := range a.vars {
		text = strings.ReplaceAll(text, "{"+name+"}", value)
	}
	return text
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
