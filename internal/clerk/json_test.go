package clerk_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"usher/internal/clerk"
	"usher/internal/invite"
)

func refusal(kind invite.Kind) error { return invite.Err(kind) }

func ofType(param, got, want string) error {
	return invite.ParamErr(invite.ParamType, param, got, want)
}

func unknown(params ...string) error {
	var es invite.Errors
	for _, p := range params {
		es = append(es, invite.ParamErr(invite.ParamUnknown, p))
	}
	return es
}

// facts returns what an error carries, since errors.Is compares kinds only.
func facts(err error) []invite.Error {
	if many, ok := errors.AsType[invite.Errors](err); ok {
		out := make([]invite.Error, len(many))
		for i, e := range many {
			out[i] = *e
		}
		return out
	}
	if one, ok := errors.AsType[*invite.Error](err); ok {
		return []invite.Error{*one}
	}
	return nil
}

func sameRefusal(t *testing.T, name string, got, want error) {
	t.Helper()
	if (got == nil) != (want == nil) {
		t.Errorf("%s: got error %v, want %v", name, got, want)
	}
	if diff := cmp.Diff(facts(want), facts(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestDecode(t *testing.T) {
	nested := func(levels int) string {
		return `{"public_metadata":` + strings.Repeat("[", levels) + strings.Repeat("]", levels) + `}`
	}
	tests := []struct {
		name, body string
		want       error
	}{
		{"no body", "", nil},
		{"only blanks", " \r\n\t", nil},
		{"null", "null", nil},
		{"null among blanks", "\n null ", nil},
		{"empty object", "{}", nil},
		{"empty object among blanks", " { } ", nil},
		{"every field null", `{"email_address":null,"role":null,"expires_in_days":null,"notify":null,"public_metadata":null}`, nil},
		{"all fields", createBody, nil},

		{"array", `[]`, refusal(clerk.BodyInvalid)},
		{"text", `"role"`, refusal(clerk.BodyInvalid)},
		{"number", `1`, refusal(clerk.BodyInvalid)},
		{"true", `true`, refusal(clerk.BodyInvalid)},
		{"cut off", `{"role":"org:member"`, refusal(clerk.BodyInvalid)},
		{"comma at the end", `{"role":"org:member",}`, refusal(clerk.BodyInvalid)},
		{"single quotes", `{'role':'org:member'}`, refusal(clerk.BodyInvalid)},
		{"key without quotes", `{role:"org:member"}`, refusal(clerk.BodyInvalid)},
		{"second object behind", `{} {}`, refusal(clerk.BodyInvalid)},
		{"brace behind", `{}}`, refusal(clerk.BodyInvalid)},
		{"byte order mark", "\ufeff{}", refusal(clerk.BodyInvalid)},
		{"not UTF-8 in a value", "{\"role\":\"\xff\"}", refusal(clerk.BodyInvalid)},
		{"not UTF-8 in a key", "{\"\xff\":1}", refusal(clerk.BodyInvalid)},
		{"half a character", "{\"role\":\"\xc3\"}", refusal(clerk.BodyInvalid)},
		{"NUL byte", "{\"role\":\"\x00\"}", refusal(clerk.BodyInvalid)},
		{"nested as deep as encoding/json goes", nested(9999), nil},
		{"nested deeper", nested(10_000), refusal(clerk.BodyInvalid)},
		{"nested absurdly", nested(400_000), refusal(clerk.BodyInvalid)},
		{"nested and never closed", strings.Repeat(`{"a":`, 100_000), refusal(clerk.BodyInvalid)},

		{"number for a text", `{"role":5}`, ofType("role", "number", "string")},
		{"boolean for a text", `{"role":false}`, ofType("role", "boolean", "string")},
		{"array for a text", `{"role":["org:member"]}`, ofType("role", "array", "string")},
		{"object for a text", `{"role":{}}`, ofType("role", "object", "string")},
		{"text for an integer", `{"expires_in_days":"30"}`, ofType("expires_in_days", "string", "integer")},
		{"fraction for an integer", `{"expires_in_days":1.5}`, ofType("expires_in_days", "number", "integer")},
		{"exponent for an integer", `{"expires_in_days":1e3}`, ofType("expires_in_days", "number", "integer")},
		{"integer out of range", `{"expires_in_days":9223372036854775808}`, ofType("expires_in_days", "number", "integer")},
		{"integer beyond any float", `{"expires_in_days":` + strings.Repeat("9", 400) + `}`, ofType("expires_in_days", "number", "integer")},
		{"array for an integer", `{"expires_in_days":[30]}`, ofType("expires_in_days", "array", "integer")},
		{"text for a boolean", `{"notify":"true"}`, ofType("notify", "string", "boolean")},
		{"number for a boolean", `{"notify":1}`, ofType("notify", "number", "boolean")},
		{"first of two wrong types", `{"notify":1,"role":5}`, ofType("notify", "number", "boolean")},
		{"wrong type before an unknown field", `{"bogus":1,"role":5}`, ofType("role", "number", "string")},

		{"unknown fields, in their order", `{"zulu":1,"role":"org:member","alpha":[{"role":1}],"Role":null}`, unknown("zulu", "alpha", "Role")},
		{"unknown field with an escaped name", `{"\u007a\"":{}}`, unknown(`z"`)},
		{"known field with an escaped name", `{"\u0072ole":"org:member"}`, nil},
		{"empty name", `{"":1}`, unknown("")},
		{"a known name as a value", `{"role":"bogus","email_address":"role"}`, nil},
		{"unknown names inside metadata", `{"public_metadata":{"bogus":{"role":[1,"x",{"y":","}]}},"role":"x"}`, nil},
		{"unknown field after braces in a text", `{"role":"}{\\\"","bogus":1}`, unknown("bogus")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sameRefusal(t, tt.name, clerk.Decode([]byte(tt.body), new(clerk.CreateInvitation)), tt.want)
		})
	}
}

// createBody asks for an invitation with everything a client can say.
const createBody = `{"email_address":"jane.doe@example.com","role":"org:member","inviter_user_id":"user_2g7np7Hrk0SN6kj5EDMLDaKNL0S",` +
	`"public_metadata":{"team":"core","level":3},"private_metadata":{"crm":"A-17"},"redirect_url":"https://app.example.com/welcome",` +
	`"expires_in_days":7,"notify":false}`

func TestDecodeFillsEveryField(t *testing.T) {
	var r clerk.CreateInvitation
	if err := clerk.Decode([]byte(createBody), &r); err != nil {
		t.Fatal(err)
	}
	want := invite.NewInvitation{
		EmailAddress: "jane.doe@example.com", Role: "org:member", InviterID: "user_2g7np7Hrk0SN6kj5EDMLDaKNL0S",
		PublicMetadata: json.RawMessage(`{"team":"core","level":3}`), PrivateMetadata: json.RawMessage(`{"crm":"A-17"}`),
		RedirectURL: "https://app.example.com/welcome", ExpiresInDays: 7, Notify: false,
	}
	if diff := cmp.Diff(want, r.Invitation()); diff != "" {
		t.Errorf("Invitation() (-want +got):\n%s", diff)
	}
}

func TestDecodeTakesTheLastOfARepeatedField(t *testing.T) {
	var r clerk.CreateInvitation
	if err := clerk.Decode([]byte(`{"role":"org:admin","public_metadata":{"a":1},"role":"org:member","public_metadata":{"b":2}}`), &r); err != nil {
		t.Fatal(err)
	}
	if *r.Role != "org:member" || string(r.PublicMetadata) != `{"b":2}` {
		t.Errorf("got role %s and metadata %s, want the second of each", *r.Role, r.PublicMetadata)
	}
}

// The fields of embedded structs belong to the body like its own.
func TestDecodeEmbedded(t *testing.T) {
	organization := func() any { return new(clerk.UpdateOrganizationWithMetadata) }
	user := func() any { return new(clerk.UpdateUserWithMetadata) }
	tests := []struct {
		name string
		into func() any
		body string
		want error
	}{
		{"known at both depths", organization, `{"name":"Acme","public_metadata":{"a":1}}`, nil},
		{"known at three depths", user, `{"first_name":null,"unsafe_metadata":{},"private_metadata":{}}`, nil},
		{"unknown", organization, `{"name":"Acme","unsafe_metadata":{}}`, unknown("unsafe_metadata")},
		{"the embedded struct's own name", organization, `{"Metadata":{}}`, unknown("Metadata")},
		{"wrong type inside", organization, `{"name":5}`, ofType("name", "number", "string")},
		{"wrong integer inside", organization, `{"max_allowed_memberships":"5"}`, ofType("max_allowed_memberships", "string", "integer")},
		{"number for a text that may be null", user, `{"first_name":5}`, ofType("first_name", "number", "string")},
		{"boolean for a text that may be null", user, `{"username":true}`, ofType("username", "boolean", "string")},
		{"array for a text that may be null", user, `{"last_name":["x"]}`, ofType("last_name", "array", "string")},
		{"text for a list", func() any { return new(clerk.CreateUser) }, `{"email_address":"a@example.com"}`, ofType("email_address", "string", "array")},
		{"number in a list", func() any { return new(clerk.CreateUser) }, `{"email_address":["a@example.com",5]}`, ofType("email_address", "number", "string")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sameRefusal(t, tt.name, clerk.Decode([]byte(tt.body), tt.into()), tt.want)
		})
	}
}

func TestDecodeList(t *testing.T) {
	tests := []struct {
		name, body string
		want       int
		refused    error
	}{
		{"nothing in it", `[]`, 0, nil},
		{"two", ` [ {"role":"org:member"} , {} ] `, 2, nil},
		{"no body", ``, 0, refusal(clerk.BodyInvalid)},
		{"null", `null`, 0, refusal(clerk.BodyInvalid)},
		{"object", `{}`, 0, refusal(clerk.BodyInvalid)},
		{"null in it", `[{},null]`, 0, refusal(clerk.BodyInvalid)},
		{"text in it", `["role"]`, 0, refusal(clerk.BodyInvalid)},
		{"array in it", `[[]]`, 0, refusal(clerk.BodyInvalid)},
		{"comma at the end", `[{},]`, 0, refusal(clerk.BodyInvalid)},
		{"another one behind", `[] []`, 0, refusal(clerk.BodyInvalid)},
		{"not UTF-8", "[{\"role\":\"\xff\"}]", 0, refusal(clerk.BodyInvalid)},
		{"nested too deep", strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001), 0, refusal(clerk.BodyInvalid)},
		{"wrong type in the second", `[{},{"role":5}]`, 0, ofType("role", "number", "string")},
		{"unknown fields in the second", `[{},{"a":1,"b":2}]`, 0, unknown("a", "b")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := clerk.DecodeList[clerk.CreateInvitation]([]byte(tt.body))
			sameRefusal(t, tt.name, err, tt.refused)
			if len(got) != tt.want || (err == nil) != (got != nil) {
				t.Errorf("got %v, want %d items", got, tt.want)
			}
		})
	}
}

