// Package wiretest plays text files of HTTP exchanges against a handler and compares
// what comes back.
//
// A file holds the exchanges of one endpoint, in paragraphs separated by blank lines:
//
//	# create: the least a client sends
//	POST /v1/organizations/{{org}}/invitations
//	{"email_address": "ada@example.com", "role": "org:member"}
//
//	200
//	Content-Type: application/json
//	{
//	  "id": "orginv_1",
//	  "organization_id": "org_1",
//	  "expires_at": "T+30d",
//	  "url": "https://usher.test/v1/tickets/accept?ticket=<ticket>"
//	}
//	> inv = .id
//
// # The request
//
// A request paragraph begins with comment lines; the first one names the exchange and
// its subtest. Then come the request line, headers (as many lines as look like
// "Name: value") and, to the end of the paragraph, the body, sent as it stands without
// a final newline. An absolute URL as the target is sent to the server under test,
// whatever its host, so that a link from a response can be followed; redirects are not.
//
// {{name}} stands for a variable in the target, a header or the body. Variables come
// from Options.Start and from captures. A body that cannot be written down (blank
// lines, binary, a megabyte) is a variable.
//
// Without being written, "Authorization: Bearer {{key}}" is sent when there is a
// variable key, "Cookie: {{cookie}}" when there is a variable cookie, and
// "Content-Type: application/json", or Options.ContentType, when there is a body. Naming
// one of these headers replaces it, and naming it without a value leaves it out.
// "Transfer-Encoding: chunked" sends the body, even none, in chunks.
//
// # The response
//
// The status, the headers that matter and the body. Headers that are not listed are not
// looked at; a header listed without a value must be absent. No body means an empty
// body, and * any body at all.
//
// A JSON body is compared in its order of keys and with its numbers as they are spelled;
// spacing and string escapes do not count. What differs from run to run is masked, in
// bodies and headers:
//
//   - orginv_1: an id, prefix and 27 base62 characters, numbered within the file in
//     the order in which the prefix's values first appear in responses, uncompared bodies
//     included. The same number is the same id.
//   - "T+0", "T+30d", "T-1d": an integer that is Options.Now in Unix milliseconds, plus or
//     minus whole days. Any other instant within 400 days is "<ms>".
//   - client_1.<secret>: what a browser is known by.
//   - <ticket>: a JWT. <trace>: 32 lower-case hexadecimal digits. <server>: the address
//     of the server under test.
//
// Captures follow the body. "> inv = .id" sets a variable to a member of the body,
// ".data.0.id" to a nested one, "> next = Location" to a header, all before masking.
//
// # The specification
//
// Each response is also given to Options.Spec. An exchange whose response contradicts
// the specification on purpose says so, and why, on a line before its request line:
//
//	@differs the specification forgets that slugs can be disabled
//
// Such a line is an error when the response does agree.
//
// # Writing files
//
// go test -update rewrites each response with what was received, and writes the missing
// ones, so that a new exchange is its request and a look at the diff. Comments, requests
// and captures stay as they are.
package wiretest

import (
	"cmp"
	"flag"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"usher/internal/oracle"
)

// The flag exists in every test that imports the package; none may define its own.
var update = flag.Bool("update", false, "rewrite the responses in wire tests with what is received")

// Options say what the files are played against.
type Options struct {
	// Start makes the handler for one file, in a state of its own, and the variables
	// that the file's requests may use.
	Start func(t testing.TB) (http.Handler, map[string]string)

	// Now is the instant at which the handler's clock stands. It is required.
	Now time.Time

	// ContentType is that of bodies; empty for application/json.
	ContentType string

	// Spec judges every response; nil judges none.
	Spec *oracle.Spec

	// Own is our own description, with which every response has to agree; nil for none.
	Own *oracle.Spec
}

// Run plays every file that matches the pattern, each as a subtest with a fresh server,
// and each exchange as a subtest of that. All exchanges of a file are played, in order,
// even when only one is selected or an earlier one failed.
func Run(t *testing.T, pattern string, o Options) {
	t.Helper()
	if o.Now.IsZero() {
		t.Fatal("wiretest: Options.Now is not set")
	}
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("no file matches %s", pattern)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
		t.Run(name, func(t *testing.T) { runFile(t, file, o) })
	}
}

func runFile(t *testing.T, file string, o Options) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	script, err := parse(string(text))
	if err != nil {
		t.Fatalf("%s:%v", file, err)
	}
	session := newSession(t, o)
	for _, x := range script.exchanges {
		// Played here and not in the subtest: later exchanges need its effects and
		// captures when -run leaves the subtest out.
		problems := session.play(t.Context(), x, *update)
		t.Run(x.name, func(t *testing.T) {
			for _, p := range problems {
				t.Errorf("%s:%d: %s", file, x.line, p)
			}
		})
	}
	if written := script.text(); *update && written != string(text) {
		if err := os.WriteFile(file, []byte(written), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func newSession(t testing.TB, o Options) *session {
	handler, vars := o.Start(t)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)

	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	// The bodies must be the server's bytes, not what the transport unpacked.
	client.Transport.(*http.Transport).DisableCompression = true

	s := &session{client: client, base: base, contentType: cmp.Or(o.ContentType, "application/json"), spec: o.Spec, own: o.Own, vars: map[string]string{}, mask: newMask(o.Now, base.Host)}
	maps.Copy(s.vars, vars)
	return s
}
