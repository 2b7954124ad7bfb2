package web_test

import (
	"net/http"
	"strings"
	"testing"

	"usher/internal/invite"
)

func TestLogo(t *testing.T) {
	s := open(t)
	content := "GIF89a\x01\x00\x01\x00\x00\x00\x00;<script>alert(1)</script>"
	logo, err := invite.NewLogo([]byte(content), "")
	s.must(err)
	o, err := s.db.SetLogo(t.Context(), s.in, s.acme.ID, logo)
	s.must(err)
	got := s.get(o.LogoPath())
	if got.status != http.StatusOK || got.body != content {
		t.Errorf("got %d and %q, want the picture as it was uploaded", got.status, got.body)
	}
	for header, want := range map[string]string{
		"Content-Type": "image/gif", "Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff",
		"Content-Security-Policy": "default-src 'none'; sandbox", "Cross-Origin-Resource-Policy": "cross-origin",
		"Access-Control-Allow-Origin": "*",
	} {
		if is := got.header.Get(header); is != want {
			t.Errorf("%s: got %q, want %q", header, is, want)
		}
	}
	if page := s.get("/accept?ticket=" + s.ticket(s.invite("grace@example.com"))); !strings.Contains(page.body, `src="`+o.LogoPath()+`"`) {
		t.Errorf("the invitation does not show the logo:\n%s", page.body)
	}
	for _, path := range []string{
		"/logos/ins_x/" + o.ID + "/" + logo.Name, "/logos/" + s.in.ID + "/org_x/" + logo.Name, "/logos/" + s.in.ID + "/" + o.ID + "/x.gif",
	} {
		if got := s.get(path); got.status != http.StatusNotFound {
			t.Errorf("%s: got %d, want 404", path, got.status)
		}
	}
	_, err = s.db.DeleteLogo(t.Context(), s.in, s.acme.ID)
	s.must(err)
	if got := s.get(o.LogoPath()); got.status != http.StatusNotFound {
		t.Errorf("after it was deleted: got %d, want 404", got.status)
	}
}
