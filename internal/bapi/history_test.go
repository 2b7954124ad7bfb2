package bapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"usher/internal/invite"
	"usher/internal/store/postgrestest"
	"usher/internal/store/storetest"
)

// TestHistory lets clients create, revoke, accept and read the invitations of the same
// addresses at once, over HTTP, while time passes that lets them expire. What they were
// answered must be what somebody could have been answered who did one thing after the
// other: a checker of linearizability looks for such an order. So an invitation has one
// outcome, and none is accepted after a revocation was acknowledged.
func TestHistory(t *testing.T) {
	testHistory(t, func(t *testing.T, clock *storetest.Clock) []*world {
		w := new(world)
		w.open(t, clock.Now)
		return []*world{w}
	})
}

// TestHistoryOfReplicas is the same where each request goes to one of three servers
// that share a PostgreSQL database.
func TestHistoryOfReplicas(t *testing.T) {
	testHistory(t, func(t *testing.T, clock *storetest.Clock) []*world {
		database, nodes := postgrestest.URL(t), make([]*world, 3)
		for k := range nodes {
			nodes[k] = new(world)
			nodes[k].openAt(t, clock.Now, database)
		}
		return nodes
	})
}

func testHistory(t *testing.T, open func(*testing.T, *storetest.Clock) []*world) {
	const rounds, addresses, clients, steps = 4, 8, 6, 10
	for round := range rounds {
		t.Run(fmt.Sprint("round ", round+1), func(t *testing.T) {
			clock := storetest.NewClock()
			h := newHistorian(t, open(t, clock))
			slots := make([]*slot, addresses)
			var all sync.WaitGroup
			done := make(chan struct{}, addresses*clients*steps)
			for a := range slots {
				slots[a] = &slot{address: fmt.Sprintf("a%d@example.com", a)}
				for c := range clients {
					all.Go(func() {
						for range steps {
							h.step(a*clients+c, slots[a])
							done <- struct{}{}
						}
					})
				}
			}
			all.Go(func() {
				for range 3 { // spread over what the clients do
					for range cap(done) / 4 {
						<-done
					}
					h.record(addresses*clients, asked{what: pass{}}, func() answered {
						clock.Add(25 * time.Hour)
						h.passed.Add(1)
						return answered{}
					})
				}
			})
			all.Wait()
			for _, history := range invitations.Partition(h.history(slots)) {
				if result := porcupine.CheckOperationsTimeout(invitations, history, time.Minute); result != porcupine.Ok {
					t.Errorf("%d operations in no possible order: %s\n%s", len(history), result, written(history))
				}
			}
		})
	}
}

