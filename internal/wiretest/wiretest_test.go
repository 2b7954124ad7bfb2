package wiretest_test

import (
	"crypto/rand"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/internal/oracle"
	"usher/internal/wiretest"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)

// A fake is a server with just enough behaviour to be tested: it creates invitations,
// reads them back and repeats requests.
type fake struct {
	spoil func(body string) string // what a test breaks in every response

	mu          sync.Mutex
	invitations map[string]string
}

func newID(prefix string) string { return prefix + "_" + rand.Text() + "x" }

func start(spoil func(string) string) wiretest.Options {
	return wiretest.Options{
		Now: now,
		Start: func(testing.TB) (http.Handler, map[string]string) {
			f := &fake{spoil: spoil, invitations: map[string]string{}}
			mux := http.NewServeMux()
			mux.HandleFunc("POST /v1/organizations/{org}/invitations", f.create)
			mux.HandleFunc("GET /v1/organizations/{org}/invitations/{id}", f.get)
			mux.HandleFunc("/echo", f.echo)
			mux.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "/v1/tickets/accept?ticket="+ticket())
				w.WriteHeader(http.StatusSeeOther)
				io.WriteString(w, "<p>one\n\n<p>two\n")
			})
			return mux, map[string]string{
				"key":     "sk_test_1",
				"org":     newID("org"),
				"unusual": "a: b\n\n\x00",
			}
		},
	}
}

func ticket() string { return "eyJ" + rand.Text() + "." + rand.Text() + "." + rand.Text() }

func (f *fake) create(w http.ResponseWriter, r *http.Request) {
	id := newID("orginv")
	body := fmt.Sprintf(`{"object":"organization_invitation","id":%q,"email_address":"ada@example.com","role":"org:member",`+
		`"role_name":"Member","organization_id":%q,"inviter_id":null,"public_inviter_data":null,"status":"pending",`+
		`"public_metadata":{"b":1,"a":1.0},"private_metadata":{},"url":"https://usher.test/v1/tickets/accept?ticket=%s",`+
		`"expires_at":%d,"created_at":%d,"updated_at":%d}`, id, r.PathValue("org"), ticket(),
		now.AddDate(0, 0, 30).UnixMilli(), now.UnixMilli(), now.UnixMilli())
	f.mu.Lock()
	defer f.mu.Unlock()
	f.invitations[id] = body
	f.answer(w, http.StatusOK, body)
}

func (f *fake) get(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	body, ok := f.invitations[r.PathValue("id")]
	if !ok {
		f.answer(w, http.StatusNotFound, fmt.Sprintf(
			`{"errors":[{"message":"not found","long_message":"No %s here.","code":"resource_not_found"}],"clerk_trace_id":"%x"}`,
			r.PathValue("id"), rand.Text()[:16]))
		return
	}
	f.answer(w, http.StatusOK, body)
}

