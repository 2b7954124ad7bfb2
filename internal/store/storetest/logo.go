package storetest

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"usher/internal/invite"
)

// picture returns one of many pictures.
func picture(k int) *invite.Logo {
	logo, err := invite.NewLogo(fmt.Appendf(nil, "GIF89a\x01\x00\x01\x00\x00\x00\x00;%d", k), "")
	if err != nil {
		panic(err)
	}
	return logo
}

func testLogo(w *World) {
	has := func(name string, want bool) {
		w.Helper()
		logo, ok, err := w.DB.Logo(w.Context(), w.Instance.ID, w.Org.ID, name)
		if w.ok("reading", err); ok != want || ok && (logo.Type != "image/gif" || len(logo.Content) == 0) {
			w.Errorf("%s: got %+v, %v; want it there: %v", name, logo, ok, want)
		}
	}
	first, second := picture(1), picture(2)
	second.UploaderID = w.Admin.ID
	w.Clock.Add(time.Minute)
	o := must(w.DB.SetLogo(w.Context(), w.Instance, w.Org.ID, first))(w.T)
	if o.Logo != first.Name || o.UpdatedAt != invite.At(w.Clock.Now()) || o.LogoPath() != "/logos/"+w.Instance.ID+"/"+o.ID+"/"+first.Name {
		w.Errorf("got %+v at %s", o, o.LogoPath())
	}
	has(first.Name, true)
	must(w.DB.SetLogo(w.Context(), w.Instance, w.Org.ID, second))(w.T)
	has(first.Name, false)
	has(second.Name, true)
	one, _, err := w.DB.Logo(w.Context(), w.Instance.ID, w.Org.ID, second.Name)
	w.ok("reading", err)
	other, _, err := w.DB.Logo(w.Context(), w.Instance.ID, w.Org.ID, second.Name)
	if w.ok("reading again", err); one != other {
		w.Errorf("two who read a logo at once have a copy each")
	}
	runtime.KeepAlive(one)
	if _, ok, err := w.DB.Logo(w.Context(), "ins_x", w.Org.ID, second.Name); ok || err != nil {
		w.Errorf("another tenant's: found %v, %v", ok, err)
	}
	if read := must(w.DB.Organization(w.Context(), w.Instance, w.Org.ID))(w.T); read.Logo != second.Name {
		w.Errorf("got logo %q, want %q", read.Logo, second.Name)
	}
	stranger := picture(3)
	stranger.UploaderID = "user_x"
	w.unchanged("a logo of nobody's", func() {
		_, err := w.DB.SetLogo(w.Context(), w.Instance, w.Org.ID, stranger)
		w.refused("uploading for nobody", err, invite.UserNotFound)
		_, err = w.DB.SetLogo(w.Context(), w.Instance, "org_x", first)
		w.refused("uploading into nothing", err, invite.OrganizationNotFound)
	})
	if o := must(w.DB.DeleteLogo(w.Context(), w.Instance, w.Org.ID))(w.T); o.Logo != "" {
		w.Errorf("got logo %q, want none", o.Logo)
	}
	has(second.Name, false)
	w.unchanged("deleting twice", func() { must(w.DB.DeleteLogo(w.Context(), w.Instance, w.Org.ID))(w.T) })

	var set atomic.Int32
	together(20, func(k int) {
		if _, err := w.DB.SetLogo(w.Context(), w.Instance, w.Org.ID, picture(k)); err == nil {
			set.Add(1)
		}
	})
	if n := len(Rows(w.T, w.Raw, `SELECT name FROM organization_logos`)); n != 1 || set.Load() != 20 {
		w.Errorf("%d uploads left %d logos, want 20 and one", set.Load(), n)
	}
	must(w.DB.DeleteOrganization(w.Context(), w.Instance, w.Org.ID))(w.T)
	if n := len(Rows(w.T, w.Raw, `SELECT name FROM organization_logos`)); n != 0 {
		w.Errorf("a deleted organization left %d logos", n)
	}
}
