package config

import "github.com/alecthomas/kong"

// Source says where an option's value came from.
type Source string

// The sources, the strongest first.
const (
	CommandLine Source = "flag"
	Environment Source = "environment"
	File        Source = "file"
	Default     Source = "default"
)

// Setting is one option with its effective value.
type Setting struct {
	Flag   string // --public-url
	Env    string // USHER_PUBLIC_URL
	Value  string // as it was given; empty for none, [redacted] for a secret
	Source Source
}

// Effective returns the options of the command that Parse selected, in the
// order of its help.
func (c *CLI) Effective() []Setting { return c.settings }

// Mistakes returns what would keep the server from starting with the
// configuration that a config command shows, a line each as in UsageError. It
// is empty for every other command.
func (c *CLI) Mistakes() []string { return c.mistakes }

func (r *reading) settings(command *kong.Node) []Setting {
	var settings []Setting
	for _, flag := range command.Flags {
		given, ok := r.given[flag.Value]
		if !ok {
			given.source = Default
		}
		if secret(flag.Value) && given.text != "" {
			given.text = mark
		}
		settings = append(settings, Setting{"--" + flag.Name, envOf(flag), given.text, given.source})
	}
	return settings
}
