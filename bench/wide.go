package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
)

// wide adds many users to a database whose organization number large has many
// invitations, makes each of them a member of it, and measures lists of them and
// of what is in all organizations.
func (u *usher) wide(ctx context.Context, data, key string, large, many, samples int) (limits []limit, err error) {
	if err := populate(ctx, data, large, many); err != nil {
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
	members := "/v1/organizations/" + organizationID(large) + "/memberships"
	for _, list := range []struct {
		name string
		path func(i int) string
	}{
		{"users, first page", func(int) string { return "/v1/users?limit=10" }},
		{"users, one of an address", func(i int) string { return "/v1/users?email_address=" + userAddress(many/deepPart+i) }},
		{"users, count", func(int) string { return "/v1/users/count" }},
		{"users, page at offset " + strconv.Itoa(many/deepPart), func(i int) string { return fmt.Sprintf("/v1/users?limit=10&offset=%d", many/deepPart+i) }},
		{"members of one organization, first page", func(int) string { return members + "?limit=10" }},
		{"members of one organization, one of an id", func(i int) string { return members + "?user_id=" + userID(many/deepPart+i) }},
		{"members of one organization, of a role", func(int) string { return members + "?limit=10&role=org:admin" }},
		{"members of one organization, page at offset " + strconv.Itoa(many/deepPart), func(i int) string {
			return fmt.Sprintf("%s?limit=10&offset=%d", members, many/deepPart+i)
		}},
		{"memberships of all organizations, first page", func(int) string { return "/v1/organization_memberships?limit=10" }},
		{"invitations of all organizations, first page", func(int) string { return "/v1/organization_invitations?limit=10" }},
		{"invitations of all organizations, pending", func(int) string { return "/v1/organization_invitations?limit=10&status=pending" }},
	} {
		var latency histogram
		for i := range samples {
			if err := c.timed(&latency, list.path(i)); err != nil {
				return nil, err
			}
		}
		limits = append(limits, limit{fmt.Sprintf("%s, of %d, p50", list.name, many), milliseconds(latency.quantile(0.5)), 0, "ms"})
	}
	return limits, nil
}

func userID(n int) string      { return fmt.Sprintf("user_"+numbered, n) }
func userAddress(n int) string { return fmt.Sprintf("member"+numbered+"@bench.example", n) }

// populate adds many users with an address each, all members of one organization.
func populate(ctx context.Context, data string, organization, many int) (err error) {
	db, err := openSeeding(data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	user, address := numberedSQL("user_", "n"), numberedSQL("member", "n")+" || '@bench.example'"
	if err := errors.Join(
		multiply(ctx, db, "users", 0, many, map[string]string{"id": user, "primary_email_address_id": numberedSQL("idn_", "n")}),
		multiply(ctx, db, "email_addresses", 0, many, map[string]string{
			"id": numberedSQL("idn_", "n"), "user_id": user, "email_address": address, "email_key": address,
		}),
		multiply(ctx, db, "memberships", 2*many, many, map[string]string{
			"organization_id": "'" + organizationID(organization) + "'", "user_id": numberedSQL("user_", "n - "+strconv.Itoa(2*many)),
			"id": numberedSQL("orgmem_", "n"),
		}),
	); err != nil {
		return err
	}
	for _, count := range []string{
		"UPDATE instances SET users = users + $1",
		"UPDATE organizations SET members = members + $1 WHERE id = '" + organizationID(organization) + "'",
	} {
		if _, err := db.ExecContext(ctx, count, many); err != nil {
			return fmt.Errorf("counting what was seeded: %w", err)
		}
	}
	return nil
}