// TestHistoryIsChecked holds the checker against orders that must not be.
func TestHistoryIsChecked(t *testing.T) {
	made := answered{status: http.StatusOK, id: "1"}
	ok := answered{status: http.StatusOK}
	for _, tt := range []struct {
		name string
		then []any // what is asked and answered, one after the other
		want bool
	}{
		{"accepting", []any{ask{"accept", "1"}, ok}, true},
		{"accepting after a revocation", []any{ask{"revoke", "1"}, ok, ask{"accept", "1"}, ok}, false},
		{"revoking after an acceptance", []any{ask{"accept", "1"}, ok, ask{"revoke", "1"}, ok}, false},
		{"accepting twice", []any{ask{"accept", "1"}, ok, ask{"accept", "1"}, ok}, false},
		{"accepting what has expired", []any{pass{}, answered{}, ask{"accept", "1"}, ok}, false},
		{"reading what was before", []any{ask{"revoke", "1"}, ok, ask{"read", "1"}, answered{status: http.StatusOK, code: "pending"}}, false},
		{"a refusal without its reason", []any{ask{"accept", "1"}, answered{status: http.StatusBadRequest, code: ticketRevoked.code}}, false},
		{"inviting twice", []any{ask{"create", ""}, answered{status: http.StatusOK, id: "2"}}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			history := []porcupine.Operation{{Input: asked{"a", ask{"create", ""}, 0}, Output: made, Call: 1, Return: 2}}
			for k := 0; k < len(tt.then); k += 2 {
				at := int64(10 + k)
				passed := 0
				if k > 0 && tt.then[k-2] == (pass{}) {
					passed = 1
				}
				history = append(history, porcupine.Operation{Input: asked{"a", tt.then[k], passed}, Output: tt.then[k+1], Call: at, Return: at + 1})
			}
			if got := porcupine.CheckOperations(invitations, history); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// asked is an operation on the invitations of an address: ask or pass.
type asked struct {
	address string
	what    any
	passed  int // how often time had passed when it was begun
}

// ask is a request about an invitation, or to create one.
type ask struct{ verb, id string }

// pass lets so much time pass that what is pending expires.
type pass struct{}

// answered is an answer: the id of what was created; the status that was read, or the
// code of a refusal.
type answered struct {
	status           int
	id, code, ticket string
}

// String leaves the ticket out.
func (a answered) String() string { return fmt.Sprint(a.status, " ", a.code, " ", a.id) }

// known is a state of an address: its invitations in order, and how often time has
// passed.
type known struct {
	list   string // of id:status:passed before, each with a comma behind
	passed int
}

// invitations says what may be answered about the invitations of one address.
//
// The clock is read when an operation begins, and others see it when it is durable: in
// between, what it accepts or revokes in time may read as expired. So an operation may
// be one of any time since it was begun, but none of before.
var invitations = (&porcupine.NondeterministicModel{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		parts := make(map[string][]porcupine.Operation)
		for _, o := range history {
			address := o.Input.(asked).address
			parts[address] = append(parts[address], o)
		}
		return slices.Collect(maps.Values(parts))
	},
	Init: func() []any { return []any{known{}} },
	Step: func(state, input, output any) []any { return state.(known).step(input.(asked), output.(answered)) },
}).ToModel()

// only is that the state may be next, if that is so.
func only(next known, may bool) []any {
	if !may {
		return nil
	}
	return []any{next}
}

func (k known) step(in asked, got answered) []any {
	if in.what == (pass{}) {
		k.passed++
		return []any{k}
	}
	q := in.what.(ask)
	if q.verb == "create" {
		return k.create(in.passed, got)
	}
	at := strings.Index(k.list, q.id+":")
	if at < 0 {
		return nil
	}
	entry, rest, _ := strings.Cut(k.list[at:], ",")
	parts := strings.Split(entry, ":")
	status := parts[1]
	made, err := strconv.Atoi(parts[2])
	if err != nil {
		panic(err)
	}
	late, intime := made < k.passed, made >= in.passed
	move := func(to string) known {
		k.list = k.list[:at] + strings.Join([]string{q.id, to, parts[2]}, ":") + "," + rest
		return k
	}
	pending := status == "pending"
	switch {
	case q.verb == "read":
		return only(k, got.code == status && (!pending || intime) || pending && late && got.code == "expired")
	case q.verb == "revoke" && got.status == http.StatusOK:
		return only(move("revoked"), pending && intime)
	case q.verb == "revoke":
		return only(k, (!pending || late) && got.code == notPending.code)
	case got.status == http.StatusOK:
		return only(move("accepted"), pending && intime)
	}
	why := map[string]string{"accepted": ticketUsed.code, "revoked": ticketRevoked.code}[status]
	return only(k, got.code == why || late && got.code == ticketExpired.code)
}

func (k known) create(begun int, got answered) []any {
	pending := func(since int) bool {
		for made := since; made <= k.passed; made++ {
			if strings.Contains(k.list, fmt.Sprint(":pending:", made, ",")) {
				return true
			}
		}
		return false
	}
	member := strings.Contains(k.list, ":accepted:")
	if got.status != http.StatusOK {
		return only(k, member && got.code == alreadyMember.code || pending(begun) && got.code == notUnique.code)
	}
	var next []any
	for made := begun; made <= k.passed; made++ {
		if !member && !pending(made) {
			next = append(next, known{k.list + fmt.Sprintf("%s:pending:%d,", got.id, made), k.passed})
		}
	}
	return next
}

// slot is what the clients know of an address: its invitations, oldest first.
type slot struct {
	address string
	mu      sync.Mutex
	made    []answered
}

func (s *slot) add(a answered) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.status == http.StatusOK {
		s.made = append(s.made, a)
	}
}

// pick returns one of the last two, empty before there is one.
func (s *slot) pick() (id, ticket string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.made) == 0 {
		return "", ""
	}
	last := s.made[max(0, len(s.made)-2):]
	a := last[rand.IntN(len(last))]
	return a.id, a.ticket
}

