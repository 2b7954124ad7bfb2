package invite

import (
	"bytes"
	"encoding/json"
	"slices"
)

// MaxMetadata is the largest metadata field in bytes of compact JSON (contract §4.1).
const MaxMetadata = 8 << 10

// CheckMetadata checks one metadata field of a request and returns it compact,
// its keys in the order given. Absent and null are the empty object. It refuses
// what is not an object and what is larger than MaxMetadata.
func CheckMetadata(param string, raw json.RawMessage) (json.RawMessage, *Error) {
	if len(raw) == 0 || string(raw) == "null" {
		return json.RawMessage("{}"), nil
	}
	var buf bytes.Buffer
	if err := json.Compact(&buf, raw); err != nil || buf.Bytes()[0] != '{' {
		return nil, ParamErr(ParamNotObject, param)
	}
	if buf.Len() > MaxMetadata {
		return nil, &Error{Kind: ParamTooLarge, Param: param, Limit: MaxMetadata}
	}
	return buf.Bytes(), nil
}

// MergeMetadata applies patch to base, both JSON objects: objects merge at any
// depth, null removes a key, everything else replaces (contract §4.1). Keys keep
// base's order; new ones follow in patch's. The result is compact.
func MergeMetadata(base, patch json.RawMessage) (json.RawMessage, error) {
	merged, err := readObject(base)
	if err != nil {
		return nil, err
	}
	changes, err := readObject(patch)
	if err != nil {
		return nil, err
	}
	merged.merge(changes)
	var buf bytes.Buffer
	merged.write(&buf)
	return buf.Bytes(), nil
}

// object is a JSON object with its members in order.
type object struct{ members []member }

type member struct {
	key   string
	value json.RawMessage // what is no object
	inner *object
}

func (o *object) at(key string) int {
	return slices.IndexFunc(o.members, func(m member) bool { return m.key == key })
}

func (o *object) merge(changes *object) {
	for _, c := range changes.members {
		at := o.at(c.key)
		switch {
		case string(c.value) == "null":
			if at >= 0 {
				o.members = slices.Delete(o.members, at, at+1)
			}
			continue
		case at < 0:
			at = len(o.members)
			o.members = append(o.members, member{key: c.key})
		}
		m := &o.members[at]
		if c.inner == nil {
			m.value, m.inner = c.value, nil
			continue
		}
		if m.inner == nil {
			m.value, m.inner = nil, &object{}
		}
		m.inner.merge(c.inner)
	}
}

func readObject(raw json.RawMessage) (*object, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber() // some are no float
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	return readMembers(dec, raw)
}

// readMembers reads text from where dec has met the beginning of an object to its
// end. A key that occurs twice counts with its last value.
func readMembers(dec *json.Decoder, text []byte) (*object, error) {
	o := &object{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		m := member{key: key.(string)}
		begin := dec.InputOffset()
		first, err := dec.Token()
		if err != nil {
			return nil, err
		}
		switch first {
		case json.Delim('{'):
			m.inner, err = readMembers(dec, text)
		case json.Delim('['):
			err = skipList(dec)
		}
		if err != nil {
			return nil, err
		}
		if m.inner == nil {
			m.value = bytes.TrimLeft(text[begin:dec.InputOffset()], ": \t\r\n")
		}
		o.members = slices.DeleteFunc(o.members, func(before member) bool { return before.key == m.key })
		o.members = append(o.members, m)
	}
	_, err := dec.Token()
	return o, err
}

// skipList reads to the end of the list in which dec is.
func skipList(dec *json.Decoder) error {
	for depth := 1; depth > 0; {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('['), json.Delim('{'):
			depth++
		case json.Delim(']'), json.Delim('}'):
			depth--
		}
	}
	return nil
}

func (o *object) write(buf *bytes.Buffer) {
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	buf.WriteByte('{')
	for i, m := range o.members {
		if i > 0 {
			buf.WriteByte(',')
		}
		_ = enc.Encode(m.key) // a string always encodes
		buf.Truncate(buf.Len() - 1)
		buf.WriteByte(':')
		if m.inner != nil {
			m.inner.write(buf)
		} else {
			_ = json.Compact(buf, m.value) // came out of a decoder
		}
	}
	buf.WriteByte('}')
}
