package bapi

import (
	"bytes"
	"context"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"usher/internal/clerk"
	"usher/internal/invite"
	"usher/internal/store"
)

// TestWhatIsDoneAsideIsNotPartOfTheTransaction writes to the database in the part
// of an operation that takes long. Inside the transaction that would be taken back
// with it, or wait for itself.
func TestWhatIsDoneAsideIsNotPartOfTheTransaction(t *testing.T) {
	keys, err := invite.NewKeyring(bytes.Repeat([]byte{7}, invite.MinMasterKey))
	if err != nil {
		t.Fatal(err)
	}
	encoder := &clerk.Encoder{PublicURL: "https://usher.test", Keys: keys}
	db, err := store.Open(t.Context(), store.Options{
		Path: filepath.Join(t.TempDir(), "usher.db"), Now: time.Now, Keys: keys, Event: encoder.EventData,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	in, _, err := db.CreateInstance(t.Context(), invite.Instance{Environment: invite.Test, Name: "Aside"}, "")
	if err != nil {
		t.Fatal(err)
	}
	begun, worked := 0, 0
	operation := func(_ *Server, r *request) ([]byte, error) {
		begun++
		value, err := aside(r, "work", func(ctx context.Context) (string, error) {
			worked++
			_, err := db.CreateUser(ctx, in, invite.NewUser{Username: "aside"})
			return "done", err
		})
		if err != nil {
			return nil, err
		}
		if value != "done" {
			t.Errorf("got result %q, want done", value)
		}
		return nil, invite.Err(invite.KeyReused) // takes back what the operation itself did
	}
	s := &Server{DB: db, Encoder: encoder, Keys: keys}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // instead of waiting for itself
	defer cancel()
	req := &request{Request: httptest.NewRequestWithContext(ctx, "POST", "/v1/users", nil), instance: in}
	req.Header.Set(idempotencyKey, "one")
	if _, err := s.once(httptest.NewRecorder(), req, operation); err == nil {
		t.Error("the refusal was lost")
	}
	if begun != 2 || worked != 1 {
		t.Errorf("begun %d times and worked %d times, want 2 and 1", begun, worked)
	}
	if n, err := db.CountUsers(t.Context(), in, store.UserFilter{}); n != 1 || err != nil {
		t.Errorf("got %d users, %v; want the one made aside", n, err)
	}
}
