package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// ErrHelp is returned by Parse when help was asked for and has been written.
var ErrHelp = errors.New("help was shown")

// UsageError is everything that is wrong with how usher was called.
type UsageError struct {
	// Mistakes has a line for each, in the user's words: first those about the
	// command line as such, then the options in the order of the help.
	Mistakes []string
}

// Error returns the mistakes, one to a line.
func (e *UsageError) Error() string { return strings.Join(e.Mistakes, "\n") }

// Parse reads the options of the command that args (without the program's name)
// select: each from its flag, else from its variable, else from the file its
// …_FILE variable names (secrets only), else from its default. It returns the
// command as it is typed, such as "serve", "instance create" or "config dev";
// "config" alone is "config serve".
//
// Asked for help, it writes it to stdout and returns ErrHelp. Any other error
// about the call is a *UsageError with all mistakes; if no command was named,
// the help is on stderr. The config commands fail on unknown flags only and
// keep wrong and missing values for CLI.Mistakes.
//
// The environment is read through getenv alone; an empty variable is none.
func Parse(args []string, getenv func(string) string, stdout, stderr io.Writer) (*CLI, string, error) {
	r, err := read(args, getenv)
	var misspelt []string
	for err == nil && r.ctx.Error != nil {
		misspelt = append(misspelt, r.ctx.Error.Error())
		if args = r.withoutError(args); args == nil {
			return nil, "", &UsageError{misspelt}
		}
		r, err = read(args, getenv)
	}
	switch {
	case err != nil:
		return nil, "", err
	case r.asksForHelp():
		if err := r.help(stdout); err != nil {
			return nil, "", err
		}
		return nil, "", ErrHelp
	case !r.command().Leaf():
		if err := r.help(stderr); err != nil {
			return nil, "", err
		}
		return nil, "", &UsageError{append(misspelt, r.command().FullPath()+" needs a command")}
	}
	mistakes, err := r.finish()
	if err != nil {
		return nil, "", err
	}
	if r.command().Parent.Name == "config" {
		r.cli.mistakes, mistakes = mistakes, nil
	}
	if mistakes = append(misspelt, mistakes...); len(mistakes) > 0 {
		return nil, "", &UsageError{mistakes}
	}
	name, _, _ := strings.Cut(r.ctx.Command(), " <") // without its arguments
	return r.cli, name, nil
}

// A reading is one pass over a command line. It decodes every option for the
// flag library and, where that would stop at the first mistake, notes it and
// goes on.
type reading struct {
	cli      *CLI
	ctx      *kong.Context
	getenv   func(string) string
	from     Source                 // where the texts being decoded come from
	given    map[*kong.Value]origin // the last text each option was given
	problems problems
}

type origin struct {
	text   string
	source Source
}

// problems holds what is wrong with an option, by the name of its flag.
type problems map[string]string

// add notes a problem of a flag that has none yet.
func (p problems) add(flag, problem string) {
	if _, known := p[flag]; !known {
		p[flag] = problem
	}
}

// read takes in the defaults and then the command line; what neither the flag
// library nor Decode understands is in ctx.Error.
func read(args []string, getenv func(string) string) (*reading, error) {
	r := &reading{cli: &CLI{}, getenv: getenv, given: map[*kong.Value]origin{}, problems: problems{}}
	k := newKong(r.cli, r)
	r.from = Default
	for _, command := range k.Model.Leaves(false) {
		for _, flag := range command.Flags {
			if err := flag.Reset(); err != nil {
				return nil, fmt.Errorf("taking defaults: %w", err)
			}
		}
	}
	r.from = CommandLine
	var err error
	if r.ctx, err = kong.Trace(k, args); err != nil {
		return nil, fmt.Errorf("reading the command line: %w", err)
	}
	return r, nil
}

