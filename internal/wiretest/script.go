package wiretest

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// A script is a parsed file: its paragraphs as they stand, and what they mean.
type script struct {
	paragraphs []*paragraph
	exchanges  []*exchange
}

type paragraph struct {
	line  int // of the first line, from 1
	lines []string
}

// An exchange is one request and the response it should get.
type exchange struct {
	name    string // the first comment line above the request
	line    int    // of the request line
	differs string // why the response may contradict the specification; "" when it may not

	method, target string
	header         []field
	body           string

	want     *reply // nil when the file has no response yet
	captures []capture
	response *paragraph // where want is written; empty when want is nil
}

// A field is one header line; an empty value says that the header is not there.
type field struct{ name, value string }

// A capture sets a variable from ".path.in.the.body" or from a header's name.
type capture struct{ name, source string }

var (
	statusLine  = regexp.MustCompile(`^[1-5][0-9]{2}$`)
	requestLine = regexp.MustCompile(`^([A-Z]+) (\S+)$`)
	fieldLine   = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9-]*):(?: (.*))?$`)
	captureLine = regexp.MustCompile(`^> (\w+) = (\.\S+|[A-Za-z][A-Za-z0-9-]*)$`)
)

// parse reads a file. Its errors begin with the line number.
func parse(text string) (*script, error) {
	s := &script{}
	for _, p := range paragraphs(text) {
		if err := s.add(p); err != nil {
			return nil, err
		}
	}
	if len(s.exchanges) == 0 {
		return nil, errors.New("1: no exchange in the file")
	}
	return s, nil
}

func paragraphs(text string) []*paragraph {
	var all []*paragraph
	open := false
	for i, line := range strings.Split(text, "\n") {
		switch {
		case line == "":
			open = false
		case open:
			last := all[len(all)-1]
			last.lines = append(last.lines, line)
		default:
			all = append(all, &paragraph{line: i + 1, lines: []string{line}})
			open = true
		}
	}
	return all
}

func (s *script) add(p *paragraph) error {
	if statusLine.MatchString(p.lines[0]) {
		return s.addResponse(p)
	}
	s.paragraphs = append(s.paragraphs, p)
	x := &exchange{response: &paragraph{}}
	at, err := x.parsePreamble(p)
	if err != nil {
		return err
	}
	if at == len(p.lines) {
		if x.differs != "" {
			return fmt.Errorf("%d: @differs without a request", p.line)
		}
		return nil // a remark between exchanges
	}
	x.line = p.line + at
	if x.name == "" {
		return fmt.Errorf("%d: the request needs a comment line above it, to name it", x.line)
	}
	parts := requestLine.FindStringSubmatch(p.lines[at])
	if parts == nil {
		return fmt.Errorf("%d: %q is not a request line, a comment or a status", x.line, p.lines[at])
	}
	x.method, x.target = parts[1], parts[2]
	x.header, x.body = fieldsAndBody(p.lines[at+1:])
	s.exchanges = append(s.exchanges, x)
	s.paragraphs = append(s.paragraphs, x.response)
	return nil
}

// parsePreamble reads comments and directives and returns the index of the line after them.
func (x *exchange) parsePreamble(p *paragraph) (int, error) {
	for i, line := range p.lines {
		switch {
		case strings.HasPrefix(line, "#"):
			if x.name == "" {
				x.name = strings.TrimSpace(strings.TrimLeft(line, "#"))
			}
		case strings.HasPrefix(line, "@"):
			directive, reason, _ := strings.Cut(line, " ")
			if directive != "@differs" {
				return 0, fmt.Errorf("%d: unknown directive %s", p.line+i, directive)
			}
			if x.differs = strings.TrimSpace(reason); x.differs == "" {
				return 0, fmt.Errorf("%d: @differs must say why", p.line+i)
			}
		default:
			return i, nil
		}
	}
	return len(p.lines), nil
}

func (s *script) addResponse(p *paragraph) error {
	// Right after a request stands the empty paragraph that add put there.
	last := len(s.paragraphs) - 1
	if last < 0 || len(s.paragraphs[last].lines) > 0 {
		return fmt.Errorf("%d: response without a request right before it", p.line)
	}
	x := s.exchanges[len(s.exchanges)-1]
	*x.response = *p

	lines := p.lines
	for len(lines) > 0 && strings.HasPrefix(lines[len(lines)-1], "> ") {
		lines = lines[:len(lines)-1]
	}
	for i, line := range p.lines[len(lines):] {
		parts := captureLine.FindStringSubmatch(line)
		if parts == nil {
			return fmt.Errorf("%d: %q is not a capture like \"> name = .path\" or \"> name = Header\"", p.line+len(lines)+i, line)
		}
		x.captures = append(x.captures, capture{parts[1], parts[2]})
	}
	x.want = &reply{status: lines[0]}
	x.want.header, x.want.body = fieldsAndBody(lines[1:])
	if canonical, ok := reformat([]byte(x.want.body), nil); ok {
		x.want.body = canonical
	}
	return nil
}

func fieldsAndBody(lines []string) ([]field, string) {
	var fields []field
	for i, line := range lines {
		parts := fieldLine.FindStringSubmatch(line)
		if parts == nil {
			return fields, strings.Join(lines[i:], "\n")
		}
		fields = append(fields, field{parts[1], strings.TrimSpace(parts[2])})
	}
	return fields, ""
}

// setResponse writes got where the exchange's response stands, above its captures.
func (x *exchange) setResponse(got *reply) error {
	text := got.text()
	first, _, _ := strings.Cut(got.body, "\n")
	if fieldLine.MatchString(first) || strings.Contains(text, "\n\n") {
		return errors.New("the body would be read back as something else; expect * instead")
	}
	x.response.lines = strings.Split(text, "\n")
	for _, c := range x.captures {
		x.response.lines = append(x.response.lines, fmt.Sprintf("> %s = %s", c.name, c.source))
	}
	return nil
}

// text is the file that the script stands for.
func (s *script) text() string {
	var b strings.Builder
	for _, p := range s.paragraphs {
		if len(p.lines) == 0 {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("\n")
		}
		for _, line := range p.lines {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// A reply is the part of a response that is compared, masked and in canonical form.
type reply struct {
	status string
	header []field
	body   string
}

// text is the reply as it stands in a file.
func (r *reply) text() string {
	lines := []string{r.status}
	for _, f := range r.header {
		lines = append(lines, strings.TrimSpace(f.name+": "+f.value))
	}
	if r.body != "" {
		lines = append(lines, r.body)
	}
	return strings.Join(lines, "\n")
}
