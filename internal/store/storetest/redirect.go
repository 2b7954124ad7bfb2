package storetest

import (
	"errors"
	"fmt"
	"sync"

	"usher/internal/invite"
)

func testRedirectURLs(w *World) {
	in := w.Instance
	current := func() *invite.Instance {
		w.Helper()
		return must(w.DB.Authenticate(w.Context(), w.Key))(w.T)
	}
	leading := func(address, url string) error {
		n := asking(address)
		n.RedirectURL = url
		_, err := w.DB.CreateInvitation(w.Context(), current(), w.Org.ID, n)
		return err
	}
	w.ok("leading anywhere while none is listed", leading("a@example.com", "https://anywhere.example/"))
	first := must(w.DB.CreateRedirectURL(w.Context(), in, "https://app.example/in"))(w.T)
	w.refused("listing it twice", func() error {
		_, err := w.DB.CreateRedirectURL(w.Context(), in, "https://app.example/in")
		return err
	}(), invite.ValueExists)
	second := must(w.DB.CreateRedirectURL(w.Context(), in, "https://app.example/also"))(w.T)

	w.ok("leading to a listed URL", leading("b@example.com", "https://app.example/also/x"))
	w.ok("leading nowhere", leading("c@example.com", ""))
	w.unchanged("an invitation that leads elsewhere", func() {
		w.refused("another path", leading("d@example.com", "https://app.example/other"), invite.URLNotListed)
		w.refused("another host", leading("d@example.com", "https://anywhere.example/in"), invite.URLNotListed)
	})

	list, total, err := w.DB.RedirectURLs(w.Context(), in, invite.Page{Limit: 1})
	if err != nil || total != 2 || len(list) != 1 || list[0].ID != second.ID {
		w.Errorf("the first page is %+v of %d, %v; want the second URL of 2", list, total, err)
	}
	other, _ := must2(w.DB.CreateInstance(w.Context(), invite.Instance{Environment: invite.Test, Name: "Other"}, ""))(w.T)
	w.unchanged("another tenant", func() {
		_, err := w.DB.RedirectURL(w.Context(), other, first.ID)
		w.refused("reading", err, invite.RedirectURLNotFound)
		_, err = w.DB.DeleteRedirectURL(w.Context(), other, first.ID)
		w.refused("deleting", err, invite.RedirectURLNotFound)
	})
	for _, r := range []*invite.RedirectURL{first, second} {
		must(w.DB.DeleteRedirectURL(w.Context(), in, r.ID))(w.T)
	}
	w.ok("leading anywhere when none is listed any more", leading("d@example.com", "https://anywhere.example/"))
}

func testOneRedirectURL(w *World) {
	const callers = 16
	var wg sync.WaitGroup
	errs := make([]error, callers)
	for k := range callers {
		wg.Go(func() {
			_, errs[k] = w.DB.CreateRedirectURL(w.Context(), w.Instance, fmt.Sprintf("https://app.example/%d", k%4))
		})
	}
	wg.Wait()
	listed := 0
	for _, err := range errs {
		if err == nil {
			listed++
		} else if !errors.Is(err, invite.Err(invite.ValueExists)) {
			w.Errorf("got error %v, want none or that it is listed", err)
		}
	}
	if listed != 4 {
		w.Errorf("%d of %d were listed, want one of each URL", listed, callers)
	}
}
