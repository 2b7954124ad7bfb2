package bapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"

	"usher/internal/bapi"
	"usher/internal/clerk"
	"usher/internal/edge"
	"usher/internal/invite"
	"usher/internal/oracle"
	"usher/internal/password"
	"usher/internal/store"
	"usher/internal/store/storetest"
)

// world is a server on a file, whose clock a test moves. Each sequence of
// operations has an instance of its own in it.
type world struct {
	*httptest.Server
	db   *store.DB
	spec *oracle.Spec
	now  time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{spec: oracle.BAPI(t), now: now}
	w.open(t, func() time.Time { return w.now })
	return w
}

// open opens the store, with a clock, and serves it.
func (w *world) open(t *testing.T, clock func() time.Time) {
	t.Helper()
	w.openAt(t, clock, "")
}

// openAt serves the database at a URL, or with none a file.
func (w *world) openAt(t *testing.T, clock func() time.Time, database string) {
	t.Helper()
	keys, err := invite.NewKeyring(bytes.Repeat([]byte{7}, invite.MinMasterKey))
	must(t, err)
	encoder := &clerk.Encoder{PublicURL: "https://usher.test", Keys: keys}
	w.db, err = store.Open(t.Context(), store.Options{
		NewSigningKey: storetest.NewSigningKey,
		Path:          filepath.Join(t.TempDir(), "usher.db"), Database: database,
		Now: clock, Keys: keys, Event: encoder.EventData,
	})
	must(t, err)
	t.Cleanup(func() { must(t, w.db.Close()) })
	must(t, w.db.Reserve(t.Context()))
	api := &bapi.Server{DB: w.db, Encoder: encoder, Keys: keys, Passwords: password.NewHasher(1)}
	w.Server = httptest.NewServer(edge.New(slog.New(slog.DiscardHandler), time.Now, time.Minute, prometheus.NewRegistry()).Wrap(api.Handler()))
	t.Cleanup(w.Close)
}

// model is what one instance should hold. Things stay in it when they are gone,
// so that operations can name them.
type model struct {
	*world
	key    string
	people []*person
	groups []*group
	roles  []*role
	asked  []*invited // the invitations of all groups, oldest first
	guests []*invited // those to the application
}

type role struct {
	id, key string
	manages bool // may manage members
	gone    bool
}

type person struct {
	id, address string
	gone        bool
}

type group struct {
	id, slug string
	limit    int
	gone     bool
	members  []member // oldest first
	invited  []*invited
}

type member struct {
	*person
	role *role
}

type invited struct {
	id, address, url string
	group            *group
	role             *role
	end              string // the final status, empty before it is known
	expires          time.Time
}

// verdict is how an operation must end.
type verdict struct {
	status int
	code   string
}

var (
	fine             = verdict{200, ""}
	notFound         = verdict{404, "resource_not_found"}
	notPending       = verdict{404, "organization_invitation_not_pending"}
	taken            = verdict{422, "form_identifier_exists"}
	slugTaken        = verdict{422, "form_already_exists"}
	noCreator        = verdict{400, "organization_creator_not_found"}
	alreadyMember    = verdict{400, "already_a_member_in_organization"}
	notUnique        = verdict{400, "organization_invitation_not_unique"}
	duplicates       = verdict{400, "duplicate_record"}
	lastAdmin        = verdict{400, "organization_minimum_permissions_needed"}
	noRoom           = verdict{403, "organization_membership_quota_exceeded"}
	notMember        = verdict{403, "not_a_member_in_organization"}
	keyTaken         = verdict{422, "form_already_exists"}
	roleHeld         = verdict{422, "organization_role_assigned_members"}
	rolePromised     = verdict{422, "organization_role_exists_in_invitations"}
	notAllowed       = verdict{403, "missing_organization_permission"}
	revokedGuest     = verdict{400, "revoked_invitation"}
	acceptedGuest    = verdict{400, "invitation_already_accepted"}
	endedGuest       = verdict{400, "invitation_already_revoked"}
	ticketOrphaned   = verdict{400, "organization_invitation_to_deleted_organization"}
	ticketExpired    = verdict{400, "ticket_expired_code"}
	ticketRevoked    = verdict{400, "organization_invitation_revoked_code"}
	ticketUsed       = verdict{400, "organization_invitation_already_accepted"}
	addressNotProven = verdict{400, "organization_invitation_identification_not_exist"}
)

