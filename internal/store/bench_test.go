package store_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"usher/internal/clerk"
	"usher/internal/invite"
	"usher/internal/store"
	"usher/internal/store/storetest"
)

func benchStore(b *testing.B) (*store.DB, *invite.Instance, string, string) {
	keys, err := invite.NewKeyring(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		b.Fatal(err)
	}
	encoder := &clerk.Encoder{PublicURL: "http://127.0.0.1", Keys: keys}
	db, err := store.Open(b.Context(), store.Options{NewSigningKey: storetest.NewSigningKey, Path: filepath.Join(b.TempDir(), "usher.db"), Now: time.Now, Keys: keys, Event: encoder.EventData})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	in, _, err := db.CreateInstance(b.Context(), invite.Instance{Environment: invite.Test, Name: "x"}, "")
	if err != nil {
		b.Fatal(err)
	}
	u, err := db.CreateUser(b.Context(), in, invite.NewUser{EmailAddresses: []string{"ada@example.com"}, FirstName: "Ada"})
	if err != nil {
		b.Fatal(err)
	}
	o, err := db.CreateOrganization(b.Context(), in, invite.NewOrganization{Name: "Acme", CreatedBy: u.ID})
	if err != nil {
		b.Fatal(err)
	}
	if err := db.Reserve(b.Context()); err != nil {
		b.Fatal(err)
	}
	return db, in, o.ID, u.ID
}

// BenchmarkCreate measures the durable creation of invitations by 64 callers.
func BenchmarkCreate(b *testing.B) {
	db, in, org, user := benchStore(b)
	var n atomic.Int64
	b.SetParallelism(32)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_, err := db.CreateInvitation(b.Context(), in, org, invite.NewInvitation{
				EmailAddress: fmt.Sprintf("u%d@example.com", n.Add(1)), Role: invite.RoleMember, InviterID: user, ExpiresInDays: 30, Notify: true,
			})
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkGet measures reading one invitation with its role and inviter.
func BenchmarkGet(b *testing.B) {
	db, in, org, user := benchStore(b)
	i, err := db.CreateInvitation(b.Context(), in, org, invite.NewInvitation{EmailAddress: "a@example.com", Role: invite.RoleMember, InviterID: user, ExpiresInDays: 30})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := db.Invitation(b.Context(), in, org, i.ID); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPending measures reading the first page of pending invitations.
func BenchmarkPending(b *testing.B) {
	db, in, org, user := benchStore(b)
	for k := range 20 {
		_, err := db.CreateInvitation(b.Context(), in, org, invite.NewInvitation{
			EmailAddress: fmt.Sprintf("u%d@example.com", k), Role: invite.RoleMember, InviterID: user, ExpiresInDays: 30})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := db.Invitations(b.Context(), in, org, store.InvitationFilter{Statuses: []invite.Status{invite.Pending}, Descending: true, Page: invite.Page{Limit: 10}}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDeepOffset measures a page behind 100,000 pending invitations.
func BenchmarkDeepOffset(b *testing.B) {
	db, in, org, user := benchStore(b)
	var n atomic.Int64
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for k := n.Add(1); k < 110_000; k = n.Add(1) {
				if _, err := db.CreateInvitation(b.Context(), in, org, invite.NewInvitation{
					EmailAddress: fmt.Sprintf("u%d@example.com", k), Role: invite.RoleMember, InviterID: user, ExpiresInDays: 30}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	for b.Loop() {
		if _, err := db.Invitations(b.Context(), in, org, store.InvitationFilter{Statuses: []invite.Status{invite.Pending}, Descending: true, Page: invite.Page{Limit: 10, Offset: 100_000}}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPendingCold measures the same of one organization after the other,
// more of them than any cache holds.
func BenchmarkPendingCold(b *testing.B) {
	db, in, _, user := benchStore(b)
	orgs := make([]string, 20_000)
	var n atomic.Int64
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for k := n.Add(1) - 1; k < int64(len(orgs)); k = n.Add(1) - 1 {
				o, err := db.CreateOrganization(b.Context(), in, invite.NewOrganization{Name: "Acme", CreatedBy: user})
				if err != nil {
					b.Error(err)
					return
				}
				news := make([]invite.NewInvitation, 10)
				for i := range news {
					news[i] = invite.NewInvitation{EmailAddress: fmt.Sprintf("u%d@example.com", i), Role: invite.RoleMember, InviterID: user, ExpiresInDays: 30}
				}
				if _, err := db.CreateInvitations(b.Context(), in, o.ID, news); err != nil {
					b.Error(err)
					return
				}
				orgs[k] = o.ID
			}
		})
	}
	wg.Wait()
	k := 0
	for b.Loop() {
		if _, err := db.Invitations(b.Context(), in, orgs[k*7919%len(orgs)], store.InvitationFilter{Statuses: []invite.Status{invite.Pending}, Descending: true, Page: invite.Page{Limit: 10}}); err != nil {
			b.Fatal(err)
		}
		k++
	}
}