func (f *fake) echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer, err := json.Marshal(map[string]any{
		"method": r.Method, "host": r.Host, "query": r.URL.RawQuery, "authorization": r.Header["Authorization"],
		"type": r.Header["Content-Type"], "tags": r.Header["X-Tag"], "encoding": r.TransferEncoding,
		"length": r.ContentLength, "compression": r.Header["Accept-Encoding"], "body": string(body),
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	f.answer(w, http.StatusOK, string(answer))
}

func (f *fake) answer(w http.ResponseWriter, status int, body string) {
	if f.spoil != nil {
		body = f.spoil(body)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Clerk-Trace-Id", fmt.Sprintf("%x", rand.Text()[:16]))
	w.WriteHeader(status)
	io.WriteString(w, body)
}

// TestRun plays the files in testdata, which show every part of the format.
func TestRun(t *testing.T) {
	o := start(nil)
	o.Spec = oracle.BAPI(t)
	newServer, servers := o.Start, 0
	o.Start = func(t testing.TB) (http.Handler, map[string]string) {
		servers++
		return newServer(t)
	}
	wiretest.Run(t, "testdata/*.txt", o)
	if servers != 2 {
		t.Errorf("two files were played against %d servers, want one each", servers)
	}
}

func TestUpdateWritesFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.txt")
	if err := os.WriteFile(file, []byte("# page\nGET /page\n\n200\n*\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := flag.Lookup("update").Value.String()
	if err := flag.Set("update", "true"); err != nil {
		t.Fatal(err)
	}
	defer flag.Set("update", before)
	wiretest.Run(t, file, start(nil))

	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if want := "# page\nGET /page\n\n303\n*\n"; string(got) != want {
		t.Errorf("updated file = %q, want %q", got, want)
	}
}

const life = `# create
POST /v1/organizations/{{org}}/invitations
{}

200
Content-Type: application/json
{
  "object": "organization_invitation",
  "id": "orginv_1",
  "email_address": "ada@example.com",
  "role": "org:member",
  "role_name": "Member",
  "organization_id": "org_1",
  "inviter_id": null,
  "public_inviter_data": null,
  "status": "pending",
  "public_metadata": {
    "b": 1,
    "a": 1.0
  },
  "private_metadata": {},
  "url": "https://usher.test/v1/tickets/accept?ticket=<ticket>",
  "expires_at": "T+30d",
  "created_at": "T+0",
  "updated_at": "T+0"
}
> inv = .id

# get: the same
GET /v1/organizations/{{org}}/invitations/{{inv}}

200
*
`

// TestMismatch changes one thing, in the file or in what the server answers, and wants
// to hear of it.
func TestMismatch(t *testing.T) {
	created := func(old, new string) func(string) string {
		return func(body string) string { return strings.Replace(body, old, new, 1) }
	}
	tests := []struct {
		name     string
		old, new string              // in the file
		spoil    func(string) string // in the server's responses
		want     []string            // lines of the one problem
	}{
		{name: "nothing"},
		{name: "spacing and escapes", old: "{\n    \"b\": 1,", new: `{"\u0062"   :1,`},
		{name: "keys in another order", spoil: created(`"b":1,"a":1.0`, `"a":1.0,"b":1`),
			want: []string{`-    "b": 1,`, `+    "b": 1`}},
		{name: "a key too many", spoil: created(`"status"`, `"slug":null,"status"`), want: []string{`+  "slug": null,`}},
		{name: "a key missing", spoil: created(`"role_name":"Member",`, ``), want: []string{`-  "role_name": "Member",`}},
		{name: "another value", spoil: created(`"pending"`, `"revoked"`), want: []string{`-  "status": "pending",`, `+  "status": "revoked",`}},
		{name: "a number spelled otherwise", spoil: created(`1.0`, `1`), want: []string{`-    "a": 1.0`, `+    "a": 1`}},
		{name: "a number as text", spoil: created(`1.0`, `"1.0"`), want: []string{`+    "a": "1.0"`}},
		{name: "an instant in seconds", spoil: created(fmt.Sprint(now.UnixMilli()), fmt.Sprint(now.Unix())),
			want: []string{`-  "created_at": "T+0",`, fmt.Sprintf(`+  "created_at": %d,`, now.Unix())}},
		{name: "an instant a moment late", spoil: created(fmt.Sprint(now.UnixMilli()), fmt.Sprint(now.UnixMilli()+1)),
			want: []string{`-  "created_at": "T+0",`, `+  "created_at": "<ms>",`}},
		{name: "another expiry", old: `"T+30d"`, new: `"T+31d"`, want: []string{`-  "expires_at": "T+31d",`, `+  "expires_at": "T+30d",`}},
		{name: "a second id where the first is wanted", old: "# get: the same\nGET /v1/organizations/{{org}}/invitations/{{inv}}\n\n200\n*",
			new:  "# create again\nPOST /v1/organizations/{{org}}/invitations\n\n" + firstResponse(life),
			want: []string{`-  "id": "orginv_1",`, `+  "id": "orginv_2",`}},
		{name: "another status", old: "200\n*", new: "201\n*", want: []string{"-201", "+200"}},
		{name: "another header", old: "Content-Type: application/json", new: "Content-Type: text/html",
			want: []string{"-Content-Type: text/html", "+Content-Type: application/json"}},
		{name: "a header that is not sent", old: "200\n*", new: "200\nRetry-After: 5\n*", want: []string{"-Retry-After: 5", "+Retry-After:"}},
		{name: "a header that should not be sent", old: "200\n*", new: "200\nClerk-Trace-Id:\n*",
			want: []string{"-Clerk-Trace-Id:", "+Clerk-Trace-Id: <trace>"}},
		{name: "a body where none is wanted", old: "200\n*", new: "200", want: []string{`+  "object": "organization_invitation",`}},
		{name: "a body that is not JSON", spoil: func(string) string { return "{oops" }, old: "> inv = .id\n", new: "> inv = Content-Type\n",
			want: []string{"+{oops"}},
		{name: "a response not yet written", old: "\n\n200\n*", new: "", want: []string{"no response in the file; -update writes this one:"}},
		{name: "a variable nobody set", old: "invitations/{{inv}}", new: "invitations/{{invitation}}", want: []string{"variable {{invitation}} is not set"}},
		{name: "a capture of nothing", old: "> inv = .id", new: "> inv = .data.0.id", want: []string{"capturing inv = .data.0.id: no data in "}},
		{name: "a capture of no header", old: "> inv = .id", new: "> inv = Location", want: []string{"capturing inv: no header Location"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(life, tt.old) {
				t.Fatalf("%q is not in the file", tt.old)
			}
			problems, _ := wiretest.Play(t, strings.Replace(life, tt.old, tt.new, 1), start(tt.spoil), false)
			if (len(problems) > 0) != (len(tt.want) > 0) {
				t.Fatalf("problems = %q, want %q", problems, tt.want)
			}
			for _, line := range tt.want {
				if !strings.Contains("\n"+problems[0], "\n"+line) {
					t.Errorf("no line %q in the problem:\n%s", line, problems[0])
				}
			}
		})
	}
}

// firstResponse is the first response of a file, without its captures.
func firstResponse(file string) string {
	_, after, _ := strings.Cut(file, "\n\n")
	response, _, _ := strings.Cut(after, "\n> ")
	return response
}

func TestSpecification(t *testing.T) {
	spec := oracle.BAPI(t)
	if spec == nil {
		t.Skip("no OpenAPI files here; USHER_SPECS names their folder")
	}
	withoutInviter := func(body string) string { return strings.Replace(body, `"inviter_id":null,`, "", 1) }
	const (
		create  = "# create\nPOST /v1/organizations/{{org}}/invitations\n\n200\n*\n"
		differs = "# create\n@differs to see it\nPOST /v1/organizations/{{org}}/invitations\n\n200\n*\n"
		ours    = "# echo\n@differs to see it\nGET /echo\n\n200\n*\n"
	)
	for _, tt := range []struct {
		name  string
		file  string
		spoil func(string) string
		want  []string
	}{
		{"agrees", create, nil, nil},
		{"contradicts", create, withoutInviter, []string{"specification: at '': missing property 'inviter_id'"}},
		{"contradicts on purpose", differs, withoutInviter, nil},
		{"agrees though it says otherwise", differs, nil,
			[]string{"@differs, but the response agrees with the specification or is not in it"}},
		{"differs from what is not there", ours, nil,
			[]string{"@differs, but the response agrees with the specification or is not in it"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := start(tt.spoil)
			o.Spec = spec
			for _, update := range []bool{false, true} {
				got, _ := wiretest.Play(t, tt.file, o, update)
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("problems with update %v (-want +got):\n%s", update, diff)
				}
			}
		})
	}
}

func TestUpdate(t *testing.T) {
	const file = `# A remark about the file.


# create: with a capture
# and a second line of comment
POST /v1/organizations/{{org}}/invitations
X-Tag: kept
{"spelled":   "as it was"}

404
Clerk-Trace-Id: ?
Retry-After: 5
{"id": "wrong"}
> inv = .id
> type = Content-Type

# get: not written yet
GET /v1/organizations/{{org}}/invitations/none

# page: any body
GET /page

500
*
`
	const want = `# A remark about the file.

# create: with a capture
# and a second line of comment
POST /v1/organizations/{{org}}/invitations
X-Tag: kept
{"spelled":   "as it was"}

200
Clerk-Trace-Id: <trace>
Retry-After:
{
  "object": "organization_invitation",
  "id": "orginv_1",
  "email_address": "ada@example.com",
  "role": "org:member",
  "role_name": "Member",
  "organization_id": "org_1",
  "inviter_id": null,
  "public_inviter_data": null,
  "status": "pending",
  "public_metadata": {
    "b": 1,
    "a": 1.0
  },
  "private_metadata": {},
  "url": "https://usher.test/v1/tickets/accept?ticket=<ticket>",
  "expires_at": "T+30d",
  "created_at": "T+0",
  "updated_at": "T+0"
}
> inv = .id
> type = Content-Type

# get: not written yet
GET /v1/organizations/{{org}}/invitations/none

404
Content-Type: application/json
{
  "errors": [
    {
      "message": "not found",
      "long_message": "No none here.",
      "code": "resource_not_found"
    }
  ],
  "clerk_trace_id": "<trace>"
}

# page: any body
GET /page

303
*
`
	problems, written := wiretest.Play(t, file, start(nil), true)
	if len(problems) > 0 {
		t.Errorf("problems = %q, want none", problems)
	}
	if diff := cmp.Diff(want, written); diff != "" {
		t.Fatalf("written (-want +got):\n%s", diff)
	}
	problems, again := wiretest.Play(t, written, start(nil), false)
	if len(problems) > 0 || again != written {
		t.Errorf("what was written does not play: %q", problems)
	}
}

func TestUpdateRefusesWhatItCouldNotReadBack(t *testing.T) {
	for _, answer := range []string{"one\n\ntwo", "Looks: like a header"} {
		file := "# echo\nGET /echo\n\n200\nold\n"
		problems, written := wiretest.Play(t, file, start(func(string) string { return answer }), true)
		want := []string{"the body would be read back as something else; expect * instead"}
		if diff := cmp.Diff(want, problems); diff != "" {
			t.Errorf("problems with %q (-want +got):\n%s", answer, diff)
		}
		if written != file {
			t.Errorf("with %q the file became %q", answer, written)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, tt := range []struct{ name, file, want string }{
		{"empty", "", "1: no exchange in the file"},
		{"remarks only", "# nothing\n", "1: no exchange in the file"},
		{"request without a name", "\nGET /echo\n", "2: the request needs a comment line above it, to name it"},
		{"request with an empty name", "#\nGET /echo\n", "2: the request needs a comment line above it, to name it"},
		{"not a request", "# x\nget /echo\n", `2: "get /echo" is not a request line, a comment or a status`},
		{"response first", "200\n{}\n", "1: response without a request right before it"},
		{"two responses", "# x\nGET /echo\n\n200\n{}\n\n200\n{}\n", "7: response without a request right before it"},
		{"a remark in between", "# x\nGET /echo\n\n# so:\n\n200\n{}\n", "6: response without a request right before it"},
		{"a body with a blank line", "# x\nGET /echo\n\n200\none\n\ntwo\n", "7: the request needs a comment line above it, to name it"},
		{"differs without a reason", "# x\n@differs \nGET /echo\n", "2: @differs must say why"},
		{"differs without a request", "# x\n@differs so\n\nGET /echo\n", "1: @differs without a request"},
		{"an unknown directive", "# x\n@skip\nGET /echo\n", "2: unknown directive @skip"},
		{"a bad capture", "# x\nGET /echo\n\n200\n{}\n> id\n", `6: "> id" is not a capture like "> name = .path" or "> name = Header"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := wiretest.ParseError(tt.file)
			if err == nil || err.Error() != tt.want {
				t.Errorf("parse = %v, want %s", err, tt.want)
			}
		})
	}
}

func TestMask(t *testing.T) {
	at := func(d time.Duration) string { return fmt.Sprint(now.Add(d).UnixMilli()) }
	const (
		a = "2g7np7Hrk0SN6kj5EDMLDaKNL0S"
		b = "2g7np7Hrk0SN6kj5EDMLDaKNL0T"
	)
	for _, tt := range []struct{ name, in, want string }{
		{"ids by prefix and value", `["org_` + a + `","orginv_` + a + `","org_` + b + `","org_` + a + `"]`,
			`["org_1","orginv_1","org_2","org_1"]`},
		{"an id inside a sentence", `"No org_` + a + ` here."`, `"No org_1 here."`},
		{"an id as a key", `{"org_` + a + `":1}`, `{"org_1":1}`},
		{"an id in a path", `"/x/org_` + a + `/y"`, `"/x/org_1/y"`},
		{"too long for an id", `"org_` + a + `X"`, `"org_` + a + `X"`},
		{"too short for an id", `"org_` + a[1:] + `"`, `"org_` + a[1:] + `"`},
		{"a ticket in a link", `"https://h/a?ticket=eyJhbGciOiJ-.eyJ_x.sig-_&x=1"`, `"https://h/a?ticket=<ticket>&x=1"`},
		{"a trace", `"0f3b0f2e6c1d4a0f9a7f2b6c1d2e3f40"`, `"<trace>"`},
		{"the server", `"http://127.0.0.1:8080/x"`, `"http://<server>/x"`},
		{"longer hexadecimal", `"0f3b0f2e6c1d4a0f9a7f2b6c1d2e3f4000"`, `"0f3b0f2e6c1d4a0f9a7f2b6c1d2e3f4000"`},
		{"now", at(0), `"T+0"`},
		{"in thirty days", at(30 * 24 * time.Hour), `"T+30d"`},
		{"yesterday", at(-24 * time.Hour), `"T-1d"`},
		{"a millisecond ago", at(-time.Millisecond), `"<ms>"`},
		{"the horizon", at(400 * 24 * time.Hour), `"T+400d"`},
		{"beyond the horizon", at(400*24*time.Hour + time.Millisecond), at(400*24*time.Hour + time.Millisecond)},
		{"an instant as text", `"` + at(0) + `"`, `"` + at(0) + `"`},
		{"an instant with a fraction", at(0) + ".0", at(0) + ".0"},
		{"small numbers as spelled", `[0,-1,1.50,1e3,12345678901234567890]`, `[0,-1,1.50,1e3,12345678901234567890]`},
		{"duplicate keys in order", `{"b":1,"a":2,"b":3}`, `{"b":1,"a":2,"b":3}`},
		{"escapes read", `"\u0041\u0026\/"`, `"A&/"`},
		{"null and booleans", `[null,true,false]`, `[null,true,false]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := wiretest.Reformat([]byte(tt.in), wiretest.NewMask(now, "127.0.0.1:8080"))
			want, valid := wiretest.Reformat([]byte(tt.want), nil)
			if !ok || !valid || got != want {
				t.Errorf("masked %s = %s, want %s", tt.in, got, want)
			}
		})
	}
	for _, in := range []string{"", "{", "{} {}", "nul", `{"a":1}x`} {
		if got, ok := wiretest.Reformat([]byte(in), nil); ok {
			t.Errorf("%q passes for JSON as %q", in, got)
		}
	}
}