// TestModel runs random sequences of operations against a server and against a
// model of it in memory, which must agree about every status, every body as far
// as the model knows it, and every count. A failure prints the shortest sequence
// found and the seed.
func TestModel(t *testing.T) {
	w := newWorld(t)
	rapid.Check(t, func(t *rapid.T) {
		_, key, err := w.db.CreateInstance(t.Context(), invite.Instance{Environment: invite.Test, Name: "Model"}, "")
		if err != nil {
			t.Fatal(err)
		}
		m := &model{world: w, key: key}
		m.found(t)
		actions := map[string]func(*rapid.T){"": m.agree}
		for name, action := range map[string]struct {
			run   func(*rapid.T)
			times int // more often than others
		}{
			"move the clock":        {m.moveClock, 3},
			"sweep":                 {m.sweep, 1},
			"create a user":         {m.createUser, 1},
			"delete a user":         {m.deleteUser, 1},
			"create a group":        {m.createGroup, 1},
			"update a group":        {m.updateGroup, 2},
			"delete a group":        {m.deleteGroup, 1},
			"create a role":         {m.createRole, 1},
			"update a role":         {m.updateRole, 1},
			"delete a role":         {m.deleteRole, 1},
			"create a member":       {m.createMember, 2},
			"update a member":       {m.updateMember, 2},
			"delete a member":       {m.deleteMember, 1},
			"invite":                {m.invite, 7},
			"invite many":           {m.inviteMany, 2},
			"revoke":                {m.revoke, 2},
			"redeem":                {m.redeem, 5},
			"invite a guest":        {m.inviteGuest, 2},
			"revoke a guest":        {m.revokeGuest, 1},
			"redeem a guest":        {m.redeemGuest, 2},
			"list some invitations": {m.page, 2},
		} {
			for k := range action.times {
				actions[fmt.Sprint(name, k)] = action.run
			}
		}
		t.Repeat(actions)
	})
}

// found makes the people and the groups with which every sequence begins.
func (m *model) found(t *rapid.T) {
	for _, address := range []string{"a@x.example", "b@x.example"} {
		u := m.call(t, fine, "POST", "/v1/users", map[string]any{"email_address": []string{address}})
		m.people = append(m.people, &person{id: u["id"].(string), address: address})
	}
	for _, r := range m.call(t, fine, "GET", "/v1/organization_roles?order_by=key", nil)["data"].([]any) {
		id, key := r.(map[string]any)["id"].(string), r.(map[string]any)["key"].(string)
		m.roles = append(m.roles, &role{id: id, key: key, manages: key == "org:admin"})
	}
	for k, slug := range []string{"red", "green"} {
		limit := 3 * k // none, and three
		o := m.call(t, fine, "POST", "/v1/organizations", map[string]any{
			"name": "Group", "slug": slug, "max_allowed_memberships": limit, "created_by": m.people[0].id,
		})
		m.groups = append(m.groups, &group{id: o["id"].(string), slug: slug, limit: limit, members: []member{{m.people[0], m.roles[0]}}})
	}
}

// call makes a request and holds its status and code against what the model said.
func (m *model) call(t *rapid.T, want verdict, method, path string, body any) (answer map[string]any) {
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	if method == "GET" {
		raw = nil
	}
	req, err := http.NewRequestWithContext(t.Context(), method, m.URL+path, bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+m.key)
	res, err := m.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		disagree(t, "%s %s: %d %q: %v", method, path, res.StatusCode, text, err)
	}
	got := verdict{res.StatusCode, code(answer)}
	if method != "GET" {
		t.Logf("%s %s %s: %v", method, path, raw, got)
	}
	if got != want {
		disagree(t, "%s %s %s: the server says %v, the model %v\n%s", method, path, raw, got, want, text)
	}
	if strings.Contains(path, "paginated=true") { // which the specification forgets
		return answer
	}
	if violations := m.spec.Check(req, res.StatusCode, res.Header, text); len(violations) > 0 {
		disagree(t, "%s %s: %q\n%s", method, path, violations, text)
	}
	return answer
}

