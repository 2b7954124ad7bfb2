// Package clerk is the wire of the Backend API: what requests and responses
// look like, what a refusal says, how lists are paged and versions chosen. It
// holds no logic of the product and no SQL. Its facts are the contract's; the
// comments name the sections.
package clerk

import (
	"bytes"
	"encoding/json"
	"errors"
	"iter"
	"reflect"
	"slices"
	"strings"
	"sync"
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
	if body[0] != '{' || !utf8.Valid(body) {
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

// maxUnknown is how many unknown fields are reported at most: a refusal must not
// be larger than the request.
const maxUnknown = 20

// unknown refuses the top-level fields of a valid object that t does not name.
func unknown(object []byte, t reflect.Type) error {
	known := fieldNames(t)
	var bad invite.Errors
	for name := range memberNames(object) {
		if !slices.Contains(known, name) {
			bad = append(bad, invite.ParamErr(invite.ParamUnknown, name))
		}
		if len(bad) == maxUnknown {
			break
		}
	}
	return bad.Err()
}

// memberNames returns the names in a valid object, without those of nested ones.
// A decoder would do it too, at half the price of the whole request.
func memberNames(object []byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		depth, before := 0, byte(0) // the last of ,:{}[]
		for i := 0; i < len(object); i++ {
			switch c := object[i]; c {
			case '{', '[':
				depth++
				before = c
			case '}', ']':
				depth--
			case ',', ':':
				before = c
			case '"':
				start := i
				i = closingQuote(object, start)
				if depth == 1 && before != ':' && !yield(unquote(object[start:i+1])) {
					return
				}
			}
		}
	}
}

// closingQuote returns where the string that begins at start ends.
func closingQuote(valid []byte, start int) int {
	for i := start + 1; ; i++ {
		switch valid[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
}

func unquote(quoted []byte) string {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	var s string
	_ = json.Unmarshal(quoted, &s) // valid, because the object around it is
	return s
}

// fieldNames returns the names that the struct t and those embedded in it know.
func fieldNames(t reflect.Type) []string {
	if names, ok := fieldNamesOf.Load(t); ok {
		return names.([]string)
	}
	var names []string
	for f := range t.Fields() {
		if f.Anonymous {
			names = append(names, fieldNames(f.Type)...)
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, name)
	}
	fieldNamesOf.Store(t, names)
	return names
}

// fieldNamesOf remembers fieldNames by type, since reflection costs more than
// reading a body.
var fieldNamesOf sync.Map
