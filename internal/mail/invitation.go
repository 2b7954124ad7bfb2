package mail

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"strings"
	"time"
)

// Invitation is everything a template may say about one invitation. Names, addresses and metadata are taken
// as they are stored; rendering makes them safe.
type Invitation struct {
	Template  string // the mail: invitation or waitlist_invitation; empty for one to an organization
	ActionURL string // the link: absolute, http or https

	AppName, AppDomain, AppLogoURL        string // the product, from its operator
	OrganizationName, OrganizationLogoURL string
	InviterName, InviterEmail             string // both empty when nobody in particular invites
	RoleName                              string
	EmailAddress                          string // the invited mailbox

	ExpiresAt      time.Time
	ExpiresInDays  int             // as chosen at creation
	PublicMetadata json.RawMessage // a JSON object, or empty
}

// variables returns the data of a template. Every name exists, if with an empty value; of the metadata there
// is exactly what paths name.
func (inv Invitation) variables(paths [][]string) map[string]any {
	variables := map[string]any{
		"action_url": inv.ActionURL,
		"app":        app(inv.AppName, inv.AppDomain, inv.AppLogoURL),
		"invitation": map[string]any{
			"email_address":   displayAddress(inv.EmailAddress),
			"expires_in_days": inv.ExpiresInDays,
			"expires_at":      expiry(inv.ExpiresAt),
			"public_metadata": metadataText(paths, func(path []string) string {
				return plain(lookup(inv.PublicMetadata, path), maxMetadataRunes)
			}),
		},
	}
	if inv.slug() == organizationTemplate {
		maps.Copy(variables, inv.organization())
	}
	return variables
}

// app returns what every mail says about the product.
func app(name, domain, logoURL string) map[string]any {
	return map[string]any{"name": DisplayName(name), "domain_name": domainName(domain), "logo_image_url": webURL(logoURL)}
}

// organization returns what only an invitation to an organization can say.
func (inv Invitation) organization() map[string]any {
	address := displayAddress(inv.InviterEmail)
	return map[string]any{
		"org": map[string]any{
			"name":           cmp.Or(DisplayName(inv.OrganizationName), "an organization"),
			"logo_image_url": webURL(inv.OrganizationLogoURL),
		},
		"inviter": map[string]any{
			"name":          cmp.Or(DisplayName(inv.InviterName), address),
			"email_address": address,
		},
		"role": map[string]any{
			"name": DisplayName(inv.RoleName),
		},
	}
}

func (inv Invitation) slug() string { return cmp.Or(inv.Template, organizationTemplate) }

func (inv Invitation) address() string { return inv.EmailAddress }

func (inv Invitation) link() string { return inv.ActionURL }

// check refuses a link that is none. The URL stays out of the error: it is a secret.
func (inv Invitation) check() error {
	if webURL(inv.ActionURL) == "" {
		return errors.New("the action URL is not an absolute http or https URL")
	}
	return nil
}

// told returns the data of a template as JSON, the metadata whole.
func (inv Invitation) told() (json.RawMessage, error) {
	variables := inv.variables(nil)
	if about, ok := variables["invitation"].(map[string]any); ok && len(inv.PublicMetadata) > 0 {
		about["public_metadata"] = inv.PublicMetadata
	}
	return json.Marshal(variables)
}

// expiry reads the same in every country; the zero time reads as nothing.
func expiry(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2 January 2006, 15:04 UTC")
}

func webURL(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	return s
}

func domainName(s string) string {
	u, err := url.Parse("https://" + s)
	if err != nil || u.Host != s || strings.Map(visible, s) != s {
		return ""
	}
	return s
}

// metadataText is text for each path, as nested maps; no path is the beginning of another. Whatever the
// metadata of an invitation is, only the texts differ, so it cannot make a template fail.
func metadataText(paths [][]string, text func(path []string) string) map[string]any {
	metadata := make(map[string]any)
	for _, path := range paths {
		inner, last := metadata, len(path)-1
		for _, key := range path[:last] {
			next, ok := inner[key].(map[string]any)
			if !ok {
				next = make(map[string]any)
				inner[key] = next
			}
			inner = next
		}
		inner[path[last]] = text(path)
	}
	return metadata
}

// lookup is the value at path as text: a string's content, "" for null and for what is not there, all else
// as it is written in JSON.
func lookup(value json.RawMessage, path []string) string {
	for _, key := range path {
		var fields map[string]json.RawMessage
		if json.Unmarshal(value, &fields) != nil {
			return ""
		}
		value = fields[key]
	}
	var text *string
	if json.Unmarshal(value, &text) != nil {
		return string(value)
	}
	if text == nil {
		return ""
	}
	return *text
}