// disagree ends a sequence. Rapid takes two failures for the same, and so can
// shorten the sequence, only when their texts are: the ids in it go to the log.
func disagree(t *rapid.T, format string, args ...any) {
	t.Logf(format, args...)
	t.Fatal("the server and the model disagree")
}

func code(answer map[string]any) string {
	list, _ := answer["errors"].([]any)
	if len(list) == 0 {
		return ""
	}
	first, _ := list[0].(map[string]any)
	code, _ := first["code"].(string)
	return code
}

// What operations name: mostly things that exist, sometimes things that are gone
// or never were.

func rarely(t *rapid.T, what string) bool {
	return rapid.IntRange(0, 9).Draw(t, what) == 9
}

func (m *model) someone(t *rapid.T) *person {
	gone := rarely(t, "user is gone")
	list := slices.DeleteFunc(slices.Clone(m.people), func(p *person) bool { return p.gone != gone })
	if len(list) == 0 {
		list = []*person{{id: "user_none", gone: true}}
	}
	return list[rapid.IntRange(0, len(list)-1).Draw(t, "user")]
}

func (m *model) somewhere(t *rapid.T) *group {
	gone := rarely(t, "organization is gone")
	list := slices.DeleteFunc(slices.Clone(m.groups), func(g *group) bool { return g.gone != gone })
	if len(list) == 0 {
		list = []*group{{id: "org_none", gone: true}}
	}
	return list[rapid.IntRange(0, len(list)-1).Draw(t, "organization")]
}

func (m *model) somehow(t *rapid.T) *role {
	gone := rarely(t, "role is gone")
	list := slices.DeleteFunc(slices.Clone(m.roles), func(r *role) bool { return r.gone != gone })
	if len(list) == 0 {
		list = []*role{{id: "role_none", key: "org:king", gone: true}}
	}
	drawn := list[rapid.IntRange(0, len(list)-1).Draw(t, "role")]
	for _, r := range m.roles {
		if !r.gone && r.key == drawn.key {
			return r // the key has a new role
		}
	}
	return drawn
}

func (g *group) something(t *rapid.T) *invited {
	if len(g.invited) == 0 || rarely(t, "no such invitation") {
		return &invited{id: "orginv_none"}
	}
	return g.invited[rapid.IntRange(0, len(g.invited)-1).Draw(t, "invitation")]
}

var (
	addresses = rapid.SampledFrom([]string{"a@x.example", "b@x.example", "c@x.example", "d@x.example", "e@x.example"})
	keys      = rapid.SampledFrom([]string{"org:editor", "org:helper"})
	slugs     = rapid.SampledFrom([]string{"red", "green", "blue"})
	limits    = rapid.SampledFrom([]int{3, 2, 0, 4, 1})
)

// Questions to the model.

func (g *group) member(p *person) int {
	return slices.IndexFunc(g.members, func(o member) bool { return o.person == p })
}

// owner returns who has proven to own an address, nil for nobody.
func (m *model) owner(address string) *person {
	for _, p := range m.people {
		if !p.gone && p.address == address {
			return p
		}
	}
	return nil
}

func (m *model) status(i *invited) string {
	if i.end == "" && !m.now.Before(i.expires) {
		return "expired"
	}
	if i.end == "" {
		return "pending"
	}
	return i.end
}

func (m *model) pending(g *group) (n int) {
	for _, i := range g.invited {
		if m.status(i) == "pending" {
			n++
		}
	}
	return n
}

func (m *model) invites(g *group, address string) bool {
	return slices.ContainsFunc(g.invited, func(i *invited) bool { return i.address == address && m.status(i) == "pending" })
}

func (m *model) room(g *group, seats int) bool {
	return g.limit == 0 || len(g.members)+m.pending(g)+seats <= g.limit
}

// managers counts those who may manage members, one of them left out.
func (g *group) managers(without *person) (n int) {
	for _, o := range g.members {
		if o.role.manages && o.person != without {
			n++
		}
	}
	return n
}

