package invite

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The system permissions, contract §4.4.
const (
	ProfileManage     = "org:sys_profile:manage"
	ProfileDelete     = "org:sys_profile:delete"
	MembershipsRead   = "org:sys_memberships:read"
	MembershipsManage = "org:sys_memberships:manage"
	DomainsRead       = "org:sys_domains:read"
	DomainsManage     = "org:sys_domains:manage"
	BillingRead       = "org:sys_billing:read"
	BillingManage     = "org:sys_billing:manage"
	EntConnsManage    = "org:sys_entconns:manage"
)

// PermissionType says whose a permission is.
type PermissionType string

// A system permission has an effect in usher and cannot be changed; one of the
// user has its meaning in the product.
const (
	SystemPermission PermissionType = "system"
	UserPermission   PermissionType = "user"
)

// Permission is something that a role may allow.
type Permission struct {
	ID                   string
	Key                  string // "org:invoices:create"
	Name                 string
	Description          string
	Type                 PermissionType
	CreatedAt, UpdatedAt Instant
}

// SystemPermissions returns what every instance has, without ids and times.
func SystemPermissions() []Permission {
	list := []Permission{
		{Key: ProfileManage, Name: "Manage organization", Description: "Change the organization's profile"},
		{Key: ProfileDelete, Name: "Delete organization", Description: "Delete the organization"},
		{Key: MembershipsRead, Name: "Read members", Description: "See the organization's members"},
		{Key: MembershipsManage, Name: "Manage members", Description: "Invite, change and remove the organization's members"},
		{Key: DomainsRead, Name: "Read domains", Description: "See the organization's domains"},
		{Key: DomainsManage, Name: "Manage domains", Description: "Add, change and remove the organization's domains"},
		{Key: BillingRead, Name: "Read billing", Description: "See the organization's billing"},
		{Key: BillingManage, Name: "Manage billing", Description: "Change the organization's billing"},
		{Key: EntConnsManage, Name: "Manage enterprise connections", Description: "Change the organization's enterprise connections"},
	}
	for i := range list {
		list[i].Type = SystemPermission
	}
	return list
}

// NewPermission is what a client asks for when it creates a permission.
type NewPermission struct {
	Key, Name, Description string
}

// Check refuses inputs that break a rule of contract §4.4: missing ones all at
// once, then the first of a wrong form.
func (n *NewPermission) Check() error {
	if err := present(input{"name", n.Name}, input{"key", n.Key}); err != nil {
		return err
	}
	return checkPermission(n.Key, n.Name, n.Description)
}

// PermissionChange changes a permission. Nil fields are left as they are.
type PermissionChange struct {
	Key, Name, Description *string
}

// Apply changes p, or refuses: a system permission with PermissionFixed, and the
// inputs that break a rule.
func (c *PermissionChange) Apply(p *Permission) error {
	if err := p.Modifiable(); err != nil {
		return err
	}
	set(&p.Key, c.Key)
	set(&p.Name, c.Name)
	set(&p.Description, c.Description)
	if err := present(input{"name", p.Name}, input{"key", p.Key}); err != nil {
		return err
	}
	return checkPermission(p.Key, p.Name, p.Description)
}

// Modifiable refuses a system permission with PermissionFixed.
func (p *Permission) Modifiable() error {
	if p.Type == SystemPermission {
		return Err(PermissionFixed)
	}
	return nil
}

func checkPermission(key, name, description string) error {
	if bad := checkLabels(name, description); bad != nil {
		return bad
	}
	if !isKey(key, "org:", 2) || strings.HasPrefix(key, systemKey) {
		return ParamErr(ParamFormat, "key")
	}
	return nil
}

// systemKey begins the keys that only usher gives out.
const systemKey = "org:sys_"

// maxDescription is the longest description in characters; it is our own bound.
const maxDescription = 1024

// input is what a client gave for a parameter.
type input struct{ param, value string }

// present refuses empty inputs, all at once.
func present(inputs ...input) error {
	var missing Errors
	for _, in := range inputs {
		if strings.TrimSpace(in.value) == "" {
			missing = append(missing, ParamErr(ParamMissing, in.param))
		}
	}
	return missing.Err()
}

// checkLabels bounds what people read about a role, a set or a permission.
func checkLabels(name, description string) *Error {
	switch {
	case utf8.RuneCountInString(name) > MaxName:
		return &Error{Kind: ParamTooLong, Param: "name", Limit: MaxName}
	case strings.IndexFunc(name, unicode.IsControl) >= 0:
		return ParamErr(ParamFormat, "name")
	case utf8.RuneCountInString(description) > maxDescription:
		return &Error{Kind: ParamTooLong, Param: "description", Limit: maxDescription}
	case strings.IndexFunc(description, isControlInText) >= 0:
		return ParamErr(ParamFormat, "description")
	}
	return nil
}

func isControlInText(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }

const keyAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789_"

// isKey reports whether key is prefix and so many words of keyAlphabet with
// colons between them, at most MaxName bytes in all.
func isKey(key, prefix string, words int) bool {
	rest, ok := strings.CutPrefix(key, prefix)
	list := strings.Split(rest, ":")
	if !ok || len(key) > MaxName || len(list) != words {
		return false
	}
	for _, word := range list {
		if word == "" || strings.Trim(word, keyAlphabet) != "" {
			return false
		}
	}
	return true
}
