package invite

import (
	"maps"
	"slices"
	"strings"
)

// RoleSetType says what a role set is for.
type RoleSetType string

// New organizations get the initial role set, of which there is one.
const (
	InitialRoleSet RoleSetType = "initial"
	CustomRoleSet  RoleSetType = "custom"
)

// DefaultRoleSet is the key of the role set every instance starts with.
const DefaultRoleSet = roleSetPrefix + "default"

const roleSetPrefix = "role_set:"

// RoleSet is the choice of roles that an organization's members can have.
type RoleSet struct {
	ID                   string
	Key                  string // "role_set:default"
	Name                 string
	Description          string
	Type                 RoleSetType
	Roles                []Role // oldest first, at least one
	DefaultRoleID        string // of newcomers for whom nobody chose
	CreatorRoleID        string // of an organization's creator
	CreatedAt, UpdatedAt Instant

	Members map[string]int // by role id; only where they were counted
}

// Role returns the role of the set that a client names.
func (s *RoleSet) Role(name string) (Role, bool) { return roleByKey(s.Roles, name) }

// Has reports whether the role with the id is in the set.
func (s *RoleSet) Has(id string) bool {
	return slices.ContainsFunc(s.Roles, func(r Role) bool { return r.ID == id })
}

// Creator returns the role of an organization's creator.
func (s *RoleSet) Creator() Role { return s.byID(s.CreatorRoleID) }

// Default returns the role of newcomers for whom nobody chose.
func (s *RoleSet) Default() Role { return s.byID(s.DefaultRoleID) }

func (s *RoleSet) byID(id string) Role {
	return s.Roles[slices.IndexFunc(s.Roles, func(r Role) bool { return r.ID == id })]
}

func roleByKey(roles []Role, name string) (Role, bool) {
	key := RoleKey(name)
	for _, r := range roles {
		if r.Key == key {
			return r, true
		}
	}
	return Role{}, false
}

// NewRoleSet is what a client asks for when it creates a role set. Roles are keys.
type NewRoleSet struct {
	Name, Description              string
	Key                            string      // empty: made from the name
	Type                           RoleSetType // empty: custom
	Roles                          []string
	DefaultRoleKey, CreatorRoleKey string
}

// Check refuses inputs that break a rule of contract §4.4: missing ones all at
// once, then the first of a wrong form.
func (n *NewRoleSet) Check() error {
	if err := present(
		input{"name", n.Name}, input{"default_role_key", n.DefaultRoleKey},
		input{"creator_role_key", n.CreatorRoleKey}, input{"roles", strings.Join(n.Roles, "")},
	); err != nil {
		return err
	}
	if n.Type == "" {
		n.Type = CustomRoleSet
	}
	if n.Type != CustomRoleSet && n.Type != InitialRoleSet {
		return ParamErr(ParamValue, "type", string(n.Type))
	}
	if n.Key != "" && !isKey(n.Key, roleSetPrefix, 1) {
		return ParamErr(ParamFormat, "key")
	}
	if bad := checkLabels(n.Name, n.Description); bad != nil {
		return bad
	}
	return checkNamed("roles", n.Roles)
}

// checkNamed bounds a list of role keys, which names none twice.
func checkNamed(param string, keys []string) error {
	if len(keys) > MaxRoles {
		return &Error{Kind: ParamTooMany, Param: param, Limit: MaxRoles}
	}
	if sorted := slices.Sorted(slices.Values(keys)); len(slices.Compact(sorted)) < len(keys) {
		return ParamErr(ParamDuplicate, param)
	}
	return nil
}

// RoleSetKey derives the key of a role set from its name; nothing is left of
// some names, and then it is empty.
func RoleSetKey(name string) string {
	if slug := Slug(name); slug != "" {
		return roleSetPrefix + strings.ReplaceAll(slug, "-", "_")
	}
	return ""
}

// NewRoleSet returns the role set that n asks for, without id and times. It
// refuses roles that do not exist, and a creator's role that grants too little.
func (c *Catalog) NewRoleSet(n NewRoleSet) (*RoleSet, error) {
	roles, err := c.named("roles", n.Roles)
	if err != nil {
		return nil, err
	}
	s := &RoleSet{Key: n.Key, Name: n.Name, Description: n.Description, Type: n.Type, Roles: roles}
	return s, s.appoint(roles, &n.DefaultRoleKey, &n.CreatorRoleKey)
}

func (c *Catalog) named(param string, keys []string) ([]Role, error) {
	var roles []Role
	for _, key := range keys {
		r, ok := c.RoleByKey(key)
		if !ok {
			return nil, ParamErr(RoleNotFound, param)
		}
		roles = append(roles, r)
	}
	return roles, nil
}