// manager is the verdict about somebody in whose name members are managed.
func (g *group) manager(p *person) verdict {
	switch at := g.member(p); {
	case p.gone:
		return notFound
	case at < 0:
		return notMember
	case !g.members[at].role.manages:
		return notAllowed
	}
	return fine
}

// first returns the first verdict against an operation whose condition holds.
func first(objections ...objection) verdict {
	for _, o := range objections {
		if o.holds {
			return o.verdict
		}
	}
	return fine
}

type objection struct {
	holds   bool
	verdict verdict
}

// The operations.

func (m *model) moveClock(t *rapid.T) {
	by := rapid.SampledFrom([]time.Duration{24 * time.Hour, 24*time.Hour - time.Millisecond, time.Hour, time.Millisecond}).Draw(t, "by")
	t.Logf("the clock moves by %v", by)
	m.now = m.now.Add(by)
}

// sweep writes down what has expired, which nobody may notice.
func (m *model) sweep(t *rapid.T) {
	if _, err := m.db.SweepExpired(t.Context(), rapid.IntRange(1, 5).Draw(t, "most")); err != nil {
		t.Fatal(err)
	}
}

func (m *model) createUser(t *rapid.T) {
	address := addresses.Draw(t, "address")
	want := first(objection{m.owner(address) != nil, taken})
	if u := m.call(t, want, "POST", "/v1/users", map[string]any{"email_address": []string{address}}); want == fine {
		m.people = append(m.people, &person{id: u["id"].(string), address: address})
	}
}

func (m *model) deleteUser(t *rapid.T) {
	p := m.someone(t)
	want := first(objection{p.gone, notFound})
	if m.call(t, want, "DELETE", "/v1/users/"+p.id, nil); want == fine {
		p.gone = true
		for _, g := range m.groups {
			g.members = slices.DeleteFunc(g.members, func(o member) bool { return o.person == p })
		}
	}
}

func (m *model) createGroup(t *rapid.T) {
	g := &group{slug: slugs.Draw(t, "slug"), limit: limits.Draw(t, "limit")}
	body := map[string]any{"name": "Group", "slug": g.slug, "max_allowed_memberships": g.limit}
	var creator *person
	if rapid.Bool().Draw(t, "created by somebody") {
		creator = m.someone(t)
		body["created_by"] = creator.id
		g.members = []member{{creator, m.roles[0]}}
	}
	want := first(
		objection{m.slugTaken(g), slugTaken},
		objection{creator != nil && creator.gone, noCreator},
	)
	if o := m.call(t, want, "POST", "/v1/organizations", body); want == fine {
		g.id = o["id"].(string)
		m.groups = append(m.groups, g)
	}
}

// slugTaken reports whether another organization has g's slug.
func (m *model) slugTaken(g *group) bool {
	return slices.ContainsFunc(m.groups, func(o *group) bool { return !o.gone && o.id != g.id && o.slug == g.slug })
}

func (m *model) updateGroup(t *rapid.T) {
	g := m.somewhere(t)
	changed := *g
	changed.slug, changed.limit = slugs.Draw(t, "slug"), limits.Draw(t, "limit")
	want := first(objection{g.gone, notFound}, objection{m.slugTaken(&changed), slugTaken})
	m.call(t, want, "PATCH", "/v1/organizations/"+g.id, map[string]any{"slug": changed.slug, "max_allowed_memberships": changed.limit})
	if want == fine {
		*g = changed
	}
}

func (m *model) deleteGroup(t *rapid.T) {
	g := m.somewhere(t)
	if !rarely(t, "really") {
		t.Skip("not now")
	}
	want := first(objection{g.gone, notFound})
	m.call(t, want, "DELETE", "/v1/organizations/"+g.id, nil)
	g.gone = true
}

func (m *model) createRole(t *rapid.T) {
	r := &role{key: keys.Draw(t, "key"), manages: rapid.Bool().Draw(t, "manages")}
	want := first(objection{!r.unknown(m), keyTaken})
	body := map[string]any{"name": "Role", "key": r.key, "permissions": r.permissions()}
	if made := m.call(t, want, "POST", "/v1/organization_roles", body); want == fine {
		r.id = made["id"].(string)
		m.roles = append(m.roles, r)
	}
}

