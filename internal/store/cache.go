package store

import (
	"context"
	"hash/maphash"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"

	"usher/internal/invite"
)

// pageCache keeps rendered pages of lists, exactly: a page is served only while
// nothing that it shows can have changed. It is used by the one process that
// serves a SQLite file (see Reserve), through whose writer every change passes.
//
// Each change raises a generation after its commit and before its answer. A
// page is kept under the generation that was read before the page was made, so
// that a page made from older data can never be found by a later request.
type pageCache struct {
	enabled atomic.Bool
	seed    maphash.Seed
	all     atomic.Uint64              // raised by changes that may show anywhere
	some    [generations]atomic.Uint64 // by organization; a collision only costs a miss
	pages   *lru.Cache[pageKey, page]
}

const (
	generations = 4096
	maxPages    = 2048
	maxPage     = 32 << 10 // bytes; longer pages are not kept
)

type pageKey struct{ instance, organization, name string }

type page struct {
	generation [2]uint64
	until      invite.Instant // when the next invitation expires
	body       []byte
}

func newPageCache() *pageCache {
	pages, err := lru.New[pageKey, page](maxPages)
	if err != nil {
		panic(err) // the size is a constant above zero
	}
	return &pageCache{seed: maphash.MakeSeed(), pages: pages}
}

func (c *pageCache) slot(organization string) *atomic.Uint64 {
	return &c.some[maphash.String(c.seed, organization)%generations]
}

func (c *pageCache) generation(organization string) [2]uint64 {
	return [2]uint64{c.all.Load(), c.slot(organization).Load()}
}

// changed is called for each committed operation. An operation that names
// nothing counts as a change of everything.
func (c *pageCache) changed(t *tx) {
	if t.changedAll || t.changed == nil {
		c.all.Add(1)
	}
	for _, organization := range t.changed {
		c.slot(organization).Add(1)
	}
}

// Page returns the page of an organization's list that render makes, from
// memory when nothing it shows can have changed since it was made. The name
// tells the organization's pages apart. The result must not be modified.
func (db *DB) Page(ctx context.Context, in *invite.Instance, organization, name string, render func() ([]byte, error)) ([]byte, error) {
	if !db.cache.enabled.Load() {
		return render()
	}
	key := pageKey{in.ID, organization, name}
	generation := db.cache.generation(organization)
	if p, ok := db.cache.pages.Get(key); ok && p.generation == generation && db.Now() < p.until {
		return p.body, nil
	}
	until, err := db.nextExpiry(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	body, err := render()
	if err == nil && len(body) <= maxPage {
		db.cache.pages.Add(key, page{generation, until, body})
	}
	return body, err
}

// nextExpiry returns when the next pending invitation of the instance expires:
// until then no page changes by itself.
func (db *DB) nextExpiry(ctx context.Context, instance string) (invite.Instant, error) {
	var at invite.Instant
	err := db.query(ctx, func(t *tx) error {
		return t.row(`
			SELECT COALESCE(min(expires_at), $3)
			FROM invitations
			WHERE instance_id = $1 AND status = 0 AND expires_at > $2`, instance, t.now, never).Scan(&at)
	})
	return at, err
}

// never is later than any instant that is stored.
const never = invite.Instant(1 << 62)
