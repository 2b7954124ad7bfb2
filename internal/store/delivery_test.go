package store

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"usher/internal/invite"
)

// TestAPlaceThatWasMovedMeanwhileIsNotOverwritten goes back in the log between a
// line's look and its step: the step must not undo the replay.
func TestAPlaceThatWasMovedMeanwhileIsNotOverwritten(t *testing.T) {
	keys, err := invite.NewKeyring(make([]byte, invite.MinMasterKey))
	if err != nil {
		t.Fatal(err)
	}
	db, err := Open(t.Context(), Options{
		Path: filepath.Join(t.TempDir(), "usher.db"), Keys: keys, Now: func() time.Time { return time.UnixMilli(1_700_000_000_000) },
		Event: func(any, invite.Instant) (json.RawMessage, error) { return json.RawMessage(`{}`), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	in, _, err := db.CreateInstance(t.Context(), invite.Instance{Environment: invite.Test}, "")
	if err != nil {
		t.Fatal(err)
	}
	happen := func() {
		t.Helper()
		if _, err := db.CreateOrganization(t.Context(), in, invite.NewOrganization{Name: "Acme"}); err != nil {
			t.Fatal(err)
		}
	}
	happen()
	e, err := db.CreateEndpoint(t.Context(), in, invite.NewEndpoint{URL: "https://example.com"})
	if err != nil {
		t.Fatal(err)
	}
	happen()
	line := db.Line(EndpointKey{in.ID, e.ID})
	g, err := line.look(t.Context(), 10)
	if err != nil || len(g.wanted) != 1 {
		t.Fatalf("saw %d events, %v; want 1", len(g.wanted), err)
	}
	if err := db.ReplaySince(t.Context(), in, e.ID, 0); err != nil {
		t.Fatal(err)
	}
	var moved bool
	if err := db.write(t.Context(), func(tx *tx) error {
		moved, err = tx.advance(line.key, g.from, g.to)
		return err
	}); err != nil || moved {
		t.Errorf("moved %v, %v; want the place to stay where the replay put it", moved, err)
	}
	if list, _, err := line.Claim(t.Context(), 10, time.Minute); err != nil || len(list) != 2 {
		t.Errorf("claimed %d events, %v; want both", len(list), err)
	}
}
