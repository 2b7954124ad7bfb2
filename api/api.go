// Package api is the description of everything that usher serves to programs, as
// OpenAPI 3.1: openapi.yaml for back ends and frontend.yaml for browsers, which have
// paths in common. Both are served as they are and are the source of the reference
// pages.
package api

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// Backend describes what is served to programs that have a secret key, in YAML.
//
//go:embed openapi.yaml
var Backend []byte

// Frontend describes what is served to browsers, in YAML.
//
//go:embed frontend.yaml
var Frontend []byte

// Document is a description as far as a reader is told of it, with references
// resolved.
type Document struct {
	Title, Version, Description string
	Groups                      []Group
	Objects                     []Object // the named schemas, by name
}

// Group is the operations of one tag.
type Group struct {
	Name, Description string
	Operations        []Operation // in the order of their paths
}

// Operation is one method of one path.
type Operation struct {
	ID           string
	Method, Path string
	Summary      string
	Description  string
	Deprecated   bool
	Extension    bool // not part of the API that usher is compatible with
	Parameters   []Field
	Body         *Object // what to send; nil for nothing
	Answers      []Answer
}

// Field is a parameter or a member of an object.
type Field struct {
	Name        string
	In          string // path, query or header; empty for a member
	Type        string // for a reader: "string or null"
	Object      string // the named schema that Type speaks of, if any
	Required    bool
	Description string
}

// Object is a schema: a named one, or what one operation takes.
type Object struct {
	Name        string
	Type        string
	Of          string // the named schema that it is, or is a list of
	Description string
	Fields      []Field
}

// Answer is one response.
type Answer struct {
	Status      string
	Description string
	Type        string
	Object      string
}

