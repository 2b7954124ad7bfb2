package store

import (
	"hash/maphash"
	"sync"
	"sync/atomic"

	"usher/internal/invite"
)

// cache keeps in memory, exactly, what is read much more often than it changes:
// rendered answers about an organization's invitations, and the roles and people
// they name. It is used by the one process that serves a SQLite file (see
// Reserve), through whose writer every change passes.
//
// Each change raises a generation after its commit and before its answer. A
// value is kept under the generation that was read before the value was, so that
// one read from older data can never be found by a later request.
type cache struct {
	enabled atomic.Bool
	seed    maphash.Seed
	all     atomic.Uint64              // raised by changes that may show anywhere
	some    [generations]atomic.Uint64 // by organization; a collision only costs a miss

	recast   atomic.Uint64 // the generation of all catalogs
	catalogs kept[*invite.Catalog]
	people   kept[*invite.Person]

	horizons horizons

	mu    sync.RWMutex
	pages map[pageKey]page
	bytes int
	asked [doors]atomic.Uint32 // hashes of what was asked for lately
}

const (
	generations = 4096
	doors       = 64 << 10
	maxPeople   = 16 << 10
	maxCatalogs = 1 << 10
	maxPage     = 32 << 10 // bytes; longer answers are not kept
	maxPages    = 32 << 20 // bytes of all answers, with what keeping one costs
	maxName     = 256      // bytes; a client can make up as many and as long names as it likes
	overhead    = 512      // bytes of an answer's key and entry
)

func newCache() *cache {
	return &cache{
		seed: maphash.MakeSeed(), pages: make(map[pageKey]page),
		catalogs: kept[*invite.Catalog]{most: maxCatalogs}, people: kept[*invite.Person]{most: maxPeople},
	}
}

func (c *cache) slot(organization string) *atomic.Uint64 {
	return &c.some[maphash.String(c.seed, organization)%generations]
}

func (c *cache) generation(organization string) [2]uint64 {
	return [2]uint64{c.all.Load(), c.slot(organization).Load()}
}

// changed is called for each committed operation.
func (c *cache) changed(t *tx) {
	if t.recast {
		c.recast.Add(1)
	}
	if t.everywhere() {
		c.all.Add(1)
	}
	for _, organization := range t.changed {
		c.slot(organization).Add(1)
	}
}

// everywhere reports whether what t changed may show in any list: because it
// said so, or because it named nothing.
func (t *tx) everywhere() bool { return t.wrote && (t.changedAll || t.changed == nil) }

// kept is a map of at most so many values, each under the generation it was read in.
type kept[V any] struct {
	most   int
	mu     sync.RWMutex
	values map[string]keptValue[V]
}

type keptValue[V any] struct {
	generation uint64
	value      V
}

// recall returns the value of key from memory, or loads and keeps it. What an
// operation of the same batch may have changed must be read fresh.
func (k *kept[V]) recall(key string, generation uint64, fresh bool, load func() (V, error)) (V, error) {
	if fresh {
		return load()
	}
	k.mu.RLock()
	v, ok := k.values[key]
	k.mu.RUnlock()
	if ok && v.generation == generation {
		return v.value, nil
	}
	value, err := load()
	if err == nil {
		k.put(key, keptValue[V]{generation, value})
	}
	return value, err
}

func (k *kept[V]) put(key string, v keptValue[V]) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.values == nil || len(k.values) >= k.most {
		k.values = make(map[string]keptValue[V])
	}
	k.values[key] = v
}

type pageKey struct{ instance, organization, name string }

type page struct {
	generation [2]uint64
	until      invite.Instant
	body       []byte
}

// Page returns the answer about an organization's invitations that render makes,
// from memory when nothing it shows can have changed since it was made. The name
// tells an organization's answers apart. Render returns as well until when its
// answer is good if nothing is changed. The result must not be modified.
func (db *DB) Page(in *invite.Instance, organization, name string, render func() ([]byte, invite.Instant, error)) ([]byte, error) {
	c := db.cache
	if !c.enabled.Load() || len(organization)+len(name) > maxName {
		body, _, err := render()
		return body, err
	}
	key, generation := pageKey{in.ID, organization, name}, c.generation(organization)
	c.mu.RLock()
	p, ok := c.pages[key]
	c.mu.RUnlock()
	if ok && p.generation == generation && db.Now() < p.until {
		return p.body, nil
	}
	body, until, err := render()
	if err == nil && len(body) <= maxPage && (ok || c.again(key)) {
		c.keep(key, page{generation, until, body})
	}
	return body, err
}

// again reports whether an answer was asked for before, not long ago: one that is
// read once does not push out those that are read often.
func (c *cache) again(key pageKey) bool {
	h := maphash.Comparable(c.seed, key)
	return c.asked[h%doors].Swap(uint32(h>>32)) == uint32(h>>32)
}

// keep makes room by dropping any other answers: which ones does not matter much,
// and remembering their use would cost every request.
func (c *cache) keep(key pageKey, p page) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.pages[key]; ok {
		c.bytes -= len(old.body) + overhead
	}
	c.bytes += len(p.body) + overhead
	c.pages[key] = p
	for other, q := range c.pages {
		if c.bytes <= maxPages {
			return
		}
		if other != key {
			c.bytes -= len(q.body) + overhead
			delete(c.pages, other)
		}
	}
}
