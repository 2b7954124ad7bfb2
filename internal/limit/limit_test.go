package limit

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/internal/invite"
)

const (
	create = "POST /v1/organizations/{organization_id}/invitations"
	rename = "PATCH /v1/users/{user_id}"
)

func TestParse(t *testing.T) {
	routes := []string{create, rename, Exempt}
	for _, test := range []struct {
		name, text string
		want       []Rule
		mistake    string
	}{
		{name: "nothing", text: ""},
		{name: "off", text: "off"},
		{name: "the hosted numbers", text: "clerk", want: Hosted},
		{name: "one rule", text: create + "=7/1m30s", want: []Rule{{Route: create, Times: 7, Per: 90 * time.Second}}},
		{name: "several, for each", text: "*=5/1s , PATCH  /v1/users/{user_id}=1/1s/each", want: []Rule{
			{Route: All, Times: 5, Per: time.Second}, {Route: rename, Times: 1, Per: time.Second, Each: true}}},
		{name: "a later rule replaces", text: create + "=1/1s," + create + "=2/1s", want: []Rule{{Route: create, Times: 2, Per: time.Second}}},
		{name: "an unknown route", text: "POST /v1/teapots=1/1s", mistake: `"POST /v1/teapots"`},
		{name: "the exempt route", text: Exempt + "=1/1s", mistake: "no route"},
		{name: "clerk behind another", text: "*=1/1s,clerk", mistake: "must be off"},
		{name: "no number", text: "*=many/1s", mistake: "must be off"},
		{name: "zero", text: "*=0/1s", mistake: "must be off"},
		{name: "no duration", text: "*=1", mistake: "must be off"},
		{name: "a negative duration", text: "*=1/-1s", mistake: "must be off"},
		{name: "all, for each", text: "*=1/1s/each", mistake: "must be off"},
		{name: "an empty rule", text: "clerk,", mistake: "must be off"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := Parse(test.text, routes)
			if test.mistake != "" {
				if err == nil || !strings.Contains(err.Error(), test.mistake) {
					t.Fatalf("got %v, want a mistake with %q", err, test.mistake)
				}
				return
			}
			if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
				t.Errorf("%v\n(-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestAHostedRuleCanBeReplaced(t *testing.T) {
	rules, err := Parse("clerk,*=9/1s", nil)
	if err != nil {
		t.Fatal(err)
	}
	var all []Rule
	for _, r := range rules {
		if r.Route == All {
			all = append(all, r)
		}
	}
	if diff := cmp.Diff([]Rule{{Route: All, Times: 9, Per: time.Second}}, all); diff != "" || len(rules) != len(Hosted)-1 {
		t.Errorf("%d rules, of all (-want +got):\n%s", len(rules), diff)
	}
}

// clock stands still until it is moved.
type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

// seconds returns when a refused request may come again, 0 for one that is allowed.
func seconds(t *testing.T, err error) int {
	t.Helper()
	if err == nil {
		return 0
	}
	e, ok := errors.AsType[*invite.Error](err)
	if !ok || e.Kind != invite.TooManyRequests {
		t.Fatalf("got %v, want TooManyRequests", err)
	}
	return e.Limit
}

func TestALimitIsUsedUpAndComesBack(t *testing.T) {
	c := &clock{time.Unix(1_700_000_000, 0)}
	l := New([]Rule{{Route: create, Times: 4, Per: 10 * time.Second}}, c.now)
	acme, other := &invite.Instance{ID: "ins_acme"}, &invite.Instance{ID: "ins_other"}
	for k := range 4 {
		if got := seconds(t, l.Take(acme, create, fmt.Sprintf("/v1/organizations/org_%d/invitations", k))); got != 0 {
			t.Fatalf("request %d refused for %d s", k, got)
		}
	}
	for range 3 { // a refused request does not count
		if got := seconds(t, l.Take(acme, create, "")); got != 3 {
			t.Fatalf("the fifth may come again after %d s, want 3", got)
		}
	}
	if got := seconds(t, l.Take(other, create, "")); got != 0 {
		t.Errorf("another instance was refused for %d s", got)
	}
	if got := seconds(t, l.Take(acme, rename, "")); got != 0 {
		t.Errorf("another route was refused for %d s", got)
	}
	c.Time = c.Add(2500 * time.Millisecond)
	if got := seconds(t, l.Take(acme, create, "")); got != 0 {
		t.Errorf("a quarter of the time later: refused for %d s", got)
	}
	if got := seconds(t, l.Take(acme, create, "")); got == 0 {
		t.Error("a quarter of the time later, again: allowed")
	}
}

func TestEachPathCountsByItself(t *testing.T) {
	c := &clock{time.Unix(1_700_000_000, 0)}
	l := New([]Rule{{Route: rename, Times: 1, Per: time.Second, Each: true}}, c.now)
	in := &invite.Instance{ID: "ins_acme"}
	for _, path := range []string{"/v1/users/user_a", "/v1/users/user_b"} {
		if got := seconds(t, l.Take(in, rename, path)); got != 0 {
			t.Errorf("%s was refused", path)
		}
		if got := seconds(t, l.Take(in, rename, path)); got != 1 {
			t.Errorf("%s, again: %d s, want 1", path, got)
		}
	}
}

func TestHostedNumbersDifferByEnvironment(t *testing.T) {
	c := &clock{time.Unix(1_700_000_000, 0)}
	l := New(Hosted, c.now)
	for env, want := range map[invite.Environment]int{invite.Live: 1000, invite.Test: 100} {
		in := &invite.Instance{ID: "ins_" + string(env), Environment: env}
		got := 0
		for seconds(t, l.Take(in, "GET /v1/users", "")) == 0 {
			got++
		}
		if got != want {
			t.Errorf("%s: %d requests, want %d", env, got, want)
		}
		if l.Take(in, Exempt, "") != nil {
			t.Errorf("%s: %s was refused", env, Exempt)
		}
	}
}

func TestWithoutRulesNothingIsRefused(t *testing.T) {
	if err := New(nil, time.Now).Take(&invite.Instance{}, create, ""); err != nil {
		t.Error(err)
	}
}

func TestWhatIsForgottenIsDropped(t *testing.T) {
	c := &clock{time.Unix(1_700_000_000, 0)}
	l := New([]Rule{{Route: rename, Times: 10, Per: time.Second, Each: true}}, c.now)
	in := &invite.Instance{ID: "ins_acme"}
	for k := range 10 * minPrune {
		if k%100 == 0 {
			c.Time = c.Add(time.Second)
		}
		if err := l.Take(in, rename, fmt.Sprint(k)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(l.buckets); n > minPrune {
		t.Errorf("%d are kept of %d, want no more than %d", n, 10*minPrune, minPrune)
	}
}

func TestARefusedRequestCountsForNoRule(t *testing.T) {
	c := &clock{time.Unix(1_700_000_000, 0)}
	l := New([]Rule{{Route: All, Times: 3, Per: time.Minute}, {Route: create, Times: 1, Per: time.Hour}}, c.now)
	acme := &invite.Instance{ID: "ins_acme"}
	for k, want := range []int{0, 3600, 3600, 3600} {
		if got := seconds(t, l.Take(acme, create, "")); got != want {
			t.Errorf("creation %d: refused for %d s, want %d", k, got, want)
		}
	}
	for range 2 {
		if got := seconds(t, l.Take(acme, rename, "")); got != 0 {
			t.Errorf("another route was refused for %d s: what was refused had been counted", got)
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	c := &clock{time.Unix(1_700_000_000, 0)}
	l := New([]Rule{{Route: rename, Times: 1, Per: time.Hour, Each: true}}, c.now)
	acme := &invite.Instance{ID: "ins_acme"}
	for k := range 3 * maxBuckets {
		if got := seconds(t, l.Take(acme, rename, fmt.Sprint("/v1/users/user_", k))); got != 0 {
			t.Fatalf("user %d refused for %d s", k, got)
		}
		if len(l.buckets) > maxBuckets {
			t.Fatalf("%d buckets, want %d at most", len(l.buckets), maxBuckets)
		}
	}
}
