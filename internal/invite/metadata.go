package invite

import (
	"bytes"
	"encoding/json"
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
	merged, err := merge(base, patch)
	if err != nil {
		return nil, err
	}
	return merged, nil
}

type member struct {
	key   string
	value json.RawMessage
}

func merge(base, patch json.RawMessage) (json.RawMessage, error) {
	members, err := objectMembers(base)
	if err != nil {
		return nil, err
	}
	changes, err := objectMembers(patch)
	if err != nil {
		return nil, err
	}
	for _, c := range changes {
		if members, err = mergeMember(members, c); err != nil {
			return nil, err
		}
	}
	return joinMembers(members), nil
}

func mergeMember(members []member, c member) ([]member, error) {
	at := -1
	for i, m := range members {
		if m.key == c.key {
			at = i
		}
	}
	if string(c.value) == "null" {
		if at >= 0 {
			members = append(members[:at], members[at+1:]...)
		}
		return members, nil
	}
	if at < 0 {
		at = len(members)
		members = append(members, member{key: c.key, value: json.RawMessage("{}")})
	}
	value := c.value
	if value[0] == '{' {
		base := members[at].value
		if base[0] != '{' {
			base = json.RawMessage("{}")
		}
		var err error
		if value, err = merge(base, value); err != nil {
			return nil, err
		}
	}
	members[at].value = value
	return members, nil
}

// objectMembers splits an object; a key that occurs twice counts with its last value.
func objectMembers(raw json.RawMessage) ([]member, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	var members []member
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		m := member{key: key.(string)}
		if err := dec.Decode(&m.value); err != nil {
			return nil, err
		}
		members = append(dropKey(members, m.key), m)
	}
	return members, nil
}

func dropKey(members []member, key string) []member {
	for i, m := range members {
		if m.key == key {
			return append(members[:i], members[i+1:]...)
		}
	}
	return members
}

func joinMembers(members []member) json.RawMessage {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	buf.WriteByte('{')
	for i, m := range members {
		if i > 0 {
			buf.WriteByte(',')
		}
		_ = enc.Encode(m.key) // a string always encodes
		buf.Truncate(buf.Len() - 1)
		buf.WriteByte(':')
		_ = json.Compact(&buf, m.value) // came out of a decoder
	}
	buf.WriteByte('}')
	return buf.Bytes()
}