func TestMarshalLeavesHTMLAlone(t *testing.T) {
	got, err := clerk.Marshal(map[string]string{"a": "<b>&c</b>\u2028"})
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"a":"<b>&c</b>\u2028"}`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// FuzzDecode: whatever arrives, the answer is a body that was read or a refusal
// that has a place in the table.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"", "null", "{}", "[]", createBody, "[" + createBody + "]", `{"role":5}`, `{"a":1,"b":2}`, `{"\u0072ole":"x"}`,
		`{"email_address":["a",5]}`, `{"first_name":1}`, "{\"\xff\":0}", `{"a":"\\\"}"}`, `{"public_metadata":[[[{}]]]}`, `[null]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := string(body)
		for _, into := range []any{
			new(clerk.CreateInvitation), new(clerk.CreateOrganization), new(clerk.UpdateOrganizationWithMetadata),
			new(clerk.CreateUser), new(clerk.UpdateUserWithMetadata), new(clerk.RedeemTicket),
		} {
			decoded(t, body, clerk.Decode(body, into))
		}
		_, err := clerk.DecodeList[clerk.CreateInvitation](body)
		decoded(t, body, err)
		if string(body) != before {
			t.Errorf("%q was changed to %q", before, body)
		}
		err = clerk.Decode(body, new(struct{}))
		decoded(t, body, err)
		if errors.Is(err, refusal(clerk.BodyInvalid)) {
			return
		}
		if diff := cmp.Diff(names(body), params(err)); diff != "" {
			t.Errorf("%q: unknown fields (-want +got):\n%s", body, diff)
		}
	})
}