// appoint sets the default role and the creator's, which must be among roles;
// nil leaves one as it is.
func (s *RoleSet) appoint(roles []Role, defaultKey, creatorKey *string) error {
	if defaultKey != nil {
		r, ok := roleByKey(roles, *defaultKey)
		if !ok {
			return ParamErr(ParamValue, "default_role_key", *defaultKey)
		}
		s.DefaultRoleID = r.ID
	}
	if creatorKey != nil {
		r, ok := roleByKey(roles, *creatorKey)
		if !ok {
			return ParamErr(ParamValue, "creator_role_key", *creatorKey)
		}
		s.CreatorRoleID = r.ID
		return CheckCreatorRole(r)
	}
	return nil
}

// RoleSetChange changes a role set. Nil fields are left as they are.
type RoleSetChange struct {
	Key, Name, Description         *string
	Type                           *RoleSetType // InitialRoleSet only
	DefaultRoleKey, CreatorRoleKey *string
}

// Apply changes s, or refuses the inputs that break a rule.
func (c *RoleSetChange) Apply(s *RoleSet) error {
	set(&s.Key, c.Key)
	set(&s.Name, c.Name)
	set(&s.Description, c.Description)
	set(&s.Type, c.Type)
	if err := present(input{"name", s.Name}, input{"key", s.Key}); err != nil {
		return err
	}
	if c.Type != nil && *c.Type != InitialRoleSet {
		return ParamErr(ParamValue, "type", string(*c.Type))
	}
	if !isKey(s.Key, roleSetPrefix, 1) {
		return ParamErr(ParamFormat, "key")
	}
	if bad := checkLabels(s.Name, s.Description); bad != nil {
		return bad
	}
	return s.appoint(s.Roles, c.DefaultRoleKey, c.CreatorRoleKey)
}

// RoleSetAddition adds roles, by key, to a role set, and may appoint some of
// them; nil leaves an appointment as it is.
type RoleSetAddition struct {
	Roles                          []string
	DefaultRoleKey, CreatorRoleKey *string
}

// Add adds roles to s and returns those that were not in it before.
func (c *Catalog) Add(s *RoleSet, a RoleSetAddition) ([]Role, error) {
	if err := present(input{"role_keys", strings.Join(a.Roles, "")}); err != nil {
		return nil, err
	}
	if err := checkNamed("role_keys", a.Roles); err != nil {
		return nil, err
	}
	named, err := c.named("role_keys", a.Roles)
	if err != nil {
		return nil, err
	}
	if err := s.appoint(named, a.DefaultRoleKey, a.CreatorRoleKey); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(named, func(r Role) bool { return s.Has(r.ID) }), nil
}

// Replace lets another role take a role's place in s, appointments included. It
// returns both, of which the second may not be in s yet.
func (c *Catalog) Replace(s *RoleSet, roleKey, toRoleKey string) (from, to Role, err error) {
	if err := present(input{"role_key", roleKey}, input{"to_role_key", toRoleKey}); err != nil {
		return from, to, err
	}
	from, ok := s.Role(roleKey)
	if !ok {
		return from, to, ParamErr(RoleNotFound, "role_key")
	}
	if to, ok = c.RoleByKey(toRoleKey); !ok {
		return from, to, ParamErr(RoleNotFound, "to_role_key")
	}
	if from.ID == to.ID {
		return from, to, ParamErr(ParamValue, "to_role_key", toRoleKey)
	}
	if s.DefaultRoleID == from.ID {
		s.DefaultRoleID = to.ID
	}
	if s.CreatorRoleID == from.ID {
		s.CreatorRoleID = to.ID
		return from, to, CheckCreatorRole(to)
	}
	return from, to, nil
}

// Successor returns the role set with the key that is to replace s.
func (c *Catalog) Successor(s *RoleSet, key string) (*RoleSet, error) {
	if err := present(input{"dest_role_set_key", key}); err != nil {
		return nil, err
	}
	to, ok := c.RoleSet(key)
	if !ok {
		return nil, ParamErr(RoleSetNotFound, "dest_role_set_key")
	}
	if to.ID == s.ID {
		return nil, ParamErr(ParamValue, "dest_role_set_key", key)
	}
	return to, nil
}

// Moves returns which role of another set takes the place of which role of s, by
// id, when the other set replaces s and mapping, by key, says so; and the roles
// whose holders nothing is said about.
func (s *RoleSet) Moves(to *RoleSet, mapping map[string]string) (moves map[string]string, stranded []Role, err error) {
	moves = make(map[string]string)
	for _, from := range slices.Sorted(maps.Keys(mapping)) {
		f, ok := s.Role(from)
		d, also := to.Role(mapping[from])
		if !ok || !also {
			return nil, nil, ParamErr(RoleNotFound, "reassignment_mappings")
		}
		if f.ID != d.ID {
			moves[f.ID] = d.ID
		}
	}
	for _, r := range s.Roles {
		if _, mapped := moves[r.ID]; !mapped && !to.Has(r.ID) {
			stranded = append(stranded, r)
		}
	}
	return moves, stranded, nil
}