func (r *role) permissions() []string {
	if r.manages {
		return []string{invite.MembershipsRead, invite.MembershipsManage}
	}
	return []string{invite.MembershipsRead}
}

// unknown reports whether no role has r's key.
func (r *role) unknown(m *model) bool {
	return !slices.ContainsFunc(m.roles, func(o *role) bool { return !o.gone && o.key == r.key })
}

// custom draws a role that the instance did not begin with, or one that is gone.
func (m *model) custom(t *rapid.T) *role {
	r := m.somehow(t)
	if r.key == invite.RoleAdmin || r.key == invite.RoleMember {
		t.Skip("stays as it is")
	}
	return r
}

func (m *model) updateRole(t *rapid.T) {
	r := m.custom(t)
	changed := role{manages: rapid.Bool().Draw(t, "manages")}
	want := first(objection{r.gone, notFound})
	if m.call(t, want, "PATCH", "/v1/organization_roles/"+r.id, map[string]any{"permissions": changed.permissions()}); want == fine {
		r.manages = changed.manages
	}
}

func (m *model) deleteRole(t *rapid.T) {
	r := m.custom(t)
	held, promised := false, false
	for _, g := range m.groups {
		if g.gone {
			continue
		}
		held = held || slices.ContainsFunc(g.members, func(o member) bool { return o.role == r })
		promised = promised || slices.ContainsFunc(g.invited, func(i *invited) bool { return i.role == r && m.status(i) == "pending" })
	}
	want := first(objection{r.gone, notFound}, objection{held, roleHeld}, objection{promised, rolePromised})
	if m.call(t, want, "DELETE", "/v1/organization_roles/"+r.id, nil); want == fine {
		r.gone = true
	}
}

func (m *model) createMember(t *rapid.T) {
	g, p, role := m.somewhere(t), m.someone(t), m.somehow(t)
	var held []*invited // seats that the new member has already
	for _, i := range g.invited {
		if i.address == p.address && m.status(i) == "pending" {
			held = append(held, i)
		}
	}
	want := first(
		objection{g.gone || role.unknown(m) || p.gone, notFound},
		objection{g.member(p) >= 0, alreadyMember},
		objection{!m.room(g, 1-len(held)), noRoom},
	)
	if m.call(t, want, "POST", "/v1/organizations/"+g.id+"/memberships", map[string]any{"user_id": p.id, "role": role.key}); want == fine {
		g.members = append(g.members, member{p, role})
		for _, i := range held {
			i.end = "revoked"
		}
	}
}

func (m *model) updateMember(t *rapid.T) {
	g, p, role := m.somewhere(t), m.someone(t), m.somehow(t)
	at := g.member(p)
	want := first(
		objection{g.gone || at < 0 || role.unknown(m), notFound},
		objection{at >= 0 && g.members[at].role.manages && !role.manages && g.managers(p) == 0, lastAdmin},
	)
	if m.call(t, want, "PATCH", "/v1/organizations/"+g.id+"/memberships/"+p.id, map[string]any{"role": role.key}); want == fine {
		g.members[at].role = role
	}
}

func (m *model) deleteMember(t *rapid.T) {
	g, p := m.somewhere(t), m.someone(t)
	at := g.member(p)
	want := first(
		objection{g.gone || at < 0, notFound},
		objection{at >= 0 && g.members[at].role.manages && g.managers(p) == 0, lastAdmin},
	)
	if m.call(t, want, "DELETE", "/v1/organizations/"+g.id+"/memberships/"+p.id, nil); want == fine {
		g.members = slices.Delete(g.members, at, at+1)
	}
}

// invitation draws what to ask for, and returns what speaks against it up to the
// question whether the address is invited already.
func (m *model) invitation(t *rapid.T, g *group) (body map[string]any, i *invited, want verdict) {
	days := rapid.IntRange(1, 2).Draw(t, "days")
	i = &invited{group: g, address: addresses.Draw(t, "address"), role: m.somehow(t), expires: m.now.Add(time.Duration(days) * 24 * time.Hour)}
	body = map[string]any{"email_address": i.address, "role": i.role.key, "expires_in_days": days}
	inviter := fine
	if rapid.Bool().Draw(t, "invited by somebody") {
		p := m.someone(t)
		body["inviter_user_id"] = p.id
		inviter = g.manager(p)
	}
	return body, i, first(
		objection{g.gone || i.role.unknown(m), notFound},
		objection{inviter != fine, inviter},
		objection{g.member(m.owner(i.address)) >= 0, alreadyMember},
	)
}

