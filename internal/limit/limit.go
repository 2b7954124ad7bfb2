// Package limit bounds how often an instance may call the API, as contract §6.9
// has it. The counts are those of one process: N replicas allow N times as much.
package limit

import (
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"usher/internal/invite"
)

// All is the route of a rule that counts every request together.
const All = "*"

// Exempt is the one route that no rule counts: verifiers ask for it.
const Exempt = "GET /v1/jwks"

// Rule allows a route a number of requests in a time, to be used at once or
// spread out. Without Each it counts for the whole instance, with it for each
// path: each user, organization or membership by itself.
type Rule struct {
	Route string // method and pattern, or All
	Times int
	Per   time.Duration
	Each  bool
	Only  invite.Environment // empty: of every instance
}

// Hosted are the numbers of Clerk's own service.
var Hosted = []Rule{
	{Route: All, Times: 1000, Per: 10 * time.Second, Only: invite.Live},
	{Route: All, Times: 100, Per: 10 * time.Second, Only: invite.Test},
	{Route: "POST /v1/organizations/{organization_id}/invitations", Times: 250, Per: time.Hour},
	{Route: "POST /v1/organizations/{organization_id}/invitations/bulk", Times: 50, Per: time.Hour},
	{Route: "POST /v1/invitations", Times: 100, Per: time.Hour},
	{Route: "POST /v1/invitations/bulk", Times: 25, Per: time.Hour},
	{Route: "PATCH /v1/users/{user_id}", Times: 10, Per: 10 * time.Second, Each: true},
	{Route: "PATCH /v1/users/{user_id}/metadata", Times: 10, Per: 10 * time.Second, Each: true},
	{Route: "PUT /v1/users/{user_id}/metadata", Times: 10, Per: 10 * time.Second, Each: true},
	{Route: "PATCH /v1/organizations/{organization_id}", Times: 10, Per: 10 * time.Second, Each: true},
	{Route: "PATCH /v1/organizations/{organization_id}/metadata", Times: 10, Per: 10 * time.Second, Each: true},
	{Route: "PUT /v1/organizations/{organization_id}/metadata", Times: 10, Per: 10 * time.Second, Each: true},
	{Route: "PATCH /v1/organizations/{organization_id}/memberships/{user_id}", Times: 10, Per: 10 * time.Second, Each: true},
	{Route: "PATCH /v1/organizations/{organization_id}/memberships/{user_id}/metadata", Times: 10, Per: 10 * time.Second, Each: true},
}

var errForm = errors.New("must be off, clerk, or rules such as POST /v1/users=100/1m or PATCH /v1/users/{user_id}=10/10s/each, separated by commas")

// Parse reads what an operator wants: off, clerk for Hosted, or rules separated
// by commas, of which clerk may be the first and later ones replace its own. A
// rule is ROUTE=TIMES/DURATION, with /each behind it to count each path by
// itself. Routes are those that exist. The error completes a sentence about the
// option.
func Parse(text string, routes []string) ([]Rule, error) {
	if text == "" || text == "off" {
		return nil, nil
	}
	var rules []Rule
	for k, part := range strings.Split(text, ",") {
		part = strings.TrimSpace(part)
		if k == 0 && part == "clerk" {
			rules = slices.Clone(Hosted)
			continue
		}
		r, err := parseRule(part)
		if err != nil {
			return nil, err
		}
		if r.Route != All && (!slices.Contains(routes, r.Route) || r.Route == Exempt) {
			return nil, fmt.Errorf("names %q, which is no route of the API that can be limited", r.Route)
		}
		rules = slices.DeleteFunc(rules, func(old Rule) bool { return old.Route == r.Route })
		rules = append(rules, r)
	}
	return rules, nil
}

func parseRule(text string) (Rule, error) {
	route, bound, ok := strings.Cut(text, "=")
	bound, each := strings.CutSuffix(bound, "/each")
	times, per, ok2 := strings.Cut(bound, "/")
	n, err := strconv.Atoi(times)
	d, err2 := time.ParseDuration(per)
	if !ok || !ok2 || err != nil || err2 != nil || n < 1 || d <= 0 || each && route == All {
		return Rule{}, errForm
	}
	return Rule{Route: strings.Join(strings.Fields(route), " "), Times: n, Per: d, Each: each}, nil
}

// Limiter counts requests. A nil Limiter allows all. It is safe for concurrent use.
type Limiter struct {
	rules map[string][]Rule
	now   func() time.Time
	seed  maphash.Seed

	mu      sync.Mutex
	buckets map[key]*bucket
	pruneAt int
}

type key struct {
	instance, route string
	path            uint64 // a hash: paths may be long
}

type bucket struct {
	*rate.Limiter
	full time.Time // when it will have forgotten all requests
}

// Bounds of how many buckets are kept: those before the first look for forgotten
// ones, and the most. Beyond that some are forgotten early, as if never used.
const (
	minPrune   = 4096
	maxBuckets = 1 << 16
)

// New returns a Limiter for rules, nil when there are none.
func New(rules []Rule, now func() time.Time) *Limiter {
	if len(rules) == 0 {
		return nil
	}
	l := &Limiter{rules: make(map[string][]Rule), now: now, seed: maphash.MakeSeed(), buckets: make(map[key]*bucket), pruneAt: minPrune}
	for _, r := range rules {
		l.rules[r.Route] = append(l.rules[r.Route], r)
	}
	return l
}

// Take counts a request of the instance to a route, whose path tells resources
// apart. It refuses with TooManyRequests, and then counts it for no rule; the
// refusal's Limit is after how many seconds another is allowed.
func (l *Limiter) Take(in *invite.Instance, route, path string) error {
	if l == nil || route == Exempt {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	var turns []*rate.Reservation
	for _, name := range []string{All, route} {
		for _, r := range l.rules[name] {
			if r.Only != "" && r.Only != in.Environment {
				continue
			}
			k := key{instance: in.ID, route: name}
			if r.Each {
				k.path = maphash.String(l.seed, path)
			}
			turns = append(turns, l.bucket(k, r, now).ReserveN(now, 1))
			if wait := turns[len(turns)-1].DelayFrom(now); wait > 0 {
				for _, turn := range turns {
					turn.CancelAt(now)
				}
				return &invite.Error{Kind: invite.TooManyRequests, Limit: int(math.Ceil(wait.Seconds()))}
			}
		}
	}
	return nil
}

// bucket returns the bucket of k, which from now on remembers a request.
func (l *Limiter) bucket(k key, r Rule, now time.Time) *bucket {
	b, ok := l.buckets[k]
	if !ok {
		l.prune(now)
		b = &bucket{Limiter: rate.NewLimiter(rate.Limit(float64(r.Times)/r.Per.Seconds()), r.Times)}
		l.buckets[k] = b
	}
	b.full = now.Add(r.Per)
	return b
}

// prune drops what is as good as never used, each time twice as many are kept as
// were needed the last time, and any when there are too many.
func (l *Limiter) prune(now time.Time) {
	if len(l.buckets) < l.pruneAt {
		return
	}
	for k, b := range l.buckets {
		if !b.full.After(now) {
			delete(l.buckets, k)
		}
	}
	for k := range l.buckets {
		if len(l.buckets) <= maxBuckets/2 {
			break
		}
		delete(l.buckets, k)
	}
	l.pruneAt = max(minPrune, 2*len(l.buckets))
}
