package store

import (
	"context"

	"usher/internal/invite"
)

// UserFilter selects and orders a list of users. Empty fields select all.
type UserFilter struct {
	EmailAddresses  []string // any of these, compared folded
	Usernames       []string // in any case
	IDs             invite.Choice
	ExternalIDs     invite.Choice
	OrganizationIDs invite.Choice // whose members
	Query           string        // part of an address, name, username or id, in any case
	AddressQuery    string        // part of an address
	UsernameQuery   string
	NameQuery       string
	Banned          *bool
	CreatedAt       Between
	LastActiveAt    Between
	LastSignInAt    Between
	Nobody          bool // by something that no user here has

	// OrderBy is created_at, updated_at, email_address, first_name, last_name,
	// username, last_active_at, last_sign_in_at, or id.
	OrderBy    string
	Descending bool
	// StartingAfter is the last user of the page before, in a list by created_at.
	StartingAfter string
	invite.Page
}

// Between selects instants from From on and before Until; 0 is no bound. An instant
// that never was is outside of any bound.
type Between struct{ From, Until invite.Instant }

func (f *UserFilter) where(instance string) (q where, unfiltered bool) {
	tenant := q.arg(instance)
	q.and(`u.instance_id = ` + tenant)
	f.ofID(&q, tenant, `u.id`)
	f.ofRow(&q, tenant)
	return q, len(q.conditions) == 1
}

// ofID adds what f asks of a user of whom the id is enough, in the column of that
// name; tenant is the name of the instance.
func (f *UserFilter) ofID(q *where, tenant, id string) {
	if f.Nobody {
		q.and(id + ` = ''`)
	}
	q.choose(id, f.IDs)
	if len(f.OrganizationIDs.Only) > 0 {
		q.and(f.members(q, tenant, id, f.OrganizationIDs.Only))
	}
	if len(f.OrganizationIDs.Except) > 0 {
		q.and(`NOT ` + f.members(q, tenant, id, f.OrganizationIDs.Except))
	}
	if len(f.EmailAddresses) > 0 {
		q.and(id + owners(tenant) + `e.email_key IN (` + q.list(keysOf(f.EmailAddresses)) + `))`)
	}
	if f.AddressQuery != "" {
		q.and(id + owners(tenant) + q.address(`e`, f.AddressQuery) + `)`)
	}
}

// owners begins the selection of users by their addresses e.
func owners(tenant string) string {
	return ` IN (SELECT e.user_id FROM email_addresses e WHERE e.instance_id = ` + tenant + ` AND `
}

// ofRow adds what f asks of the row of a user u.
func (f *UserFilter) ofRow(q *where, tenant string) {
	q.choose(`u.external_id`, f.ExternalIDs)
	q.in(`u.username_key`, folded(f.Usernames))
	// The indexes on both have only who has one, and serve who says so.
	if len(f.ExternalIDs.Only) > 0 {
		q.and(`u.external_id <> ''`)
	}
	if len(f.Usernames) > 0 {
		q.and(`u.username_key <> ''`)
	}
	if f.Banned != nil {
		q.and(`u.banned = ` + q.arg(*f.Banned))
	}
	q.between(`u.created_at`, f.CreatedAt)
	q.between(`u.last_active_at`, f.LastActiveAt)
	q.between(`u.last_sign_in_at`, f.LastSignInAt)
	if f.UsernameQuery != "" {
		q.and(`u.username_key` + q.like(f.UsernameQuery))
	}
	if f.NameQuery != "" {
		q.and(`u.name_key` + q.like(f.NameQuery))
	}
	if f.Query != "" {
		like := q.like(f.Query)
		q.and(`(lower(u.id)` + like + ` OR u.name_key` + like + ` OR u.username_key` + like + ` OR u.id` + owners(tenant) + q.address(`e`, f.Query) + `))`)
	}
}

// members is the condition that a user, by id, is a member of any of the organizations.
// Few users are asked for one by one; else an organization may be small, or all may be its
// members, and reading its list is the better of the two.
func (f *UserFilter) members(q *where, tenant, id string, organizations []string) string {
	these := `(SELECT o.id FROM organizations o WHERE o.instance_id = ` + tenant + ` AND o.id IN (` + q.list(organizations) + `))`
	if f.names() {
		return `EXISTS (SELECT 1 FROM memberships x WHERE x.instance_id = ` + tenant + ` AND x.user_id = ` + id + ` AND x.organization_id IN ` + these + `)`
	}
	return id + ` IN (SELECT x.user_id FROM memberships x WHERE x.instance_id = ` + tenant + ` AND x.organization_id IN ` + these + `)`
}