func (m *model) invited(i *invited, answer any) {
	made, _ := answer.(map[string]any)
	i.id, i.url = made["id"].(string), made["url"].(string)
	i.group.invited = append(i.group.invited, i)
	m.asked = append(m.asked, i)
}

func (m *model) invite(t *rapid.T) {
	g := m.somewhere(t)
	body, i, want := m.invitation(t, g)
	want = first(
		objection{want != fine, want},
		objection{m.invites(g, i.address), notUnique},
		objection{!m.room(g, 1), noRoom},
	)
	if made := m.call(t, want, "POST", "/v1/organizations/"+g.id+"/invitations", body); want == fine {
		m.invited(i, made)
	}
}

func (m *model) inviteMany(t *rapid.T) {
	g := m.somewhere(t)
	var bodies []map[string]any
	var all []*invited
	want, twice := fine, false
	for range rapid.IntRange(1, 3).Draw(t, "count") {
		body, i, objection := m.invitation(t, g)
		if want == fine {
			want = objection
		}
		twice = twice || m.invites(g, i.address) || slices.ContainsFunc(all, func(o *invited) bool { return o.address == i.address })
		bodies, all = append(bodies, body), append(all, i)
	}
	want = first(objection{want != fine, want}, objection{twice, duplicates}, objection{!m.room(g, len(all)), noRoom})
	answer := m.call(t, want, "POST", "/v1/organizations/"+g.id+"/invitations/bulk", bodies)
	if want != fine {
		return
	}
	for k, made := range answer["data"].([]any) {
		m.invited(all[k], made)
	}
}

func (m *model) revoke(t *rapid.T) {
	g := m.somewhere(t)
	i := g.something(t)
	body := map[string]any{}
	requester := fine
	if rapid.Bool().Draw(t, "revoked by somebody") {
		p := m.someone(t)
		body["requesting_user_id"] = p.id
		requester = g.manager(p)
	}
	want := first(
		objection{g.gone, notFound},
		objection{requester != fine, requester},
		objection{i.url == "", notFound},
		objection{m.status(i) != "pending", notPending},
	)
	if m.call(t, want, "POST", "/v1/organizations/"+g.id+"/invitations/"+i.id+"/revoke", body); want == fine {
		i.end = "revoked"
	}
}

func (m *model) redeem(t *rapid.T) {
	g := m.somewhere(t)
	i := g.something(t)
	if i.url == "" {
		t.Skip("no ticket")
	}
	_, ticket, _ := strings.Cut(i.url, "ticket=")
	body := map[string]any{"ticket": ticket}
	joiner, want := m.owner(i.address), fine
	if rapid.Bool().Draw(t, "redeemed for somebody") {
		joiner = m.someone(t)
		body["user_id"] = joiner.id
		want = first(objection{joiner.gone, notFound}, objection{joiner.address != i.address, addressNotProven})
	}
	want = first(
		objection{g.gone, ticketOrphaned},
		objection{m.status(i) == "expired", ticketExpired},
		objection{m.status(i) == "revoked", ticketRevoked},
		objection{m.status(i) == "accepted", ticketUsed},
		objection{want != fine, want},
		objection{joiner != nil && g.member(joiner) >= 0, alreadyMember},
		objection{!m.room(g, 0), noRoom},
	)
	joined := m.call(t, want, "POST", "/v1/tickets/redeem", body)
	if want != fine {
		return
	}
	if joiner == nil {
		joiner = &person{id: joined["public_user_data"].(map[string]any)["user_id"].(string), address: i.address}
		m.people = append(m.people, joiner)
	}
	i.end = "accepted"
	g.members = append(g.members, member{joiner, i.role})
}

// The invitations to the application, which make users and no members.

