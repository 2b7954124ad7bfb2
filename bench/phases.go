package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// population is what the phases find and leave in the server.
type population struct {
	organizations []string // that are written to
	listed        []string // that are only listed
	seeded        []string // ids of the invitations there were at the start
	prefix, rest  string   // of a create's body, around the unique part of the address

	addresses atomic.Int64
	next      atomic.Int64 // the listed organization that is asked for next

	mu   sync.Mutex
	open []invitation // made during the run and still pending
}

// invitation is what it takes to revoke or accept one.
type invitation struct{ organization, id, ticket string }

// newPopulation describes what seed has made: writable organizations, then
// listed ones.
func newPopulation(admin string, writable, listed int) (*population, error) {
	p := &population{}
	for n := range writable + listed {
		p.organizations = append(p.organizations, organizationID(n))
	}
	p.organizations, p.listed = p.organizations[:writable], p.organizations[writable:]
	for n := range (writable + listed) * perOrganization {
		p.seeded = append(p.seeded, invitationID(n))
	}
	body, err := json.Marshal(newInvitation("?@bench.example", admin))
	p.prefix, p.rest, _ = strings.Cut(string(body), "?")
	return p, err
}

// Paths behind an organization.
const (
	organizations = "/v1/organizations/"
	invitations   = "/invitations"
	firstPage     = "/invitations/pending?limit=10"
)

func (p *population) organization(w *worker) string {
	return p.organizations[w.random.IntN(len(p.organizations))]
}

// appendBody appends the body of a create with an address never used before.
func (p *population) appendBody(b []byte) []byte {
	b = append(append(b, p.prefix...), "guest"...)
	b = strconv.AppendInt(b, p.addresses.Add(1), 10)
	return append(b, p.rest...)
}

// create invites a new address to a random organization.
func (p *population) create(w *worker) error {
	w.payload = p.appendBody(w.payload[:0])
	organization := p.organization(w)
	answer, err := w.post(w.payload, organizations, organization, invitations)
	if err != nil {
		return err
	}
	return p.keep(organization, answer)
}

// createBulk is create for ten addresses, to fill up what revoke and accept use.
func (p *population) createBulk(w *worker) error {
	w.payload = append(w.payload[:0], '[')
	for i := range 10 {
		if i > 0 {
			w.payload = append(w.payload, ',')
		}
		w.payload = p.appendBody(w.payload)
	}
	w.payload = append(w.payload, ']')
	organization := p.organization(w)
	answer, err := w.post(w.payload, organizations, organization, invitations, "/bulk")
	if err != nil {
		return err
	}
	return p.keep(organization, answer)
}

// keep remembers the invitations in an answer, which has an id and then a link
// for each.
func (p *population) keep(organization string, answer []byte) error {
	var found []invitation
	for {
		_, rest, ok := bytes.Cut(answer, []byte(`"id":"orginv_`))
		if !ok {
			break
		}
		id, rest, _ := bytes.Cut(rest, []byte(`"`))
		_, rest, _ = bytes.Cut(rest, []byte(`ticket=`))
		ticket, rest, ok := bytes.Cut(rest, []byte(`"`))
		if !ok {
			break
		}
		found = append(found, invitation{organization, "orginv_" + string(id), string(ticket)})
		answer = rest
	}
	if len(found) == 0 {
		return fmt.Errorf("no invitation in %s", answer)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = append(p.open, found...)
	return nil
}

// take removes a random open invitation.
func (p *population) take(w *worker) (invitation, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.open) == 0 {
		return invitation{}, errDry
	}
	last := len(p.open) - 1
	i := w.random.IntN(len(p.open))
	taken := p.open[i]
	p.open[i] = p.open[last]
	p.open = p.open[:last]
	return taken, nil
}

// fill makes sure that there are as many open invitations as asked for.
func (p *population) fill(ctx context.Context, t *target, want int) error {
	op := func(w *worker) error {
		p.mu.Lock()
		enough := len(p.open) >= want
		p.mu.Unlock()
		if enough {
			return errDry
		}
		return p.createBulk(w)
	}
	_, err := t.load(ctx, 64, time.Hour, op)
	return err
}

// get reads a random invitation of the organizations that are written to.
func (p *population) get(w *worker) error {
	return p.getOf(w, len(p.organizations)*perOrganization)
}

// getCold reads a random one of all seeded invitations, many more than the
// server remembers.
func (p *population) getCold(w *worker) error { return p.getOf(w, len(p.seeded)) }

func (p *population) getOf(w *worker, invitationsOf int) error {
	n := w.random.IntN(invitationsOf)
	_, err := w.get(organizations, organizationOf(p, n), invitations, "/", p.seeded[n])
	return err
}

// organizationOf returns the organization of a seeded invitation.
func organizationOf(p *population, n int) string {
	n /= perOrganization
	if n < len(p.organizations) {
		return p.organizations[n]
	}
	return p.listed[n-len(p.organizations)]
}

// list reads the first page of one listed organization after the other, so that
// none comes again before all others have come.
func (p *population) list(w *worker) error {
	n := int(p.next.Add(1)) % len(p.listed)
	_, err := w.get(organizations, p.listed[n], firstPage)
	return err
}

// listAgain reads the same page of an organization that nobody writes to.
func (p *population) listAgain(w *worker) error {
	_, err := w.get(organizations, p.listed[0], firstPage)
	return err
}

func (p *population) revoke(w *worker) error {
	i, err := p.take(w)
	if err != nil {
		return err
	}
	_, err = w.post(nil, organizations, i.organization, invitations, "/", i.id, "/revoke")
	return err
}

// accept joins as a new user.
func (p *population) accept(w *worker) error {
	i, err := p.take(w)
	if err != nil {
		return err
	}
	w.payload = append(append(append(w.payload[:0], `{"ticket":"`...), i.ticket...), `"}`...)
	_, err = w.post(w.payload, "/v1/tickets/redeem")
	return err
}

// mixed is what an application does all day, in the organizations that change:
// 35 % list, 35 % get, 20 % create, 5 % revoke, 5 % accept.
func (p *population) mixed(w *worker) error {
	switch n := w.random.IntN(100); {
	case n < 35:
		_, err := w.get(organizations, p.organization(w), firstPage)
		return err
	case n < 70:
		n := w.random.IntN(len(p.organizations) * perOrganization)
		_, err := w.get(organizations, organizationOf(p, n), invitations, "/", p.seeded[n])
		return err
	case n < 90:
		return p.create(w)
	case n < 95:
		return orCreate(p, w, p.revoke)
	default:
		return orCreate(p, w, p.accept)
	}
}

// orCreate does op, or creates when there is nothing left to do it to.
func orCreate(p *population, w *worker, op operation) error {
	if err := op(w); !errors.Is(err, errDry) {
		return err
	}
	return p.create(w)
}
