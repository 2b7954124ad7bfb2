package web

import (
	"net/http"
	"net/url"

	"usher/internal/invite"
	"usher/internal/store"
)

const organizationPath = "/organization"

type organizationView struct {
	frame
	ID, Name, Image string
	Reads, Manages  bool // what the guest may do with members
	Members         []memberLine
	MemberCount     int
	MemberPages     pager
	Invitations     []invitationLine
	InvitationCount int
	InvitationPages pager
	Address         string // as it was typed
	Roles           []choice
}

type memberLine struct {
	UserID, Name, Identifier, Image, Role string
	Self                                  bool
	Roles                                 []choice
}

type invitationLine struct {
	ID, Address, Role, Until, UntilISO, Left string
}

// choice is one role that can be given. One without a key is what a member has and
// could not be given again.
type choice struct {
	Key, Name string
	Chosen    bool
}

// showOrganization serves GET /organization: the members of the active organization
// and, for those who may manage them, its pending invitations.
func (s *Server) showOrganization(w http.ResponseWriter, r *http.Request, g *guest) error {
	if g.session.OrganizationID == "" {
		to := url.URL{Path: userPath, RawQuery: r.URL.RawQuery} // which says what was done
		http.Redirect(w, r, to.String(), http.StatusSeeOther)
		return nil
	}
	return s.writeOrganization(w, r, g, http.StatusOK, g.session.OrganizationID, fault{})
}

func (s *Server) writeOrganization(w http.ResponseWriter, r *http.Request, g *guest, status int, id string, f fault) error {
	o, err := s.DB.Organization(g.asking(r), g.instance, id)
	if err != nil {
		return err
	}
	grant, err := s.DB.GrantFor(r.Context(), g.instance, g.session.ID, &o.ID)
	if err != nil {
		return err
	}
	set, err := s.DB.RoleSet(r.Context(), g.instance, o.RoleSetKey)
	if err != nil {
		return err
	}
	v := organizationView{
		frame: s.frame(r, g, f), ID: o.ID, Name: display(o.Name), Image: imageOf(o),
		Reads: grant.Role.Can(invite.MembershipsRead), Manages: grant.Role.Can(invite.MembershipsManage),
	}
	if v.Reads {
		if err := s.fillMembers(r, g, &v, set); err != nil {
			return err
		}
	}
	if v.Manages {
		role := set.Default().Key
		if r.PostForm.Has("email_address") {
			v.Address, role = r.PostForm.Get("email_address"), r.PostForm.Get("role")
		}
		v.Roles = choices(set, role)
		if err := s.fillInvitations(r, g, &v); err != nil {
			return err
		}
	}
	return organizationPage.writeForm(w, status, v, "")
}

func (s *Server) fillMembers(r *http.Request, g *guest, v *organizationView, set *invite.RoleSet) error {
	page, turned := turn(r, "members")
	list, total, err := s.DB.Memberships(g.asking(r), g.instance, v.ID, store.MembershipFilter{OrderBy: "created_at", Page: page})
	if err != nil {
		return err
	}
	v.MemberCount, v.MemberPages = total, turned(total)
	for _, m := range list {
		line := memberLine{UserID: m.User.UserID, Role: display(m.Role.Name), Self: m.User.UserID == g.user.ID}
		line.Image = avatarPath(m.User.UserID, initials(m.User.Name()))
		b := badgeOf(m.User)
		line.Name, line.Identifier = b.Name, b.Identifier
		if line.Roles = choices(set, m.Role.Key); !set.Has(m.Role.ID) {
			line.Roles = append([]choice{{Name: line.Role, Chosen: true}}, line.Roles...)
		}
		v.Members = append(v.Members, line)
	}
	return nil
}

func choices(set *invite.RoleSet, chosen string) []choice {
	list := make([]choice, len(set.Roles))
	for k, role := range set.Roles {
		list[k] = choice{Key: role.Key, Name: display(role.Name), Chosen: role.Key == chosen}
	}
	return list
}

func (s *Server) fillInvitations(r *http.Request, g *guest, v *organizationView) error {
	page, turned := turn(r, "invitations")
	found, err := s.DB.Invitations(g.asking(r), g.instance, v.ID, store.InvitationFilter{
		Statuses: []invite.Status{invite.Pending}, OrderBy: "created_at", Descending: true, Page: page,
	})
	if err != nil {
		return err
	}
	v.InvitationCount, v.InvitationPages = found.Total, turned(found.Total)
	for _, i := range found.Invitations {
		v.Invitations = append(v.Invitations, invitationLine{
			ID: i.ID, Address: display(i.Email.Address), Role: display(i.RoleName),
			Until: instant(i.ExpiresAt), UntilISO: iso(i.ExpiresAt), Left: left(s.DB.Now(), i.ExpiresAt),
		})
	}
	return nil
}

// inOrganization serves a form of the organization's page: what do does there, and
// then the page again. The form names its organization, since another one may have
// become the active one in another window.
func (s *Server) inOrganization(done string, do func(s *Server, r *http.Request, g *guest, organization string) error) func(http.ResponseWriter, *http.Request, *guest) error {
	return func(w http.ResponseWriter, r *http.Request, g *guest) error {
		id := r.PostForm.Get("organization")
		err := do(s, r, g, id)
		if err == nil {
			http.Redirect(w, r, organizationPath+"?done="+done, http.StatusSeeOther)
			return nil
		}
		f, ok := blame(err, "email_address")
		if !ok {
			return err
		}
		if _, mine := s.DB.Organization(g.asking(r), g.instance, id); mine != nil {
			return s.writeUser(w, r, g, told(w, r, err), f)
		}
		return s.writeOrganization(w, r, g, told(w, r, err), id, f)
	}
}

// invite serves POST /organization/invite.
func (s *Server) invite(r *http.Request, g *guest, organization string) error {
	_, err := s.DB.CreateInvitation(g.asking(r), g.instance, organization, invite.NewInvitation{
		EmailAddress: r.PostForm.Get("email_address"), Role: r.PostForm.Get("role"), InviterID: g.user.ID,
		ExpiresInDays: invite.DefaultDays, Notify: true,
	})
	return err
}

// revoke serves POST /organization/revoke.
func (s *Server) revoke(r *http.Request, g *guest, organization string) error {
	_, err := s.DB.RevokeInvitation(r.Context(), g.instance, organization, r.PostForm.Get("invitation"), g.user.ID)
	return err
}

// changeRole serves POST /organization/role.
func (s *Server) changeRole(r *http.Request, g *guest, organization string) error {
	_, err := s.DB.UpdateMembership(g.asking(r), g.instance, organization, r.PostForm.Get("user"), r.PostForm.Get("role"))
	return err
}

// remove serves POST /organization/remove.
func (s *Server) remove(r *http.Request, g *guest, organization string) error {
	_, err := s.DB.DeleteMembership(g.asking(r), g.instance, organization, r.PostForm.Get("user"))
	return err
}

// leave serves POST /organization/leave.
func (s *Server) leave(r *http.Request, g *guest, organization string) error {
	_, err := s.DB.DeleteMembership(g.asking(r), g.instance, organization, g.user.ID)
	return err
}