// Parse reads Backend or Frontend. An error is a mistake in it.
func Parse(description []byte) (*Document, error) {
	var d document
	if err := yaml.Unmarshal(description, &d); err != nil {
		return nil, fmt.Errorf("reading the description: %w", err)
	}
	out := &Document{Title: d.Info.Title, Version: d.Info.Version, Description: d.Info.Description}
	for _, tag := range d.Tags {
		out.Groups = append(out.Groups, Group{Name: tag.Name, Description: tag.Description, Operations: d.tagged(tag.Name)})
	}
	for _, name := range d.Components.Schemas.names {
		s := d.Components.Schemas.byName[name]
		out.Objects = append(out.Objects, d.object(name, &s))
	}
	slices.SortFunc(out.Objects, func(a, b Object) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// document and what follows is as much of OpenAPI as the two use.
type document struct {
	Info struct {
		Title       string `yaml:"title"`
		Version     string `yaml:"version"`
		Description string `yaml:"description"`
	} `yaml:"info"`
	Tags []struct {
		Name        string `yaml:"name"`
		Description string `yaml:"description"`
	} `yaml:"tags"`
	Paths      ordered[pathItem] `yaml:"paths"`
	Components struct {
		Schemas    ordered[schema]      `yaml:"schemas"`
		Parameters map[string]parameter `yaml:"parameters"`
		Responses  map[string]response  `yaml:"responses"`
	} `yaml:"components"`
}

type pathItem struct {
	Parameters []parameter `yaml:"parameters"`
	Get        *operation  `yaml:"get"`
	Post       *operation  `yaml:"post"`
	Put        *operation  `yaml:"put"`
	Patch      *operation  `yaml:"patch"`
	Delete     *operation  `yaml:"delete"`
}

type operation struct {
	ID          string            `yaml:"operationId"`
	Tags        []string          `yaml:"tags"`
	Summary     string            `yaml:"summary"`
	Description string            `yaml:"description"`
	Deprecated  bool              `yaml:"deprecated"`
	Extension   bool              `yaml:"x-extension"`
	Parameters  []parameter       `yaml:"parameters"`
	Body        body              `yaml:"requestBody"`
	Responses   ordered[response] `yaml:"responses"`
}

type parameter struct {
	Ref         string `yaml:"$ref"`
	Name        string `yaml:"name"`
	In          string `yaml:"in"`
	Required    bool   `yaml:"required"`
	Description string `yaml:"description"`
	Schema      schema `yaml:"schema"`
}

type response struct {
	Ref         string           `yaml:"$ref"`
	Description string           `yaml:"description"`
	Content     ordered[content] `yaml:"content"`
}

type body struct {
	Content ordered[content] `yaml:"content"`
}

type content struct {
	Schema schema `yaml:"schema"`
}

// schemaOf returns the schema of the only, or first, media type; nil without one.
func schemaOf(c ordered[content]) *schema {
	if len(c.names) == 0 {
		return nil
	}
	s := c.byName[c.names[0]].Schema
	return &s
}

type schema struct {
	Ref         string          `yaml:"$ref"`
	Type        any             `yaml:"type"` // a name or a list of names
	Format      string          `yaml:"format"`
	Enum        []any           `yaml:"enum"`
	Const       any             `yaml:"const"`
	Description string          `yaml:"description"`
	Properties  ordered[schema] `yaml:"properties"`
	Required    []string        `yaml:"required"`
	Items       *schema         `yaml:"items"`
	AllOf       []schema        `yaml:"allOf"`
	OneOf       []schema        `yaml:"oneOf"`
	AnyOf       []schema        `yaml:"anyOf"`
}

// ordered is a mapping that keeps the order of its keys.
type ordered[V any] struct {
	names  []string
	byName map[string]V
}

// UnmarshalYAML reads the mapping twice: for its order and for its values.
func (o *ordered[V]) UnmarshalYAML(unmarshal func(any) error) error {
	var keys yaml.MapSlice
	if err := unmarshal(&keys); err != nil {
		return err
	}
	for _, item := range keys {
		o.names = append(o.names, fmt.Sprint(item.Key))
	}
	return unmarshal(&o.byName)
}

func (d *document) tagged(tag string) []Operation {
	var list []Operation
	for _, path := range d.Paths.names {
		item := d.Paths.byName[path]
		for _, m := range []struct {
			method string
			*operation
		}{{"GET", item.Get}, {"POST", item.Post}, {"PUT", item.Put}, {"PATCH", item.Patch}, {"DELETE", item.Delete}} {
			if m.operation != nil && slices.Contains(m.Tags, tag) {
				list = append(list, d.operation(m.method, path, slices.Concat(item.Parameters, m.Parameters), m.operation))
			}
		}
	}
	return list
}

func (d *document) operation(method, path string, parameters []parameter, o *operation) Operation {
	out := Operation{
		ID: o.ID, Method: method, Path: path, Summary: o.Summary, Description: o.Description,
		Deprecated: o.Deprecated, Extension: o.Extension,
	}
	for _, p := range parameters {
		if p.Ref != "" {
			p = d.Components.Parameters[nameOf(p.Ref)]
		}
		f := d.field(p.Name, &p.Schema, p.Required)
		f.In, f.Description = p.In, p.Description
		out.Parameters = append(out.Parameters, f)
	}
	if s := schemaOf(o.Body.Content); s != nil {
		taken := d.object("", s)
		out.Body = &taken
	}
	for _, status := range o.Responses.names {
		r := o.Responses.byName[status]
		if r.Ref != "" {
			r = d.Components.Responses[nameOf(r.Ref)]
		}
		a := Answer{Status: status, Description: r.Description}
		if s := schemaOf(r.Content); s != nil {
			a.Type, a.Object = d.typeOf(s)
		}
		out.Answers = append(out.Answers, a)
	}
	return out
}

func nameOf(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }

// object lists the members of a schema and of those it is made of.
func (d *document) object(name string, s *schema) Object {
	out := Object{Name: name, Description: s.Description}
	out.Type, out.Of = d.typeOf(s)
	if out.Of == name {
		out.Of = ""
	}
	if out.Of == "" {
		out.Fields = d.fields(s)
	}
	return out
}

func (d *document) fields(s *schema) []Field {
	var list []Field
	for _, part := range s.AllOf {
		if part.Ref != "" {
			part = d.Components.Schemas.byName[nameOf(part.Ref)]
		}
		list = append(list, d.fields(&part)...)
	}
	if s.Items != nil && s.Items.Ref == "" {
		list = append(list, d.fields(s.Items)...)
	}
	for _, name := range s.Properties.names {
		member := s.Properties.byName[name]
		list = append(list, d.field(name, &member, slices.Contains(s.Required, name)))
	}
	return list
}

func (d *document) field(name string, s *schema, required bool) Field {
	f := Field{Name: name, Required: required, Description: s.Description}
	f.Type, f.Object = d.typeOf(s)
	return f
}

// typeOf says what a schema is in a few words, and which named one it speaks of.
func (d *document) typeOf(s *schema) (words, object string) {
	switch {
	case s.Ref != "":
		return nameOf(s.Ref), nameOf(s.Ref)
	case s.Const != nil:
		return fmt.Sprintf("%q", fmt.Sprint(s.Const)), ""
	case len(s.Enum) > 0:
		var values []string
		for _, v := range s.Enum {
			if v == nil {
				values = append(values, "null")
				continue
			}
			values = append(values, fmt.Sprintf("%q", fmt.Sprint(v)))
		}
		return strings.Join(values, ", "), ""
	case s.Items != nil:
		words, object = d.typeOf(s.Items)
		return "list of " + words, object
	}
	for _, parts := range [][]schema{s.OneOf, s.AnyOf} {
		var all []string
		for _, part := range parts {
			w, o := d.typeOf(&part)
			all = append(all, w)
			if o != "" {
				object = o
			}
		}
		if len(all) > 0 {
			return strings.Join(all, " or "), object
		}
	}
	words = typeName(s.Type)
	if s.Format != "" && s.Format != "int64" {
		words += ", " + s.Format
	}
	return words, ""
}

func typeName(t any) string {
	switch t := t.(type) {
	case string:
		return t
	case []any:
		var names []string
		for _, n := range t {
			names = append(names, fmt.Sprint(n))
		}
		return strings.Join(names, " or ")
	}
	return "object"
}
