// Package clerk is the wire of the Backend API: what requests and responses
// look like, what a refusal says, how lists are paged and versions chosen. It
// holds no logic of the product and no SQL. Its facts are the contract's; the
// comments name the sections.
package clerk

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"usher/internal/invite"
)

func asType[E error](err error) (E, bool) { return errors.AsType[E](err) }

// Marshal encodes a response as compact JSON, leaving <, > and & as they are.
func Marshal(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// Decode reads a request body into dst, a pointer to a struct with JSON tags.
// No body, null and {} are the same (contract §1.7). It refuses what is not one
// JSON object with BodyInvalid, then the first field of another type with
// ParamType, then all unknown fields with ParamUnknown.
func Decode(body []byte, dst any) error {
	body = bytes.TrimSpace(body)
	if len(body) == 0 || string(body) == "null" {
		return nil
	}
	if body[0] != '{' || !utf8.Valid(body) || !json.Valid(body) {
		return invite.Err(BodyInvalid)
	}
	if err := typed(json.Unmarshal(body, dst)); err != nil {
		return err
	}
	return unknown(body, reflect.TypeOf(dst).Elem())
}

// DecodeList reads a request body that must be an array of objects, refusing
// as Decode does.
func DecodeList[T any](body []byte) ([]T, error) {
	body = bytes.TrimSpace(body)
	var items []json.RawMessage
	if len(body) == 0 || !utf8.Valid(body) || json.Unmarshal(body, &items) != nil || items == nil {
		return nil, invite.Err(BodyInvalid)
	}
	list := make([]T, len(items))
	for i, item := range items {
		if item[0] != '{' {
			return nil, invite.Err(BodyInvalid)
		}
		if err := Decode(item, &list[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// typed turns the decoder's complaint about a type into the contract's words.
func typed(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := asType[*json.UnmarshalTypeError](err); ok {
		got, _, _ := strings.Cut(e.Value, " ")
		if got == "bool" {
			got = "boolean"
		}
		field := e.Field[strings.LastIndexByte(e.Field, '.')+1:] // after the names of embedded structs
		return invite.ParamErr(invite.ParamType, field, got, jsonType(e.Type))
	}
	if _, ok := asType[*invite.Error](err); ok {
		return err
	}
	return invite.Err(BodyInvalid)
}

func jsonType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int64:
		return "integer"
	case reflect.String:
		return "string"
	case reflect.Slice:
		return "array"
	}
	return "object"
}

// unknown refuses the top-level fields of a valid object that t does not name.
func unknown(body []byte, t reflect.Type) error {
	known := fieldNames(t)
	dec := json.NewDecoder(bytes.NewReader(body))
	_, _ = dec.Token() // the opening brace of a valid object
	var bad invite.Errors
	var skipped json.RawMessage
	for dec.More() {
		name, err := dec.Token()
		if err == io.EOF {
			break
		}
		if key, ok := name.(string); ok && !slices.Contains(known, key) {
			bad = append(bad, invite.ParamErr(invite.ParamUnknown, key))
		}
		if err := dec.Decode(&skipped); err != nil {
			return invite.Err(BodyInvalid)
		}
	}
	return bad.Err()
}

func fieldNames(t reflect.Type) []string {
	var names []string
	for f := range t.Fields() {
		if f.Anonymous {
			names = append(names, fieldNames(f.Type)...)
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}
