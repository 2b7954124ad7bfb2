package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/clerk/clerk-sdk-go/v2"
	"github.com/clerk/clerk-sdk-go/v2/organizationinvitation"
	"github.com/clerk/clerk-sdk-go/v2/organizationmembership"
)

// team is the part of Atlas that has to do with who belongs to an organization.
type team struct {
	origin string // where invitees are to land
}

// person is a member, or somebody who was invited, as the page shows them.
type person struct {
	ID    string `json:"id"`
	Name  string `json:"name,omitempty"`
	Email string `json:"email"`
	Role  string `json:"role"`
	Squad string `json:"squad,omitempty"`
}

// metadata is what Atlas keeps with an invitation. usher copies it to the membership
// when the invitation is accepted.
type metadata struct {
	Squad string `json:"squad"`
}

func squadIn(raw json.RawMessage) string {
	var m metadata
	_ = json.Unmarshal(raw, &m) // others may have put there what they like
	return m.Squad
}

// list serves the members of the organization that the session is active in, and to
// its admins whom they wait for.
func (t *team) list(w http.ResponseWriter, r *http.Request) {
	claims, organization := active(w, r)
	if organization == "" {
		return
	}
	members, err := organizationmembership.List(r.Context(), &organizationmembership.ListParams{
		OrganizationID: organization, ListParams: clerk.ListParams{Limit: clerk.Int64(100)},
	})
	if err != nil {
		refuse(w, err)
		return
	}
	answer := struct {
		Members []person `json:"members"`
		Invited []person `json:"invited"`
	}{Members: []person{}, Invited: []person{}}
	for _, m := range members.OrganizationMemberships {
		answer.Members = append(answer.Members, person{
			ID: m.ID, Name: name(m.PublicUserData), Email: m.PublicUserData.Identifier, Role: m.RoleName, Squad: squadIn(m.PublicMetadata),
		})
	}
	if claims.HasRole("org:admin") {
		pending, err := organizationinvitation.List(r.Context(), &organizationinvitation.ListParams{
			OrganizationID: organization, Statuses: &[]string{"pending"}, ListParams: clerk.ListParams{Limit: clerk.Int64(100)},
		})
		if err != nil {
			refuse(w, err)
			return
		}
		for _, i := range pending.OrganizationInvitations {
			answer.Invited = append(answer.Invited, person{ID: i.ID, Email: i.EmailAddress, Role: i.RoleName, Squad: squadIn(i.PublicMetadata)})
		}
	}
	reply(w, http.StatusOK, answer)
}

func name(u *clerk.OrganizationMembershipPublicUserData) string {
	var words []string
	for _, word := range []*string{u.FirstName, u.LastName} {
		if word != nil {
			words = append(words, *word)
		}
	}
	return strings.Join(words, " ")
}

// invite invites somebody by mail. Its link leads by way of usher to our own page,
// /join, with a ticket that Clerk's components finish with.
func (t *team) invite(w http.ResponseWriter, r *http.Request) {
	claims, organization := active(w, r)
	if organization == "" {
		return
	}
	var form struct {
		Email string `json:"email"`
		Role  string `json:"role"`
		Squad string `json:"squad"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&form); err != nil {
		reply(w, http.StatusBadRequest, problem{"This is not an invitation."})
		return
	}
	public, err := json.Marshal(metadata{form.Squad})
	if err != nil {
		refuse(w, err)
		return
	}
	made, err := organizationinvitation.Create(r.Context(), &organizationinvitation.CreateParams{
		OrganizationID: organization,
		EmailAddress:   &form.Email,
		Role:           &form.Role,
		PublicMetadata: (*json.RawMessage)(&public),
		RedirectURL:    new(t.origin + "/join"),
		InviterUserID:  &claims.Subject, // usher refuses whoever may not invite
	})
	if err != nil {
		refuse(w, err)
		return
	}
	reply(w, http.StatusOK, person{ID: made.ID, Email: made.EmailAddress, Role: made.RoleName, Squad: form.Squad})
}

// active returns what the session's token says and the organization that the session
// is active in; empty, with the request answered, when it is in none.
func active(w http.ResponseWriter, r *http.Request) (claims *clerk.SessionClaims, organization string) {
	claims, _ = clerk.SessionClaimsFromContext(r.Context())
	if claims.ActiveOrganizationID == "" {
		reply(w, http.StatusConflict, problem{"Choose an organization first."})
	}
	return claims, claims.ActiveOrganizationID
}

type problem struct {
	Error string `json:"error"`
}

// refuse answers with usher's own words, which are for people, or with none.
func refuse(w http.ResponseWriter, err error) {
	if refusal, ok := errors.AsType[*clerk.APIErrorResponse](err); ok && len(refusal.Errors) > 0 {
		reply(w, refusal.HTTPStatusCode, problem{refusal.Errors[0].LongMessage})
		return
	}
	reply(w, http.StatusBadGateway, problem{"usher does not answer."})
}

func reply(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // a browser that went away is not our error
}