// names returns the names in a valid object as encoding/json sees them.
func names(object []byte) (list []string) {
	dec := json.NewDecoder(bytes.NewReader(object))
	if brace, err := dec.Token(); err != nil || brace != json.Delim('{') {
		return nil
	}
	for dec.More() {
		name, _ := dec.Token()
		list = append(list, name.(string))
		if err := dec.Decode(new(json.RawMessage)); err != nil {
			return nil
		}
	}
	return list
}

// params returns the parameters that were refused.
func params(err error) (names []string) {
	for _, e := range facts(err) {
		names = append(names, e.Param)
	}
	return names
}

func decoded(t *testing.T, body []byte, err error) {
	t.Helper()
	if err == nil {
		return
	}
	refused := facts(err)
	if len(refused) == 0 {
		t.Errorf("%q: got %T %v, want a refusal", body, err, err)
	}
	for _, e := range refused {
		if e.Kind == invite.ParamType && (e.Param == "" || len(e.Values) != 2) {
			t.Errorf("%q: %v says neither where nor what", body, &e)
		}
	}
	for _, e := range clerk.ErrorsOf(err) {
		if e.Status != 400 && e.Status != 422 {
			t.Errorf("%q: status %d, want a client's mistake", body, e.Status)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	body := []byte(createBody)
	b.ReportAllocs()
	for b.Loop() {
		if err := clerk.Decode(body, new(clerk.CreateInvitation)); err != nil {
			b.Fatal(err)
		}
	}
}

func TestARefusalIsNotLargerThanItsRequest(t *testing.T) {
	var body strings.Builder
	body.WriteString(`{"a0":0`)
	for i := range 1000 {
		fmt.Fprintf(&body, `,"b%d":0`, i)
	}
	body.WriteString(`}`)
	err := clerk.Decode([]byte(body.String()), &clerk.RevokeInvitation{})
	if got := len(clerk.ErrorsOf(err)); got != 20 {
		t.Errorf("%d unknown fields are reported, want the first 20", got)
	}
}