// newKong builds the flag library's parser for cli, with r as the decoder of
// every option and the source of those that are not on the command line.
func newKong(cli *CLI, r *reading) *kong.Kong {
	options := []kong.Option{
		kong.Name("usher"),
		kong.Description("Organization invitations you host yourself."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.Help(writeHelp),
		kong.ValueFormatter(describe),
		kong.Resolvers(kong.ResolverFunc(r.resolve)),
	}
	for t := range typed {
		options = append(options, kong.TypeMapper(t, r))
	}
	k := kong.Must(cli, options...) // a wrong declaration is a bug that every test shows
	k.Model.HelpFlag.Hidden = true
	for _, command := range k.Model.Leaves(false) {
		if example := command.Tag.Get("example"); example != "" {
			command.Detail = "Example:\n\n  " + strings.ReplaceAll(example, "\n", "\n  ")
		}
		for _, flag := range command.Flags {
			flag.Required = needed(command, flag) && command.Parent.Name != "config"
		}
	}
	return k
}

// command returns the command named so far, the root if there is none.
func (r *reading) command() *kong.Node {
	if selected := r.ctx.Selected(); selected != nil {
		return selected
	}
	return r.ctx.Model.Node
}

func (r *reading) asksForHelp() bool {
	return slices.ContainsFunc(r.ctx.Path, func(p *kong.Path) bool {
		return p.Flag != nil && p.Flag == r.ctx.Model.HelpFlag
	})
}

// withoutError returns args without the one that made ctx.Error and
// without what seems to be its value. It returns nil when there is no point in
// reading on: the command is not known.
func (r *reading) withoutError(args []string) []string {
	last := r.ctx.Path[len(r.ctx.Path)-1]
	at := len(args) - len(last.Remainder())
	if !r.command().Leaf() || at >= len(args) {
		return nil
	}
	end := at + 1
	if strings.HasPrefix(args[at], "-") && end < len(args) && !strings.HasPrefix(args[end], "-") {
		end++
	}
	return slices.Delete(slices.Clone(args), at, end)
}

// Decode is the flag library's call to turn the next token into an option's
// value. It never returns an error: the problem is noted instead.
func (r *reading) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	v := ctx.Value
	target.SetZero()
	delete(r.problems, v.Name)
	next := ctx.Scan.Peek()
	var text string
	switch {
	case v.IsBool() && next.Type != kong.FlagValueToken:
		text = "true"
	case next.IsValue():
		text = ctx.Scan.Pop().String()
	default:
		r.problems.add(v.Name, "needs a value")
		return nil
	}
	r.given[v] = origin{text, r.from}
	value, err := interpret(v, text)
	switch {
	case err != nil && secret(v):
		r.problems.add(v.Name, err.Error())
	case err != nil:
		r.problems.add(v.Name, fmt.Sprintf("%v, not %q", err, text))
	case value != nil:
		target.Set(reflect.ValueOf(value))
	}
	return nil
}

// resolve is the flag library's question for the text of a flag that is not on
// the command line.
func (r *reading) resolve(ctx *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if flag == ctx.Model.HelpFlag {
		return nil, nil
	}
	variable := envOf(flag)
	text, file := r.getenv(variable), ""
	if secret(flag.Value) {
		file = r.getenv(variable + "_FILE")
	}
	switch {
	case text != "" && file != "":
		r.problems.add(flag.Name, fmt.Sprintf("%s and %[1]s_FILE are both set; keep one", variable))
		return nil, nil
	case text != "":
		r.from = Environment
		return text, nil
	case file != "":
		r.from = File
		return r.readSecret(flag, file), nil
	}
	return nil, nil
}

// readSecret returns the content of file without the newline at its end, or nil
// with a problem noted.
func (r *reading) readSecret(flag *kong.Flag, file string) any {
	content, err := os.ReadFile(file) //nolint:gosec // the operator names the file
	text := strings.TrimRight(string(content), "\r\n")
	switch {
	case err != nil:
		r.problems.add(flag.Name, fmt.Sprintf("its file cannot be read: %v", err))
	case text == "":
		r.problems.add(flag.Name, fmt.Sprintf("its file %s is empty", file))
	default:
		return text
	}
	return nil
}

// finish reads the environment, fills the selected command's struct and returns
// the problems with its options as lines.
func (r *reading) finish() ([]string, error) {
	if err := r.ctx.Resolve(); err != nil {
		return nil, fmt.Errorf("reading the environment: %w", err)
	}
	if _, err := r.ctx.Apply(); err != nil {
		return nil, fmt.Errorf("applying options: %w", err)
	}
	command := r.command()
	for _, flag := range command.Flags {
		if needed(command, flag) && r.given[flag.Value].text == "" {
			r.problems.add(flag.Name, "is required")
		}
	}
	r.cli.settings = r.settings(command)
	if c, ok := reflect.TypeAssert[checker](command.Target.Addr()); ok {
		c.check(r.problems)
	}
	var lines []string
	for _, argument := range command.Positional {
		if r.given[argument].text == "" {
			lines = append(lines, fmt.Sprintf("%s needs %s: %s", command.FullPath(), argument.Tag.PlaceHolder, argument.Help))
		}
	}
	for _, flag := range command.Flags {
		if problem, ok := r.problems[flag.Name]; ok {
			lines = append(lines, fmt.Sprintf("--%s (or %s): %s", flag.Name, strings.Join(envsOf(flag), ", "), problem))
		}
	}
	return lines, nil
}

// needed reports whether command refuses to run without flag.
func needed(command *kong.Node, flag *kong.Flag) bool {
	return slices.Contains(strings.Split(flag.Tag.Get("needed"), ","), command.Name)
}

// envOf returns the variable that stands for flag.
func envOf(flag *kong.Flag) string {
	return "USHER_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
}

// envsOf returns every variable that can give flag its value.
func envsOf(flag *kong.Flag) []string {
	if secret(flag.Value) {
		return []string{envOf(flag), envOf(flag) + "_FILE"}
	}
	return []string{envOf(flag)}
}
