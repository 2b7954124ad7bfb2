package bapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// TestAPermissionHoldsFromTheNextRequestOn gives a role a permission and takes
// it back, while others write so that their operations share a commit with it.
func TestAPermissionHoldsFromTheNextRequestOn(t *testing.T) {
	a := newAPI(t, nil)
	post := func(path, body string) (int, string) {
		status, _, answer := a.call(t, "POST", path, body)
		return status, answer
	}
	id := func(status int, answer string) string {
		t.Helper()
		var made struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal([]byte(answer), &made); err != nil || status != http.StatusOK {
			t.Fatalf("%d %s", status, answer)
		}
		return made.ID
	}
	guest := id(post("/v1/organization_roles", `{"name":"Guest","key":"org:guest"}`))
	organization := "/v1/organizations/" + a.vars["acme"]
	id(post(organization+"/memberships", `{"user_id":"`+a.vars["eve"]+`","role":"org:guest"}`))
	_, _, list := a.call(t, "GET", "/v1/organization_permissions?query=org:sys_memberships:manage", "")
	_, manage, _ := strings.Cut(list, `"id":"`)
	manage, _, _ = strings.Cut(manage, `"`)
	grant := "/v1/organization_roles/" + guest + "/permissions/" + manage

	done := make(chan struct{})
	var others sync.WaitGroup
	defer others.Wait()
	defer close(done)
	for k := range 8 {
		others.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				path, body := "/v1/users", fmt.Sprintf(`{"email_address":["u%d.%d@example.com"]}`, k, n)
				if k%2 == 0 {
					path, body = organization+"/invitations", fmt.Sprintf(`{"email_address":"i%d.%d@example.com","role":"org:guest"}`, k, n)
				}
				if status, answer := post(path, body); status != http.StatusOK {
					t.Errorf("meanwhile: %d %s", status, answer)
				}
			}
		})
	}
	for round := range 20 {
		for _, step := range []struct {
			method string
			want   int
		}{{"POST", http.StatusOK}, {"DELETE", http.StatusForbidden}} {
			if status, _, answer := a.call(t, step.method, grant, ""); status != http.StatusOK {
				t.Fatalf("%s: %d %s", step.method, status, answer)
			}
			got, answer := post(organization+"/invitations", fmt.Sprintf(`{"email_address":"e%d@example.com","role":"org:guest","inviter_user_id":%q}`, round, a.vars["eve"]))
			if got != step.want {
				t.Errorf("round %d, after %s of the permission: %d %s, want %d", round, step.method, got, answer, step.want)
			}
		}
	}
}

// TestAPageShowsARoleByItsNewName reads a page of invitations until it comes
// from memory, then renames the role in it.
func TestAPageShowsARoleByItsNewName(t *testing.T) {
	a := newAPI(t, nil)
	page := "/v1/organizations/" + a.vars["joinable"] + "/invitations"
	for range 3 {
		if _, _, body := a.call(t, "GET", page, ""); !strings.Contains(body, `"role":"org:member","role_name":"Member"`) {
			t.Fatalf("before: %s", body)
		}
	}
	if status, _, body := a.call(t, "PATCH", "/v1/organization_roles/"+a.vars["member_role"], `{"name":"Mate","key":"org:mate"}`); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	if _, _, body := a.call(t, "GET", page, ""); !strings.Contains(body, `"role":"org:mate","role_name":"Mate"`) || strings.Contains(body, "org:member") {
		t.Errorf("after: %s", body)
	}
}
