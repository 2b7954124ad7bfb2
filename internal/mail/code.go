package mail

import (
	"encoding/json"
	"errors"
	"time"
)

// Code is everything a template may say about one code.
type Code struct {
	Template     string // the mail
	Code         string // six digits
	EmailAddress string // the mailbox that it proves

	AppName, AppDomain, AppLogoURL string // the product, from its operator

	Lifetime time.Duration // as it was when the code was made
}

// variables returns the data of a template; nothing in it is metadata.
func (c Code) variables([][]string) map[string]any {
	return map[string]any{
		"otp_code":           c.Code,
		"app":                app(c.AppName, c.AppDomain, c.AppLogoURL),
		"email_address":      displayAddress(c.EmailAddress),
		"expires_in_minutes": int(c.Lifetime / time.Minute),
	}
}

func (c Code) slug() string { return c.Template }

func (c Code) address() string { return c.EmailAddress }

func (c Code) link() string { return "" }

func (c Code) check() error {
	if c.Code == "" {
		return errors.New("there is no code")
	}
	return nil
}

func (c Code) told() (json.RawMessage, error) { return json.Marshal(c.variables(nil)) }
