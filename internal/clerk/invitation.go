package clerk

import (
	"strconv"
	"unicode/utf8"

	"usher/internal/invite"
)

// usual is how many bytes the description of an inviter rarely exceeds.
const usual = 512

// AppendInvitation appends i as contract §3.2 has it, as of now. A pending
// invitation carries its link. It is written by hand because lists of it are the
// most frequent answer; a test holds it to what encoding/json would write.
func (e *Encoder) AppendInvitation(dst []byte, i *invite.Invitation, now invite.Instant) []byte {
	var inviter [usual]byte
	return e.appendInvitation(dst, i, e.appendInviter(inviter[:0], i.Inviter), now, true)
}

// AppendInvitations appends the envelope of a page.
func (e *Encoder) AppendInvitations(dst []byte, page []*invite.Invitation, total int, now invite.Instant) []byte {
	dst = append(dst, `{"data":[`...)
	inviter := make([]byte, 0, usual) // of the last one, whose neighbours often have the same
	for k, i := range page {
		if k > 0 {
			dst = append(dst, ',')
		}
		if k == 0 || i.Inviter != page[k-1].Inviter {
			inviter = e.appendInviter(inviter[:0], i.Inviter)
		}
		dst = e.appendInvitation(dst, i, inviter, now, true)
	}
	dst = append(dst, `],"total_count":`...)
	dst = strconv.AppendInt(dst, int64(total), 10)
	return append(dst, '}')
}

// AppendFoundInvitations appends the envelope of a page of invitations to several
// organizations, each with what its organization shows of itself (contract §3.9).
func (e *Encoder) AppendFoundInvitations(dst []byte, page []*invite.Invitation, organizations map[string]*invite.Organization, total int, now invite.Instant) []byte {
	dst = append(dst, `{"data":[`...)
	inviter := make([]byte, 0, usual) // of the last one, whose neighbours often have the same
	for k, i := range page {
		if k > 0 {
			dst = append(dst, ',')
		}
		if k == 0 || i.Inviter != page[k-1].Inviter {
			inviter = e.appendInviter(inviter[:0], i.Inviter)
		}
		dst = e.appendInvitation(dst, i, inviter, now, true)
		dst = append(dst[:len(dst)-1], `,"public_organization_data":`...)
		dst = e.appendOrganizationData(dst, organizations[i.OrganizationID])
		dst = append(dst, '}')
	}
	dst = append(dst, `],"total_count":`...)
	dst = strconv.AppendInt(dst, int64(total), 10)
	return append(dst, '}')
}

func (e *Encoder) appendOrganizationData(dst []byte, o *invite.Organization) []byte {
	dst = append(dst, `{"id":`...)
	dst = appendString(dst, o.ID)
	dst = append(dst, `,"name":`...)
	dst = appendString(dst, o.Name)
	dst = append(dst, `,"slug":`...)
	dst = appendString(dst, o.Slug)
	dst = append(dst, `,"image_url":`...)
	dst = appendString(dst, e.organizationImage(o))
	dst = append(dst, `,"has_image":`...)
	return append(strconv.AppendBool(dst, o.Logo != ""), '}')
}

// appendInvitation appends i with what appendInviter has made of its inviter.
func (e *Encoder) appendInvitation(dst []byte, i *invite.Invitation, inviter []byte, now invite.Instant, link bool) []byte {
	status := i.StatusAt(now)
	dst = append(dst, `{"object":"organization_invitation","id":`...)
	dst = appendString(dst, i.ID)
	dst = append(dst, `,"email_address":`...)
	dst = appendString(dst, i.Email.Address)
	dst = append(dst, `,"role":`...)
	dst = appendString(dst, i.Role)
	dst = append(dst, `,"role_name":`...)
	dst = appendString(dst, i.RoleName)
	dst = append(dst, `,"organization_id":`...)
	dst = appendString(dst, i.OrganizationID)
	dst = append(dst, `,"inviter_id":`...)
	dst = appendNullable(dst, i.InviterID)
	dst = append(dst, `,"public_inviter_data":`...)
	dst = append(dst, inviter...)
	dst = append(dst, `,"status":"`...)
	dst = append(dst, statusName(status)...)
	dst = append(dst, `","public_metadata":`...)
	dst = append(dst, i.PublicMetadata...)
	dst = append(dst, `,"private_metadata":`...)
	dst = append(dst, i.PrivateMetadata...)
	dst = append(dst, `,"url":`...)
	if link && status == invite.Pending && i.DomainID == "" {
		dst = append(dst, '"')
		dst = append(dst, e.PublicURL...)
		dst = append(dst, invite.AcceptPath+`?ticket=`...)
		dst = invite.TicketFor(i, invite.ByAPI).Append(dst, e.Keys)
		dst = append(dst, '"')
	} else {
		dst = append(dst, `null`...)
	}
	dst = append(dst, `,"expires_at":`...)
	if i.DomainID == "" {
		dst = strconv.AppendInt(dst, int64(i.ExpiresAt), 10)
	} else {
		dst = append(dst, `null`...)
	}
	dst = append(dst, `,"created_at":`...)
	dst = strconv.AppendInt(dst, int64(i.CreatedAt), 10)
	dst = append(dst, `,"updated_at":`...)
	dst = strconv.AppendInt(dst, int64(i.UpdatedAt), 10)
	if !link && i.UserID != "" {
		dst = append(dst, `,"user_id":`...) // events of accepted invitations name who joined
		dst = appendString(dst, i.UserID)
	}
	return append(dst, '}')
}

// statusName shows a declined invitation as revoked: the contract knows no more.
func statusName(s invite.Status) string {
	switch s {
	case invite.Pending:
		return "pending"
	case invite.Accepted:
		return "accepted"
	case invite.Expired:
		return "expired"
	case invite.Revoked, invite.Declined:
	}
	return "revoked"
}

func (e *Encoder) appendInviter(dst []byte, p *invite.Person) []byte {
	if p == nil {
		return append(dst, `null`...)
	}
	dst = append(dst, `{"user_id":`...)
	dst = appendString(dst, p.UserID)
	dst = append(dst, `,"first_name":`...)
	dst = appendNullable(dst, p.FirstName)
	dst = append(dst, `,"last_name":`...)
	dst = appendNullable(dst, p.LastName)
	dst = append(dst, `,"image_url":`...)
	dst = appendString(dst, e.personImage(p))
	dst = append(dst, `,"has_image":false,"identifier":`...)
	dst = appendString(dst, p.Identifier)
	return append(dst, '}')
}

func appendNullable(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, `null`...)
	}
	return appendString(dst, s)
}

const hex = "0123456789abcdef"

// appendString appends s as encoding/json does without HTML escaping: U+2028 and
// U+2029 escaped, bytes that are no UTF-8 replaced.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}
			dst = append(dst, s[start:i]...)
			dst = appendEscape(dst, c)
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			dst = append(append(dst, s[start:i]...), `\ufffd`...)
			start = i + size
		case r == '\u2028' || r == '\u2029':
			dst = append(append(dst, s[start:i]...), `\u202`...)
			dst = append(dst, hex[r&0xf])
			start = i + size
		}
		i += size
	}
	return append(append(dst, s[start:]...), '"')
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
}
