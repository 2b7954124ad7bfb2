package bapi_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestTheFeedWaitsForWhatIsAskedFor(t *testing.T) {
	a := newAPI(t, nil)
	_, _, all := a.call(t, "GET", "/usher/v1/events?limit=500", "")
	next := all[strings.LastIndex(all, `"next":"`)+len(`"next":"`):]
	next = strings.TrimSuffix(next, `"}`)
	answered := make(chan string)
	go func() {
		_, _, body := a.call(t, "GET", "/usher/v1/events?types=organizationInvitation.revoked&wait=50s&after="+next, "")
		answered <- body
	}()
	status, _, body := a.call(t, "POST", "/v1/organizations/"+a.vars["acme"]+"/invitations", `{"email_address":"grace@example.com","role":"org:member"}`)
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	id := body[strings.Index(body, "orginv_"):]
	id = id[:strings.IndexByte(id, '"')]
	if status, _, body = a.call(t, "POST", "/v1/organizations/"+a.vars["acme"]+"/invitations/"+id+"/revoke", ""); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	if got := <-answered; !strings.Contains(got, `"type":"organizationInvitation.revoked"`) || strings.Contains(got, "organizationInvitation.created") {
		t.Errorf("got %s, want the revocation alone", got)
	}
}
