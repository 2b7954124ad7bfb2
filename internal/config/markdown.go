package config

import (
	_ "embed" // introduction.md
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

//go:embed introduction.md
var introduction string

// Markdown returns docs/config.md: every command and, in a table for each
// group, every option with its variables, its default and its meaning.
func Markdown() string {
	commands := documented()
	var b strings.Builder
	b.WriteString(introduction)
	b.WriteString("\n## Commands\n\n| Command | What it does |\n| --- | --- |\n")
	for _, c := range commands {
		fmt.Fprintf(&b, "| `usher %s` | %s |\n", c.Path(), c.Help)
	}
	for _, g := range groups(commands) {
		fmt.Fprintf(&b, "\n## %s\n\n| Flag | Variable | Default | Commands | Meaning |\n| --- | --- | --- | --- | --- |\n", g.title)
		for _, uses := range g.options {
			writeOption(&b, uses)
		}
	}
	return b.String()
}

// A use is one command's declaration of an option.
type use struct {
	command *kong.Node
	flag    *kong.Flag
}

// A group is what stands under one heading: for each option its uses.
type group struct {
	title   string
	options [][]use
}

// documented returns the commands in the order of the help.
func documented() []*kong.Node {
	return newKong(&CLI{}, &reading{}).Model.Leaves(true)
}

// groups gathers the uses of each option under their headings. The config
// commands are left out: their options are those of the commands they show.
func groups(commands []*kong.Node) []group {
	var all []group
	for _, c := range commands {
		if c.Parent.Name == "config" {
			continue
		}
		for _, f := range c.Flags {
			g := slices.IndexFunc(all, func(g group) bool { return g.title == f.Group.Title })
			if g < 0 {
				g, all = len(all), append(all, group{title: f.Group.Title})
			}
			options := &all[g].options
			o := slices.IndexFunc(*options, func(uses []use) bool { return uses[0].flag.Name == f.Name })
			if o < 0 {
				o, *options = len(*options), append(*options, nil)
			}
			(*options)[o] = append((*options)[o], use{c, f})
		}
	}
	return all
}

func writeOption(b *strings.Builder, uses []use) {
	flag := uses[0].flag
	var commands []string
	for _, u := range uses {
		commands = append(commands, u.command.Path())
	}
	fmt.Fprintf(b, "| `%s` | `%s` | %s | %s | %s |\n",
		flagName(flag), strings.Join(envsOf(flag), "` `"), defaults(uses), strings.Join(commands, ", "),
		strings.NewReplacer("<", `\<`, "|", `\|`).Replace(flag.Help))
}

func flagName(flag *kong.Flag) string {
	switch {
	case flag.Tag.Negatable != "":
		return "--[no-]" + flag.Name
	case flag.IsBool():
		return "--" + flag.Name
	}
	return "--" + flag.Name + " " + flag.PlaceHolder
}

// defaults says what holds when the option is not given, by command where they
// differ.
func defaults(uses []use) string {
	var values, who []string
	for _, u := range uses {
		value := "none"
		switch {
		case needed(u.command, u.flag):
			value = "required"
		case u.flag.Default != "":
			value = "`" + u.flag.Default + "`"
		}
		if i := slices.Index(values, value); i >= 0 {
			who[i] += ", " + u.command.Path()
			continue
		}
		values, who = append(values, value), append(who, u.command.Path())
	}
	if len(values) == 1 {
		return values[0]
	}
	for i := range values {
		values[i] += " (" + who[i] + ")"
	}
	return strings.Join(values, "; ")
}
