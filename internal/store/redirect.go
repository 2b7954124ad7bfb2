package store

import (
	"context"
	"slices"

	"usher/internal/invite"
)

const redirectURLColumns = `id, url, created_at, updated_at`

func scanRedirectURL(row scanner) (*invite.RedirectURL, error) {
	var r invite.RedirectURL
	err := row.Scan(&r.ID, &r.URL, &r.CreatedAt, &r.UpdatedAt)
	return &r, err
}

func (t *tx) redirectURL(instance, id string) (*invite.RedirectURL, error) {
	r, err := scanRedirectURL(t.row(`
		SELECT `+redirectURLColumns+`
		FROM redirect_urls
		WHERE instance_id = $1 AND id = $2`, instance, id))
	return r, missing(err, invite.Err(invite.RedirectURLNotFound, id))
}

// CreateRedirectURL lists a URL. The first one of an instance closes all others
// to new invitations; those that exist keep where they lead.
func (db *DB) CreateRedirectURL(ctx context.Context, in *invite.Instance, url string) (*invite.RedirectURL, error) {
	if bad := invite.CheckListedURL("url", url, in.Environment); bad != nil {
		return nil, bad
	}
	var r *invite.RedirectURL
	err := db.write(ctx, func(t *tx) error {
		r = &invite.RedirectURL{ID: t.newID(redirectURLID), URL: url, CreatedAt: t.now, UpdatedAt: t.now}
		n, err := t.exec(`
			INSERT INTO redirect_urls (instance_id, id, url, origin, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (instance_id, origin, url) DO NOTHING`,
			in.ID, r.ID, r.URL, invite.Origin(r.URL), r.CreatedAt, r.UpdatedAt)
		if err != nil {
			return err
		}
		if n == 0 {
			return invite.ParamErr(invite.ValueExists, "url")
		}
		return t.countRedirectURLs(in.ID, 1)
	})
	return r, err
}

func (t *tx) countRedirectURLs(instance string, n int) error {
	t.changed = []string{} // lists of invitations do not show them
	t.instanceChanged()
	return t.count(instance, "redirect_urls", n)
}

// RedirectURL returns a listed URL, or refuses with RedirectURLNotFound.
func (db *DB) RedirectURL(ctx context.Context, in *invite.Instance, id string) (*invite.RedirectURL, error) {
	var r *invite.RedirectURL
	err := db.query(ctx, func(t *tx) (err error) {
		r, err = t.redirectURL(in.ID, id)
		return err
	})
	return r, err
}

// RedirectURLs returns one page of the listed URLs, newest first, and how many
// there are.
func (db *DB) RedirectURLs(ctx context.Context, in *invite.Instance, page invite.Page) ([]*invite.RedirectURL, int, error) {
	var list []*invite.RedirectURL
	var total int
	err := db.read(ctx, func(t *tx) error {
		list = nil
		if err := t.row(`SELECT redirect_urls FROM instances WHERE instance_id = $1`, in.ID).Scan(&total); err != nil {
			return err
		}
		return t.each(`
			SELECT `+redirectURLColumns+`
			FROM redirect_urls
			WHERE instance_id = $1
			ORDER BY id DESC
			LIMIT $2 OFFSET $3`, []any{in.ID, page.Limit, page.Offset}, func(row scanner) error {
			r, err := scanRedirectURL(row)
			list = append(list, r)
			return err
		})
	})
	return list, total, err
}

// DeleteRedirectURL takes a URL off the list. Invitations that lead there stay
// as they are.
func (db *DB) DeleteRedirectURL(ctx context.Context, in *invite.Instance, id string) (invite.Deleted, error) {
	err := db.write(ctx, func(t *tx) error {
		if _, err := t.redirectURL(in.ID, id); err != nil {
			return err
		}
		if err := t.later(`DELETE FROM redirect_urls WHERE instance_id = $1 AND id = $2`, in.ID, id); err != nil {
			return err
		}
		return t.countRedirectURLs(in.ID, -1)
	})
	return invite.Deleted{Object: "redirect_url", ID: id}, err
}

// mayLeadTo refuses a redirect URL that is not listed, where some are.
func (t *tx) mayLeadTo(in *invite.Instance, url string) error {
	if in.RedirectURLs == 0 || url == "" {
		return nil
	}
	listed, err := t.strings(`SELECT url FROM redirect_urls WHERE instance_id = $1 AND origin = $2`, in.ID, invite.Origin(url))
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(listed, func(l string) bool { return invite.Within(url, l) }) {
		return invite.ParamErr(invite.URLNotListed, "redirect_url")
	}
	return nil
}
