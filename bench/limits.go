package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// limit is a measured value that must not exceed another.
type limit struct {
	name      string
	got, most float64
	unit      string
}

// starts runs the server several times on data that is there already, and
// measures how long it takes to answer and what it occupies when nobody asks.
func (u *usher) starts(ctx context.Context, data, key string, times int, idle time.Duration) ([]limit, error) {
	var took, memory []float64
	for range times {
		p, first, err := u.serve(ctx, data, key)
		if err != nil {
			return nil, err
		}
		took = append(took, milliseconds(first))
		select {
		case <-time.After(idle):
		case <-ctx.Done():
		}
		rss, err := p.rss()
		if err := errors.Join(err, p.stop()); err != nil {
			return nil, err
		}
		memory = append(memory, float64(rss)/(1<<20))
	}
	return []limit{
		{"start to first answer, median", median(took), 150, "ms"},
		{"idle memory, median", median(memory), 40, "MB"},
	}, nil
}

// Depths of the comparison: a small organization, and the page asked for in the
// large one, as a part of it.
const (
	fewInvitations = 1000
	deepPart       = 10
)

// depth adds two organizations to a copy of the data, a small and a large one,
// and compares the first page of both. Each read follows a write to the same
// organization, so that no cache can help. It also reads pages deep inside the
// large one, each once.
func (u *usher) depth(ctx context.Context, data, key, admin string, taken, many, samples int) (limits []limit, err error) {
	small, large := taken, taken+1
	if err := grow(ctx, data, taken, many); err != nil {
		return nil, err
	}
	p, _, err := u.serve(ctx, data, key)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	c, err := dial(ctx, p.addr, key)
	if err != nil {
		return nil, err
	}
	defer c.conn.Close()
	people, err := newPopulation(admin, taken+2, 0)
	if err != nil {
		return nil, err
	}
	var ofSmall, ofLarge, deep histogram
	for i := range samples {
		pair := []int{small, large}
		if i%2 == 1 { // neither always comes first, or always meets the same connection to the database
			slices.Reverse(pair)
		}
		for _, n := range pair {
			if _, err := c.post(people.appendBody(nil), organizations, organizationID(n), invitations); err != nil {
				return nil, err
			}
			latency := &ofSmall
			if n == large {
				latency = &ofLarge
			}
			if err := c.timed(latency, organizations, organizationID(n), firstPage); err != nil {
				return nil, err
			}
		}
	}
	// Apart, because what these read drives everything else from the database's memory.
	for i := range samples {
		if err := c.timed(&deep, organizations, organizationID(large), firstPage, "&offset=", strconv.Itoa(many/deepPart+i)); err != nil {
			return nil, err
		}
	}
	ratio := float64(ofLarge.quantile(0.5)) / float64(ofSmall.quantile(0.5))
	return []limit{
		{fmt.Sprintf("first page of %d, p50", fewInvitations), milliseconds(ofSmall.quantile(0.5)), 0, "ms"},
		{fmt.Sprintf("first page of %d, p50", many), milliseconds(ofLarge.quantile(0.5)), 0, "ms"},
		{"the second divided by the first", ratio, 1.2, ""},
		{fmt.Sprintf("page at offset %d, p50", many/deepPart), milliseconds(deep.quantile(0.5)), 10, "ms"},
	}, nil
}

// grow adds the small and the large organization to a seeded database.
func grow(ctx context.Context, data string, taken, many int) (err error) {
	db, err := openSeeding(data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	organization := "printf('org_" + numbered + "', n)"
	pending := fmt.Sprintf("CASE n WHEN %d THEN %d ELSE %d END", taken, fewInvitations, many)
	return errors.Join(
		multiply(ctx, db, "organizations", taken, 2, map[string]string{"id": organization, "slug": "'bench-' || n", "pending": pending}),
		multiply(ctx, db, "memberships", taken, 2, map[string]string{"organization_id": organization, "id": "printf('orgmem_" + numbered + "', n)"}),
		seedInvitations(ctx, db, taken*perOrganization, fewInvitations, strconv.Itoa(taken)),
		seedInvitations(ctx, db, taken*perOrganization+fewInvitations, many, strconv.Itoa(taken+1)),
	)
}

// timed records how long a get takes.
func (c *client) timed(latency *histogram, path ...string) error {
	began := time.Now()
	_, err := c.get(path...)
	latency.record(time.Since(began))
	return err
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// sizes are the limits of the binary.
func sizes(stripped, plain int64) []limit {
	return []limit{
		{"binary as released (-trimpath -ldflags='-s -w')", float64(stripped) / (1 << 20), 35, "MB"},
		{"binary as go build makes it, with what debuggers read", float64(plain) / (1 << 20), 0, "MB"},
	}
}
