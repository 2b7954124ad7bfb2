package wiretest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"usher/internal/oracle"
)

// A session plays one file's exchanges against one server.
type session struct {
	contentType string
	client      *http.Client
	base        *url.URL
	spec        *oracle.Spec
	own         *oracle.Spec
	vars        map[string]string
	mask        *mask
}

// play sends the exchange's request, takes its captures and returns what is wrong with
// the response. With update, the response is written into the exchange instead of
// compared with it.
func (s *session) play(ctx context.Context, x *exchange, update bool) (problems []string) {
	req, err := s.request(ctx, x)
	if err != nil {
		return []string{err.Error()}
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return []string{err.Error()}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return []string{fmt.Sprintf("reading the response: %v", err)}
	}

	problems = s.judge(req, resp, body, x.differs)
	for _, v := range s.own.Check(req, resp.StatusCode, resp.Header, body) {
		problems = append(problems, "our own description: "+v)
	}
	got := s.reply(resp, body, x.want)
	switch {
	case update:
		if err := x.setResponse(got); err != nil {
			problems = append(problems, err.Error())
		}
	case x.want == nil:
		problems = append(problems, "no response in the file; -update writes this one:\n"+got.text())
	case x.want.text() != got.text():
		problems = append(problems, string(diff.Diff("want", []byte(x.want.text()+"\n"), "got", []byte(got.text()+"\n"))))
	}
	for _, c := range x.captures {
		value, err := c.from(resp.Header, body)
		if err != nil {
			problems = append(problems, err.Error())
			continue
		}
		s.vars[c.name] = value
	}
	return problems
}

func (s *session) request(ctx context.Context, x *exchange) (*http.Request, error) {
	expand := expander{vars: s.vars}
	target, err := url.Parse(expand.text(x.target))
	if err != nil {
		return nil, err
	}
	target.Scheme, target.Host = s.base.Scheme, s.base.Host
	body := expand.text(x.body)
	req, err := http.NewRequestWithContext(ctx, x.method, target.String(), strings.NewReader(body))
	if err != nil {
		return nil, err
	}

	if _, ok := s.vars["key"]; ok {
		req.Header.Set("Authorization", expand.text("Bearer {{key}}"))
	}
	if _, ok := s.vars["cookie"]; ok {
		req.Header.Set("Cookie", expand.text("{{cookie}}"))
	}
	if body != "" {
		req.Header.Set("Content-Type", s.contentType)
	}
	for _, f := range x.header {
		req.Header.Del(f.name)
	}
	for _, f := range x.header {
		switch value := expand.text(f.value); {
		case strings.EqualFold(f.name, "Host"):
			req.Host = value
		case strings.EqualFold(f.name, "Transfer-Encoding"):
			req.TransferEncoding = []string{value}
		case value != "":
			req.Header.Add(f.name, value)
		}
	}
	return req, expand.err
}

// judge asks the specification.
func (s *session) judge(req *http.Request, resp *http.Response, body []byte, differs string) []string {
	if s.spec == nil {
		return nil
	}
	violations := s.spec.Check(req, resp.StatusCode, resp.Header, body)
	switch {
	case differs == "":
		for i, v := range violations {
			violations[i] = "specification: " + v
		}
		return violations
	case len(violations) == 0:
		return []string{"@differs, but the response agrees with the specification or is not in it"}
	}
	return nil
}

// reply reduces a response to what want looks at; where nothing is wanted yet, to its
// Content-Type and body.
func (s *session) reply(resp *http.Response, body []byte, want *reply) *reply {
	r := &reply{status: strconv.Itoa(resp.StatusCode)}
	listed := []field{{name: "Content-Type"}}
	if want != nil {
		listed = want.header
	}
	for _, f := range listed {
		value := strings.Join(resp.Header.Values(f.name), ", ")
		r.header = append(r.header, field{f.name, s.mask.text(value)})
	}
	var ok bool
	if r.body, ok = reformat(body, s.mask); !ok {
		r.body = s.mask.text(strings.TrimRight(string(body), "\n"))
	}
	if want != nil && want.body == "*" { // read all the same: its ids have got their numbers
		r.body = "*"
	}
	return r
}

// from reads the capture's value out of a response.
func (c capture) from(header http.Header, body []byte) (string, error) {
	path, inBody := strings.CutPrefix(c.source, ".")
	if !inBody {
		if value := header.Get(c.source); value != "" {
			return value, nil
		}
		return "", fmt.Errorf("capturing %s: no header %s", c.name, c.source)
	}
	value := json.RawMessage(body)
	for step := range strings.SplitSeq(path, ".") {
		var err error
		if value, err = member(value, step); err != nil {
			return "", fmt.Errorf("capturing %s = %s: %w", c.name, c.source, err)
		}
	}
	if value[0] != '"' {
		return string(value), nil
	}
	var text string
	err := json.Unmarshal(value, &text)
	return text, err
}

// member is the value at a key of an object or an index of an array.
func member(value json.RawMessage, step string) (json.RawMessage, error) {
	var object map[string]json.RawMessage
	if json.Unmarshal(value, &object) == nil && object[step] != nil {
		return object[step], nil
	}
	var array []json.RawMessage
	if i, err := strconv.Atoi(step); err == nil && json.Unmarshal(value, &array) == nil && i >= 0 && i < len(array) {
		return array[i], nil
	}
	return nil, fmt.Errorf("no %s in %s", step, value)
}

// An expander replaces variables and remembers the first that is not set.
type expander struct {
	vars map[string]string
	err  error
}

var variable = regexp.MustCompile(`\{\{\w+\}\}`)

func (e *expander) text(s string) string {
	return variable.ReplaceAllStringFunc(s, func(name string) string {
		value, ok := e.vars[name[2:len(name)-2]]
		if !ok && e.err == nil {
			e.err = fmt.Errorf("variable %s is not set", name)
		}
		return value
	})
}