// historian makes requests and writes down when they were begun and answered.
type historian struct {
	*testing.T
	nodes      []*world // any of which may be asked
	key, base  string   // of requests, and of an organization's paths
	begun      time.Time
	passed     atomic.Int32 // how often time has passed, at least
	mu         sync.Mutex
	operations []porcupine.Operation
}

func newHistorian(t *testing.T, nodes []*world) *historian {
	t.Helper()
	w := nodes[0]
	in, key, err := w.db.CreateInstance(t.Context(), invite.Instance{Environment: invite.Test, Name: "History"}, "")
	must(t, err)
	o, err := w.db.CreateOrganization(t.Context(), in, invite.NewOrganization{Name: "History", MaxAllowedMemberships: new(0)})
	must(t, err)
	return &historian{T: t, nodes: nodes, key: key, base: "/v1/organizations/" + o.ID + "/invitations", begun: time.Now()}
}

// record carries an operation out and writes it down.
func (h *historian) record(client int, what asked, act func() answered) answered {
	what.passed = int(h.passed.Load())
	call := time.Since(h.begun).Nanoseconds()
	out := act()
	back := time.Since(h.begun).Nanoseconds()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.operations = append(h.operations, porcupine.Operation{ClientId: client, Input: what, Call: call, Output: out, Return: back})
	return out
}

// history returns what was written down. Time passed for each address.
func (h *historian) history(slots []*slot) []porcupine.Operation {
	var list []porcupine.Operation
	for _, o := range h.operations {
		if o.Input.(asked).what != (pass{}) {
			list = append(list, o)
			continue
		}
		for _, s := range slots {
			o.Input = asked{address: s.address, what: pass{}}
			list = append(list, o)
		}
	}
	return list
}

// written returns a history as lines, in the order of the answers.
func written(history []porcupine.Operation) string {
	var lines strings.Builder
	for _, o := range history {
		fmt.Fprintf(&lines, "%9d to %9d  client %d  %+v  %+v\n", o.Call, o.Return, o.ClientId, o.Input, o.Output)
	}
	return lines.String()
}

// step does one thing with an address.
func (h *historian) step(client int, s *slot) {
	id, ticket := s.pick()
	switch verb := rand.IntN(10); {
	case id == "" || verb < 3:
		got := h.record(client, asked{s.address, ask{"create", ""}, 0}, func() answered {
			return h.request("POST", h.base, map[string]any{"email_address": s.address, "role": "org:member", "expires_in_days": 1})
		})
		s.add(got)
	case verb < 5:
		h.record(client, asked{s.address, ask{"revoke", id}, 0}, func() answered { return h.request("POST", h.base+"/"+id+"/revoke", map[string]any{}) })
	case verb < 7 && ticket != "": // what had expired when it was answered has none
		h.record(client, asked{s.address, ask{"accept", id}, 0}, func() answered {
			return h.request("POST", "/v1/tickets/redeem", map[string]any{"ticket": ticket})
		})
	default:
		h.record(client, asked{s.address, ask{"read", id}, 0}, func() answered { return h.request("GET", h.base+"/"+id, nil) })
	}
}

// request makes a request and returns what of its answer is compared.
func (h *historian) request(method, path string, body map[string]any) answered {
	raw, err := json.Marshal(body)
	if err == nil {
		node := h.nodes[rand.IntN(len(h.nodes))]
		var req *http.Request
		if req, err = http.NewRequestWithContext(h.Context(), method, node.URL+path, bytes.NewReader(raw)); err == nil {
			return h.answer(node, req)
		}
	}
	h.Error(err)
	return answered{}
}

func (h *historian) answer(node *world, req *http.Request) answered {
	req.Header.Set("Authorization", "Bearer "+h.key)
	res, err := node.Client().Do(req)
	if err != nil {
		h.Error(err)
		return answered{}
	}
	defer res.Body.Close()
	var o map[string]any
	if err := json.NewDecoder(res.Body).Decode(&o); err != nil {
		h.Error(err)
	}
	got := answered{status: res.StatusCode, code: code(o)}
	if res.StatusCode == http.StatusOK && o["object"] == "organization_invitation" {
		got.id, got.code = o["id"].(string), o["status"].(string)
		if link, ok := o["url"].(string); ok && req.Method == http.MethodPost {
			at, err := url.Parse(link)
			if err != nil {
				h.Error(err)
			}
			got.ticket = at.Query().Get("ticket")
		}
	}
	return got
}
