package mail

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template/parse"
)

// checker reads templates without executing them: it finds variables that do not exist, in branches no
// sample takes as well, and the metadata a template shows.
type checker struct {
	known    map[string]any
	metadata [][]string
	errs     []error

	tree *parse.Tree
}

// scope tells what dot and $ are at some place in a template.
type scope struct{ dotIsData, dollarIsData bool }

func (c *checker) file(name, source string) {
	trees := make(map[string]*parse.Tree)
	main := parse.New(name)
	main.Mode = parse.SkipFuncCheck
	if _, err := main.Parse(source, "", "", trees); err != nil {
		c.errs = append(c.errs, err)
		return
	}
	inOrder := func(a, b *parse.Tree) int { return cmp.Compare(a.Root.Pos, b.Root.Pos) }
	for _, tree := range slices.SortedFunc(maps.Values(trees), inOrder) {
		c.tree = tree
		// What a {{define}} is given is known only to its caller.
		c.walk(tree.Root, scope{tree == main, tree == main})
	}
}

func (c *checker) walk(node parse.Node, in scope) {
	switch n := node.(type) {
	case *parse.ListNode:
		if n == nil {
			return
		}
		for _, child := range n.Nodes {
			c.walk(child, in)
		}
	case *parse.ActionNode:
		c.walk(n.Pipe, in)
	case *parse.TemplateNode:
		c.walk(n.Pipe, in)
	case *parse.IfNode:
		c.branch(&n.BranchNode, in, in)
	case *parse.WithNode:
		c.branch(&n.BranchNode, in, scope{false, in.dollarIsData})
	case *parse.RangeNode:
		c.branch(&n.BranchNode, in, scope{false, in.dollarIsData})
	case *parse.PipeNode:
		if n == nil {
			return
		}
		for _, command := range n.Cmds {
			c.command(command, in)
		}
	case *parse.ChainNode:
		c.walk(n.Node, in)
	case *parse.FieldNode:
		c.variable(n, n.Ident, nil, in.dotIsData)
	case *parse.VariableNode:
		c.variable(n, n.Ident[1:], nil, in.dollarIsData && n.Ident[0] == "$")
	}
}

func (c *checker) branch(n *parse.BranchNode, in, inside scope) {
	c.walk(n.Pipe, in)
	c.walk(n.List, inside)
	c.walk(n.ElseList, in)
}

// command looks for index .invitation.public_metadata "key" before it takes the words one by one.
func (c *checker) command(n *parse.CommandNode, in scope) {
	args := n.Args
	if function, ok := args[0].(*parse.IdentifierNode); ok && function.Ident == "index" && len(args) > 2 {
		var keys []string
		for _, arg := range args[2:] {
			if key, ok := arg.(*parse.StringNode); ok {
				keys = append(keys, key.Text)
			}
		}
		if field, ok := args[1].(*parse.FieldNode); ok && len(keys) == len(args)-2 {
			c.variable(field, field.Ident, keys, in.dotIsData)
			return
		}
		if variable, ok := args[1].(*parse.VariableNode); ok && len(keys) == len(args)-2 {
			c.variable(variable, variable.Ident[1:], keys, in.dollarIsData && variable.Ident[0] == "$")
			return
		}
	}
	for _, arg := range args {
		c.walk(arg, in)
	}
}

// variable judges names, the identifiers of a reference; keys are those of an index around it. The names
// start at the template's data if fromData is set, otherwise anywhere.
func (c *checker) variable(n parse.Node, names, keys []string, fromData bool) {
	if at := slices.Index(names, "public_metadata"); at >= 0 {
		c.metadataPath(n, slices.Concat(names[at+1:], keys))
		names = names[:at+1]
	}
	if !fromData {
		return
	}
	value := any(c.known)
	for _, name := range names {
		fields, _ := value.(map[string]any)
		if value = fields[name]; value == nil {
			c.fail(n, "usher has no variable {{.%s}}", strings.Join(names, "."))
			return
		}
	}
}

// metadataPath notes a path below public_metadata. Its value is text, so nothing can lie below it.
func (c *checker) metadataPath(n parse.Node, path []string) {
	if len(path) == 0 {
		c.fail(n, "name a key of public_metadata, as in {{.invitation.public_metadata.team}}")
		return
	}
	for _, other := range c.metadata {
		common := min(len(path), len(other))
		switch {
		case !slices.Equal(path[:common], other[:common]):
		case len(path) == len(other):
			return
		default:
			c.fail(n, "public_metadata.%s is shown as text and has keys below it: name the keys only",
				strings.Join(path[:common], "."))
			return
		}
	}
	c.metadata = append(c.metadata, path)
}

func (c *checker) fail(n parse.Node, format string, args ...any) {
	location, _ := c.tree.ErrorContext(n)
	c.errs = append(c.errs, fmt.Errorf("%s: %s", location, fmt.Sprintf(format, args...)))
}