func (m *model) inviteGuest(t *rapid.T) {
	days := rapid.IntRange(1, 2).Draw(t, "days")
	i := &invited{address: addresses.Draw(t, "address"), expires: m.now.Add(time.Duration(days) * 24 * time.Hour)}
	anyway := rapid.Bool().Draw(t, "anyway")
	waiting := slices.ContainsFunc(m.guests, func(o *invited) bool { return o.address == i.address && m.status(o) == "pending" })
	want := first(
		objection{!anyway && m.owner(i.address) != nil, taken},
		objection{!anyway && waiting, duplicates},
	)
	body := map[string]any{"email_address": i.address, "expires_in_days": days, "ignore_existing": anyway}
	if made := m.call(t, want, "POST", "/v1/invitations", body); want == fine {
		i.id, i.url = made["id"].(string), made["url"].(string)
		m.guests = append(m.guests, i)
	}
}

func (m *model) guest(t *rapid.T) *invited {
	if len(m.guests) == 0 {
		t.Skip("no guests")
	}
	return m.guests[rapid.IntRange(0, len(m.guests)-1).Draw(t, "guest")]
}

func (m *model) revokeGuest(t *rapid.T) {
	i := m.guest(t)
	want := first(objection{i.end == "accepted", acceptedGuest}, objection{i.end == "revoked", endedGuest})
	if m.call(t, want, "POST", "/v1/invitations/"+i.id+"/revoke", nil); want == fine {
		i.end = "revoked"
	}
}

func (m *model) redeemGuest(t *rapid.T) {
	i := m.guest(t)
	_, ticket, _ := strings.Cut(i.url, "ticket=")
	want := first(
		objection{m.status(i) == "expired", ticketExpired},
		objection{i.end == "revoked", revokedGuest},
		objection{i.end == "accepted", acceptedGuest},
	)
	joined := m.call(t, want, "POST", "/v1/tickets/redeem", map[string]any{"ticket": ticket})
	if want != fine {
		return
	}
	i.end = "accepted"
	if m.owner(i.address) == nil {
		m.people = append(m.people, &person{id: joined["id"].(string), address: i.address})
	}
}

// page reads one page of a list of invitations.
func (m *model) page(t *rapid.T) {
	g := m.somewhere(t)
	statuses := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"pending", "accepted", "revoked", "expired"}), 0, 3, rapid.ID[string]).Draw(t, "statuses")
	limit, offset := rapid.IntRange(1, 4).Draw(t, "limit"), rapid.IntRange(0, 3).Draw(t, "offset")
	descending := rapid.Bool().Draw(t, "descending")
	path := fmt.Sprintf("/v1/organizations/%s/invitations?limit=%d&offset=%d", g.id, limit, offset)
	for _, s := range statuses {
		path += "&status=" + s
	}
	var want []*invited
	for _, i := range g.invited {
		if len(statuses) == 0 || slices.Contains(statuses, m.status(i)) {
			want = append(want, i)
		}
	}
	if descending {
		slices.Reverse(want)
	} else {
		path += "&order_by=%2Bcreated_at"
	}
	total := len(want)
	want = want[min(offset, total):min(offset+limit, total)]
	verdict := first(objection{g.gone, notFound})
	answer := m.call(t, verdict, "GET", path, nil)
	if verdict != fine {
		return
	}
	m.compare(t, path, answer, total, m.rows(want), "id", "email_address", "role", "status")
}

// rows is what the model knows of invitations.
func (m *model) rows(list []*invited) [][]any {
	rows := [][]any{}
	for _, i := range list {
		rows = append(rows, []any{i.id, i.address, i.role.key, m.status(i)})
	}
	return rows
}

// value reads a member by its path of names.
func value(v any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		v = v.(map[string]any)[name]
	}
	return v
}

// compare holds the fields of a list's items, and its count, against the model.
func (m *model) compare(t *rapid.T, path string, answer map[string]any, total int, want [][]any, fields ...string) {
	got := [][]any{}
	for _, item := range answer["data"].([]any) {
		var row []any
		for _, field := range fields {
			row = append(row, value(item, field))
		}
		got = append(got, row)
	}
	if diff := cmp.Diff(want, got); diff != "" || answer["total_count"] != float64(total) {
		disagree(t, "GET %s: total_count is %v, the model says %d (-model +server):\n%s", path, answer["total_count"], total, diff)
	}
}