// between adds the conditions of b on column.
func (w *where) between(column string, b Between) {
	if b.From != 0 {
		w.and(column + ` >= ` + w.arg(b.From))
	}
	if b.Until != 0 {
		w.and(column + ` < ` + w.arg(b.Until))
		w.and(column + ` <> 0`)
	}
}

// like adds the text searched for and returns the comparison with a folded column.
func (w *where) like(search string) string {
	return ` LIKE ` + w.arg(contains(invite.Fold(search))) + ` ESCAPE '\'`
}

// address returns the comparison of an address with the text searched for: in lower
// case, as addresses are kept, and an international domain in both its forms.
func (w *where) address(table, search string) string {
	like := ` LIKE ` + w.arg(contains(search)) + ` ESCAPE '\'`
	return `(` + table + `.email_key` + like + ` OR ` + table + `.email_key LIKE '%xn--%' AND ` + table + `.email_address` + like + `)`
}

func folded(texts []string) []string {
	keys := make([]string, len(texts))
	for i, s := range texts {
		keys[i] = invite.Fold(s)
	}
	return keys
}

// keysOf folds addresses; one that is malformed stands for itself and matches nothing.
func keysOf(addresses []string) []string {
	keys := make([]string, len(addresses))
	for i, s := range addresses {
		keys[i] = s
		if e, ok := invite.ParseEmail(s); ok {
			keys[i] = e.Key
		}
	}
	return keys
}

// Users returns one page of users. It refuses a StartingAfter that is no user.
func (db *DB) Users(ctx context.Context, in *invite.Instance, f UserFilter) ([]*invite.User, error) {
	var list []*invite.User
	err := db.read(ctx, func(t *tx) error {
		list = nil
		query, args, err := t.userList(in.ID, &f)
		if err != nil {
			return err
		}
		if err := t.each(query, args, func(row scanner) error {
			u, err := scanUser(row)
			list = append(list, u)
			return err
		}); err != nil {
			return err
		}
		for _, u := range list {
			if err := t.addresses(in.ID, u); err != nil {
				return err
			}
		}
		return nil
	})
	return list, err
}

func (t *tx) userList(instance string, f *UserFilter) (string, []any, error) {
	q, _ := f.where(instance)
	if f.StartingAfter != "" {
		var at invite.Instant
		err := t.row(`SELECT created_at FROM users WHERE instance_id = $1 AND id = $2`, instance, f.StartingAfter).Scan(&at)
		if err != nil {
			return "", nil, missing(err, invite.ParamErr(invite.ParamValue, "starting_after", f.StartingAfter))
		}
		q.after(at, f)
	}
	join, column := ``, `u.`+f.OrderBy
	switch f.OrderBy {
	case "username":
		column = `u.username_key`
	case "email_address":
		column = `COALESCE(p.email_address, '')`
		join = ` LEFT JOIN email_addresses p ON p.instance_id = u.instance_id AND p.user_id = u.id AND p.id = u.primary_email_address_id`
	}
	if f.names() {
		column = computed(column)
	}
	return `SELECT ` + userColumns + ` FROM users u` + join + q.clause() + order(column, `u.id`, f.Descending) + q.limit(f.Page), q.args, nil
}

// names reports whether f asks for users one by one.
func (f *UserFilter) names() bool {
	return len(f.IDs.Only)+len(f.ExternalIDs.Only)+len(f.Usernames)+len(f.EmailAddresses) > 0
}

// after begins a list by creation behind a user.
func (w *where) after(created invite.Instant, f *UserFilter) {
	comparison := ` > `
	if f.Descending {
		comparison = ` < `
	}
	w.and(`(u.created_at, u.id)` + comparison + `(` + w.arg(created) + `, ` + w.arg(f.StartingAfter) + `)`)
}

// CountUsers returns how many users match, on all pages.
func (db *DB) CountUsers(ctx context.Context, in *invite.Instance, f UserFilter) (int, error) {
	var n int
	err := db.read(ctx, func(t *tx) (err error) {
		q, unfiltered := f.where(in.ID)
		n, err = t.total(in.ID, "users", unfiltered, q)
		return err
	})
	return n, err
}
