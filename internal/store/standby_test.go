package store_test

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"usher/internal/invite"
	"usher/internal/store"
	"usher/internal/store/postgrestest"
	"usher/internal/store/storetest"
)

// watched is a world on a server whose standby answers reads.
type watched struct {
	*storetest.World
	primary, standby *postgrestest.Server
	read             string // the URL of the standby
}

func openWatched(t *testing.T) *watched {
	t.Helper()
	primary, err := postgrestest.Start()
	if errors.Is(err, exec.ErrNotFound) {
		postgrestest.URL(t) // skips, or fails where PostgreSQL is demanded
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, primary) })
	standby, err := primary.Standby()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, standby) })
	w := &watched{primary: primary, standby: standby, read: standby.URL}
	w.World = storetest.NewWorld(t, func(t *testing.T, clock *storetest.Clock) (*store.DB, *sql.DB) {
		return w.server(t, clock)
	})
	return w
}

func (w *watched) server(t *testing.T, clock *storetest.Clock) (*store.DB, *sql.DB) {
	t.Helper()
	return openPostgresAs(t, clock, func(o *store.Options) { o.Database, o.DatabaseRead = w.primary.URL, w.read })
}

// pause stops the standby where it is.
func (w *watched) pause(t *testing.T) {
	t.Helper()
	if err := w.standby.Pause(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// follow lets the standby catch up, and the server ask it again.
func (w *watched) follow(t *testing.T) {
	t.Helper()
	if err := w.standby.Resume(t.Context(), w.primary); err != nil {
		t.Fatal(err)
	}
	w.Clock.Add(2 * time.Second)
}

// total counts the invitations as a request does that brings a token, and says whether
// the standby did.
func (w *watched) total(t *testing.T, db *store.DB, token string) (n int, byStandby bool) {
	t.Helper()
	before, _ := db.StandbyReads()
	ctx, _ := db.Track(t.Context(), true, token)
	page, err := db.Invitations(ctx, w.Instance, w.Org.ID, store.InvitationFilter{Page: invite.Page{Limit: 10}})
	if err != nil {
		t.Fatal(err)
	}
	after, _ := db.StandbyReads()
	return page.Total, after > before
}

// create invites somebody and returns the token of what was written.
func (w *watched) create(t *testing.T, db *store.DB, address string) string {
	t.Helper()
	ctx, track := db.Track(t.Context(), false, "")
	if _, err := db.CreateInvitation(ctx, w.Instance, w.Org.ID, invite.NewInvitation{EmailAddress: address, Role: invite.RoleMember, ExpiresInDays: 1}); err != nil {
		t.Fatal(err)
	}
	if track.Token() == "" {
		t.Fatal("no token for what was written")
	}
	return track.Token()
}

func (w *watched) want(t *testing.T, db *store.DB, token string, total int, byStandby bool) {
	t.Helper()
	if n, by := w.total(t, db, token); n != total || by != byStandby {
		t.Errorf("%d invitations, by the standby: %v; want %d, %v", n, by, total, byStandby)
	}
}

// What was acknowledged to anybody, by any server, is seen by every read that begins
// afterwards, whoever answers it.
func TestStandby(t *testing.T) {
	w := openWatched(t)
	other, _ := w.server(t, w.Clock)
	first := w.create(t, w.DB, "first@example.com")
	w.follow(t)
	t.Run("one that has replayed all answers", func(t *testing.T) {
		w.want(t, w.DB, "", 1, true)
		w.want(t, other, "", 1, true)
		w.want(t, other, first, 1, true)
	})

	w.pause(t)
	second := w.create(t, w.DB, "second@example.com")
	t.Run("one that is behind is passed over", func(t *testing.T) {
		w.want(t, w.DB, "", 2, false)
		w.want(t, other, "", 2, false)
		w.Clock.Add(2 * time.Second)
		w.want(t, w.DB, second, 2, false)
		w.want(t, other, second, 2, false)
	})
	t.Run("and not asked again for a second", func(t *testing.T) {
		w.want(t, w.DB, first, 2, false)
	})
	t.Run("who need not see the last answers is answered by it", func(t *testing.T) {
		w.Clock.Add(2 * time.Second)
		w.want(t, w.DB, first, 1, true)
		w.want(t, other, first, 1, true)
	})
	t.Run("a token that was made up counts as none", func(t *testing.T) {
		timeline, _, _ := strings.Cut(first, "-")
		for _, token := range []string{"00000000-0", timeline + "-7fffffffffffffff", timeline + "--1", timeline, "x", "-"} {
			w.Clock.Add(2 * time.Second)
			w.want(t, w.DB, token, 2, false)
		}
	})
	t.Run("who decides asks the primary", func(t *testing.T) {
		w.Clock.Add(2 * time.Second)
		ctx, _ := w.DB.Track(t.Context(), false, first)
		page, err := w.DB.Invitations(ctx, w.Instance, w.Org.ID, store.InvitationFilter{Page: invite.Page{Limit: 10}})
		if err != nil || page.Total != 2 {
			t.Errorf("a read of a request that writes saw %v, %v", page, err)
		}
	})
	w.follow(t)
	t.Run("it answers again when it has caught up", func(t *testing.T) {
		w.want(t, w.DB, second, 2, true)
		w.want(t, other, "", 2, true)
	})
	t.Run("a token from the future does not keep others from it", func(t *testing.T) {
		timeline, _, _ := strings.Cut(first, "-")
		w.want(t, w.DB, timeline+"-7fffffffffffffff", 2, true)
	})
	t.Run("a role that was changed is seen", func(t *testing.T) {
		role := w.role(t, "Watcher")
		w.Clock.Add(2 * time.Second)
		for _, db := range []*store.DB{w.DB, other} {
			ctx, _ := db.Track(t.Context(), true, "")
			if got, err := db.Role(ctx, w.Instance, role); err != nil || got.Name != "Watcher" {
				t.Errorf("the role is %v, %v", got, err)
			}
		}
	})
}

func (w *watched) role(t *testing.T, name string) string {
	t.Helper()
	r, err := w.DB.CreateRole(t.Context(), w.Instance, invite.NewRole{Key: "org:" + strings.ToLower(name), Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return r.ID
}

// No request fails because the standby does, and a server starts without it.
func TestStandbyThatIsDown(t *testing.T) {
	w := openWatched(t)
	w.create(t, w.DB, "first@example.com")
	w.follow(t)
	w.want(t, w.DB, "", 1, true)
	if err := w.standby.Kill(); err != nil {
		t.Fatal(err)
	}
	w.want(t, w.DB, "", 1, false)
	w.follow(t)
	w.want(t, w.DB, "", 1, true)

	w.read = "postgres://usher@/postgres?host=" + url.QueryEscape(t.TempDir())
	alone, _ := w.server(t, w.Clock)
	w.want(t, alone, "", 1, false)
	w.create(t, alone, "second@example.com")
	w.want(t, alone, "", 2, false)
}

// A standby that has become a primary, on a timeline of its own, does not answer for
// another one.
func TestStandbyThatIsPromoted(t *testing.T) {
	w := openWatched(t)
	w.create(t, w.DB, "first@example.com")
	w.follow(t)
	w.want(t, w.DB, "", 1, true)
	if err := w.standby.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.create(t, w.DB, "second@example.com")
	w.want(t, w.DB, "", 2, false)
	w.Clock.Add(2 * time.Second)
	w.want(t, w.DB, "", 2, false)
}

// A server does not start with somebody else's database to read from.
func TestStandbyOfAnotherDatabase(t *testing.T) {
	url, clock := postgrestest.URL(t), storetest.NewClock()
	opts := options(t, "", clock)
	opts.Database, opts.DatabaseRead = url, postgrestest.URL(t)
	if db, err := store.Open(context.WithoutCancel(t.Context()), opts); !errors.Is(err, store.ErrOtherDatabase) {
		t.Errorf("opening returned %v", err)
		if err == nil {
			t.Error(db.Close())
		}
	}
}

// However many read from a standby, the primary is asked one thing at a time.
func TestStandbyAsksThePrimaryOnce(t *testing.T) {
	if n := store.Asked(100); n != 1 {
		t.Errorf("%d statements travel for 100 who ask at once", n)
	}
}