// agree reads everything the instance holds.
func (m *model) agree(t *rapid.T) {
	living := 0
	for _, p := range m.people {
		if !p.gone {
			living++
		}
	}
	if got := m.call(t, fine, "GET", "/v1/users/count", nil)["total_count"]; got != float64(living) {
		disagree(t, "GET /v1/users/count: got %v, the model says %d", got, living)
	}
	groups := [][]any{}
	for _, g := range m.groups {
		if g.gone {
			m.call(t, notFound, "GET", "/v1/organizations/"+g.id, nil)
			continue
		}
		groups = append(groups, []any{g.id, g.slug, float64(g.limit), float64(len(g.members))})
		path := "/v1/organizations/" + g.id + "/invitations?limit=500&order_by=created_at"
		m.compare(t, path, m.call(t, fine, "GET", path, nil), len(g.invited), m.rows(g.invited), "id", "email_address", "role", "status")
		members := [][]any{}
		for _, o := range g.members {
			members = append(members, []any{o.id, o.address, o.role.key})
		}
		path = "/v1/organizations/" + g.id + "/memberships?limit=500&order_by=created_at"
		m.compare(t, path, m.call(t, fine, "GET", path, nil), len(members), members, "public_user_data.user_id", "public_user_data.identifier", "role")
	}
	path := "/v1/organizations?limit=500&order_by=created_at&include_members_count=true"
	m.compare(t, path, m.call(t, fine, "GET", path, nil), len(groups), groups, "id", "slug", "max_allowed_memberships", "members_count")
	all := slices.DeleteFunc(slices.Clone(m.asked), func(i *invited) bool { return i.group.gone })
	path = "/v1/organization_invitations?limit=500&order_by=created_at"
	m.compare(t, path, m.call(t, fine, "GET", path, nil), len(all), m.rows(all), "id", "email_address", "role", "status")
	guests := [][]any{}
	for _, i := range m.guests {
		guests = append(guests, []any{i.id, i.address, m.status(i)})
	}
	path = "/v1/invitations?paginated=true&limit=500&order_by=created_at&status=pending&status=accepted&status=revoked&status=expired"
	m.compare(t, path, m.call(t, fine, "GET", path, nil), len(guests), guests, "id", "email_address", "status")
	m.agreeAboutPeople(t)
}

// agreeAboutPeople reads what each user is a member of, and invited to.
func (m *model) agreeAboutPeople(t *rapid.T) {
	seats := 0
	for _, p := range m.people {
		if p.gone {
			continue
		}
		var member, invited []string
		for _, g := range m.groups {
			if !g.gone && g.member(p) >= 0 {
				member = append(member, g.id)
			}
		}
		for _, i := range m.asked {
			if !i.group.gone && i.address == p.address && m.status(i) == "pending" {
				invited = append(invited, i.id)
			}
		}
		seats += len(member)
		path := "/v1/users/" + p.id + "/organization_memberships?limit=500"
		m.holds(t, path, member, "organization.id")
		path = "/v1/users/" + p.id + "/organization_invitations?limit=500&status=pending"
		m.holds(t, path, invited, "id")
	}
	if got := m.call(t, fine, "GET", "/v1/organization_memberships?limit=1", nil)["total_count"]; got != float64(seats) {
		disagree(t, "GET /v1/organization_memberships: total_count is %v, the model says %d", got, seats)
	}
}

// holds compares a list with the model's, in any order.
func (m *model) holds(t *rapid.T, path string, want []string, field string) {
	rows := [][]any{}
	for _, id := range slices.Sorted(slices.Values(want)) {
		rows = append(rows, []any{id})
	}
	answer := m.call(t, fine, "GET", path, nil)
	slices.SortFunc(answer["data"].([]any), func(a, b any) int {
		return strings.Compare(value(a, field).(string), value(b, field).(string))
	})
	m.compare(t, path, answer, len(want), rows, field)
}
