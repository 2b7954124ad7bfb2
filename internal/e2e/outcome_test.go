package e2e

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
)

// A thousand people, programs and admins answer one invitation at the same
// time: exactly one of them decides what becomes of it.
func TestOneOutcome(t *testing.T) {
	t.Parallel()
	u := dev(t, "--log-level", "error")
	for n := range 4 {
		t.Run(fmt.Sprintf("invitation %d", n), func(t *testing.T) {
			org := u.organization(fmt.Sprintf("Contested %d", n), 2)
			address := fmt.Sprintf("grace-%d@example.com", n)
			id, link := u.linkTo(org, address, "")
			one := "/v1/organizations/" + org + "/invitations/" + id
			redeem, ticket := redeeming(ticketOf(t, link)), ticketOf(t, link)
			work := make(chan int)
			var accepted, revoked atomic.Int32
			var connections sync.WaitGroup
			for range 64 {
				connections.Go(func() {
					for k := range work {
						path, body, won := one+"/revoke", "", &revoked
						if k%2 == 0 {
							path, body, won = "/v1/tickets/redeem", redeem, &accepted
						}
						status, o, err := u.api("POST", path, body)
						switch code := codeOf(o); {
						case err != nil:
							t.Error(err)
						case status == http.StatusOK:
							won.Add(1)
						case !late[code]:
							t.Errorf("%s answered %d %v, want success or that it is over", path, status, o)
						}
					}
				})
			}
			for k := range 1000 {
				work <- k + n // who is first differs
			}
			close(work)
			connections.Wait()

			status := u.must("GET", one, "").text("status")
			members := u.all("/v1/organizations/" + org + "/memberships?")
			pending := u.all("/v1/organizations/" + org + "/invitations/pending?")
			count := u.must("GET", "/v1/organizations/"+org+"?include_members_count=true", "").number("members_count")
			known := u.must("GET", "/v1/users/count?email_address="+address, "").number("total_count")
			switch {
			case status == "accepted" && accepted.Load() == 1 && revoked.Load() == 0 && len(members) == 2 && known == 1:
			case status == "revoked" && accepted.Load() == 0 && revoked.Load() == 1 && len(members) == 1 && known == 0:
			default:
				t.Errorf("it is %s after %d accepts and %d revokes were answered, with %d members and %d users of the address; want one outcome",
					status, accepted.Load(), revoked.Load(), len(members), known)
			}
			if len(pending) != 0 || count != len(members) {
				t.Errorf("%d are pending and members_count is %d; want none and %d", len(pending), count, len(members))
			}
			// The seat was taken by the member or given back.
			again, _, err := u.api("POST", "/v1/organizations/"+org+"/invitations", `{"email_address":"next@example.com","role":"org:member"}`)
			if want := map[string]int{"accepted": http.StatusForbidden, "revoked": http.StatusOK}[status]; err != nil || again != want {
				t.Errorf("after it was %s the next invitation got %d %v, want %d", status, again, err, want)
			}
			u.refused("POST", "/v1/tickets/redeem", redeeming(ticket), 400, map[string]string{
				"accepted": "organization_invitation_already_accepted", "revoked": "organization_invitation_revoked_code",
			}[status])
		})
	}
}

// late are the refusals for who comes after the one who decided.
var late = map[string]bool{
	"organization_invitation_already_accepted": true,
	"organization_invitation_revoked_code":     true,
	"organization_invitation_not_pending":      true,
}
