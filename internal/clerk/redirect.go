package clerk

import "usher/internal/invite"

// CreateRedirectURL is the body of POST /redirect_urls.
type CreateRedirectURL struct {
	URL *string `json:"url"`
}

// Value returns the URL, or nothing.
func (r *CreateRedirectURL) Value() string { return or(r.URL, "") }

// RedirectURL is contract §4.7.
type RedirectURL struct {
	Object    string         `json:"object"`
	ID        string         `json:"id"`
	URL       string         `json:"url"`
	CreatedAt invite.Instant `json:"created_at"`
	UpdatedAt invite.Instant `json:"updated_at"`
}

// RedirectURLOf returns r.
func RedirectURLOf(r *invite.RedirectURL) RedirectURL {
	return RedirectURL{Object: "redirect_url", ID: r.ID, URL: r.URL, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt}
}
