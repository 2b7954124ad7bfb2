package store

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"usher/internal/invite"
)

// TestWhatIsKeptIsBounded fills the cache with answers that a client could ask
// for without end.
func TestWhatIsKeptIsBounded(t *testing.T) {
	db := &DB{cache: newCache()}
	db.cache.enabled.Store(true)
	db.opts.Now = func() time.Time { return time.UnixMilli(1) }
	in := &invite.Instance{ID: "ins_1"}
	render := func(size int) func() ([]byte, invite.Instant, error) {
		return func() ([]byte, invite.Instant, error) { return make([]byte, size), invite.Never, nil }
	}
	for i := range 100_000 {
		if _, err := db.Page(in, "org_1", fmt.Sprint("small", i), render(27)); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(db.cache.pages); got > maxPages/overhead {
		t.Errorf("%d small answers are kept, more than %d entries can be paid for", got, maxPages/overhead)
	}
	for i := range 3000 {
		if _, err := db.Page(in, "org_1", fmt.Sprint("large", i), render(maxPage)); err != nil {
			t.Fatal(err)
		}
	}
	held := 0
	for _, p := range db.cache.pages {
		held += len(p.body) + overhead
	}
	if held != db.cache.bytes || held > maxPages {
		t.Errorf("%d bytes are held and %d counted, the bound is %d", held, db.cache.bytes, maxPages)
	}
	before := len(db.cache.pages)
	for _, name := range []string{strings.Repeat("x", maxName), "too large"} {
		size := 1
		if name == "too large" {
			size = maxPage + 1
		}
		if _, err := db.Page(in, "org_1", name, render(size)); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(db.cache.pages); got != before {
		t.Errorf("an answer with a long name or body was kept: %d entries, had %d", got, before)
	}
}

func TestTheDatabaseIsItsOwnersOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "usher.db")
	db, err := Open(t.Context(), Options{Path: path, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, name := range []string{path, path + "-wal"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has mode %o, want 600", filepath.Base(name), mode)
		}
	}
}
