package web

import (
	"net/http"

	"usher/internal/invite"
)

const userPath = "/user"

type userView struct {
	frame
	Organizations []ownLine
	Pages         pager
	Invitations   []ownLine
	MayCreate     bool
	Name          string // of the organization to be created, as it was typed
}

// ownLine is an organization that somebody is a member of, or is invited to.
type ownLine struct {
	ID, Name, Image, Role string // ID is that of what the button is about
	Active                bool
	Until, UntilISO, Left string // of an invitation
}

// showUser serves GET /user: who is signed in, the organizations to choose from, and
// the invitations that wait.
func (s *Server) showUser(w http.ResponseWriter, r *http.Request, g *guest) error {
	return s.writeUser(w, r, g, http.StatusOK, fault{})
}

func (s *Server) writeUser(w http.ResponseWriter, r *http.Request, g *guest, status int, f fault) error {
	v := userView{
		frame: s.frame(r, g, f), Name: r.PostForm.Get("name"),
		MayCreate: g.user.CreateOrganizations && g.instance.Settings.CheckOrganizations() == nil,
	}
	page, turned := turn(r, "organizations")
	memberships, total, err := s.DB.UserMemberships(r.Context(), g.instance, g.user.ID, page)
	if err != nil {
		return err
	}
	v.Pages = turned(total)
	for _, m := range memberships {
		o := &m.Organization
		v.Organizations = append(v.Organizations, ownLine{
			ID: o.ID, Name: display(o.Name), Image: imageOf(o), Role: display(m.Role.Name), Active: o.ID == g.session.OrganizationID,
		})
	}
	found, err := s.DB.UserInvitations(r.Context(), g.instance, g.user.ID, []invite.Status{invite.Pending}, invite.Page{Limit: perPage})
	if err != nil {
		return err
	}
	for _, i := range found.Invitations {
		o := found.Organizations[i.OrganizationID]
		line := ownLine{ID: i.ID, Name: display(o.Name), Image: imageOf(o), Role: display(i.RoleName)}
		if i.DomainID == "" {
			line.Until, line.UntilISO, line.Left = instant(i.ExpiresAt), iso(i.ExpiresAt), left(found.At, i.ExpiresAt)
		}
		v.Invitations = append(v.Invitations, line)
	}
	return userPage.writeForm(w, status, v, "")
}

// entering serves a form of the page of an account: what do does, which returns the
// organization to be active, and then that organization's page.
func (s *Server) entering(done string, do func(s *Server, r *http.Request, g *guest) (organization string, err error)) func(http.ResponseWriter, *http.Request, *guest) error {
	return func(w http.ResponseWriter, r *http.Request, g *guest) error {
		organization, err := do(s, r, g)
		if err == nil {
			_, err = s.DB.TouchSession(r.Context(), g.instance, g.client.ID, g.session.ID, &organization)
		}
		if err == nil {
			http.Redirect(w, r, organizationPath+done, http.StatusSeeOther)
			return nil
		}
		f, ok := blame(err, "name")
		if !ok {
			return err
		}
		return s.writeUser(w, r, g, told(w, r, err), f)
	}
}

// choose serves POST /user/organization.
func (s *Server) choose(r *http.Request, _ *guest) (string, error) {
	return r.PostForm.Get("organization"), nil
}

// found serves POST /user/create: the guest becomes the first admin.
func (s *Server) found(r *http.Request, g *guest) (string, error) {
	o, err := s.DB.CreateOrganization(g.asking(r), g.instance, invite.NewOrganization{Name: r.PostForm.Get("name"), CreatedBy: g.user.ID})
	if err != nil {
		return "", err
	}
	return o.ID, nil
}

// join serves POST /user/accept.
func (s *Server) join(r *http.Request, g *guest) (string, error) {
	_, o, err := s.DB.AcceptOwnInvitation(r.Context(), g.instance, g.user.ID, r.PostForm.Get("invitation"))
	if err != nil {
		return "", err
	}
	return o.ID, nil
}
