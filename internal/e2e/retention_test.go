package e2e

import (
	"strings"
	"testing"
)

// TestRetention starts a server that keeps no address for long on what another one left
// behind: it forgets by itself.
func TestRetention(t *testing.T) {
	t.Parallel()
	u := dev(t)
	org := u.organization("Forgetful", 0)
	ended := u.invite(org, "ended@example.com").text("id")
	u.invite(org, "pending@example.com")
	u.must("POST", "/v1/organizations/"+org+"/invitations/"+ended+"/revoke", "{}")
	u.mail("ended@example.com")
	u.stop()

	u = devIn(t, u.dir, "--address-retention", "1ms")
	u.until("the address is forgotten", func() bool {
		i := u.must("GET", "/v1/organizations/"+org+"/invitations/"+ended, "")
		return strings.HasSuffix(i.text("email_address"), "@erased.invalid") && i.text("status") == "revoked"
	})
	if list := u.all("/v1/organizations/" + org + "/invitations?status=pending"); len(list) != 1 || list[0].text("email_address") != "pending@example.com" {
		t.Errorf("got %v, want the pending one as it was", list)
	}
	status, inbox, err := u.api("GET", "/usher/v1/inbox?to=ended@example.com", "")
	if err != nil || status != 200 || len(inbox.data()) != 0 {
		t.Errorf("got %d %v %v, want no mail", status, inbox, err)
	}
}
