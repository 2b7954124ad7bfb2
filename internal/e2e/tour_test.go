package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/clerk/clerk-sdk-go/v2"
)

// tours go through the Go SDK. Together they visit each of its clients.
var tours = map[string]func(*tour){
	"organizations": tourOrganizations, "memberships": tourMemberships, "invitations": tourInvitations, "users": tourUsers,
	"email addresses": tourEmailAddresses, "instance": tourInstance, "redirect URLs": tourRedirectURLs,
	"application invitations": tourApplicationInvitations, "sign-in tokens": tourSignInTokens, "domains": tourDomains,
	"sessions": tourSessions, "testing tokens": tourTestingTokens, "absent": tourAbsent,
}

// github.com/clerk/clerk-sdk-go/v2, the official client for Go.
func TestGo(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	ended, visited := 0, map[string]bool{}
	t.Run("tours", func(t *testing.T) {
		for name, visit := range tours {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				r := newTour(t)
				visit(r)
				mu.Lock()
				defer mu.Unlock()
				ended++
				for _, pkg := range r.visited {
					visited[pkg] = true
				}
			})
		}
	})
	if ended < len(tours) {
		return // some failed, or were not asked for
	}
	for _, pkg := range clients(t) {
		if !visited[pkg] {
			t.Errorf("the SDK's package %s is in no tour", pkg)
		}
	}
}

// goSDK is the import path of the Go SDK.
const goSDK = "github.com/clerk/clerk-sdk-go/v2"

// clients returns the packages of the SDK that have a client.
func clients(t *testing.T) (packages []string) {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", goSDK).Output()
	if err != nil {
		t.Fatal(err)
	}
	files := ok(filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "*", "*.go")))(t)
	for _, file := range files {
		if source := ok(os.ReadFile(file))(t); strings.Contains(string(source), "\nfunc NewClient(") {
			packages = append(packages, filepath.Base(filepath.Dir(file)))
		}
	}
	if len(packages) == 0 {
		t.Error("the SDK has no client")
	}
	return packages
}

// tour calls the methods of some of the SDK's clients, each in a subtest with its
// name. What became of the calls is seen on their way.
type tour struct {
	*testing.T
	config  *clerk.ClientConfig
	server  *usher
	visited []string // packages, whole

	mu     sync.Mutex
	served map[string]bool // "organization.Create": whether it ever was
	lacks  map[string]bool // those that are not served
}

func newTour(t *testing.T) *tour {
	u := dev(t)
	address, _ := u.judged(t)
	r := &tour{T: t, server: u, served: map[string]bool{}, lacks: map[string]bool{}}
	r.config = &clerk.ClientConfig{BackendConfig: clerk.BackendConfig{URL: new(address + "/v1"), Key: &u.key, HTTPClient: &http.Client{Transport: r}}}
	return r
}

// RoundTrip notes for which method of the SDK a request was made, and whether it
// was served.
func (r *tour) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(req)
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers)])
	r.mu.Lock()
	defer r.mu.Unlock()
	for frame, more := frames.Next(); more; frame, more = frames.Next() {
		if name, ok := strings.CutPrefix(frame.Function, goSDK+"/"); ok && strings.Contains(name, ".(*Client).") {
			name = strings.Replace(name, ".(*Client).", ".", 1)
			r.served[name] = r.served[name] || err == nil && resp.StatusCode < 300
		}
	}
	return resp, err
}

func (r *tour) visit(method string, test func(t *testing.T)) {
	r.Helper()
	r.Run(method, test)
}

// complete holds that every method of the clients was served at least once, but for
// those that usher does not serve, and that each is told of a key that is none in
// words that the SDK understands.
func (r *tour) complete(clients ...any) {
	r.Helper()
	for _, client := range clients {
		r.visited = append(r.visited, packageOf(client))
		intruder := reflect.New(reflect.TypeOf(client).Elem())
		intruder.Elem().FieldByName("Backend").Set(reflect.ValueOf(clerk.NewBackend(&clerk.BackendConfig{URL: r.config.URL, Key: new("sk_test_wrong")})))
		for _, method := range methodsOf(client) {
			name := packageOf(client) + "." + method
			if name == "user.CreateTOTP" { // which makes no request
				continue
			}
			if served, called := r.served[name]; !called || !served && !r.lacks[name] {
				r.Errorf("%s: called %v, served %v", name, called, served)
			}
			if name != "organization.UpdateLogo" && name != "user.UpdateProfileImage" { // which close a file
				refusal(r.T, call(r.T, intruder, method), 401, "clerk_key_invalid")
			}
		}
	}
}

// absent calls methods that usher does not serve, with anything, and holds that
// they are told so in words that the SDK understands.
func (r *tour) absent(client any, methods ...string) {
	r.Helper()
	for _, name := range methods {
		r.lacks[packageOf(client)+"."+name] = true
		r.visit(packageOf(client)+"."+name, func(t *testing.T) {
			refusal(t, call(t, reflect.ValueOf(client), name), 404, "resource_not_found")
		})
	}
}

// call calls a method with anything and returns its error.
func call(t *testing.T, client reflect.Value, name string) error {
	t.Helper()
	method := client.MethodByName(name)
	arguments := []reflect.Value{reflect.ValueOf(t.Context())}
	for k := 1; k < method.Type().NumIn(); k++ {
		arguments = append(arguments, anything(method.Type().In(k)))
	}
	results := method.Call(arguments)
	err, _ := reflect.TypeAssert[error](results[len(results)-1])
	return err
}

// anything is an id, or parameters with ids in them.
func anything(t reflect.Type) reflect.Value {
	switch t.Kind() {
	case reflect.String:
		return reflect.ValueOf("none")
	case reflect.Pointer:
		v := reflect.New(t.Elem())
		if t.Elem().Kind() != reflect.Struct {
			return v
		}
		for _, field := range v.Elem().Fields() {
			if field.Kind() == reflect.String && field.CanSet() {
				field.SetString("none")
			}
		}
		return v
	default:
		return reflect.Zero(t)
	}
}

// packageOf returns the name of a client's package.
func packageOf(client any) string { return path.Base(reflect.TypeOf(client).Elem().PkgPath()) }

// methodsOf returns the names of a client's methods.
func methodsOf(client any) []string {
	var names []string
	for method := range reflect.TypeOf(client).Methods() {
		names = append(names, method.Name)
	}
	return names
}
