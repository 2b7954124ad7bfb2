package invite_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"usher/internal/invite"
)

func TestCheckMetadata(t *testing.T) {
	for _, row := range []struct{ name, in, want string }{
		{"absent", ``, `{}`},
		{"null", `null`, `{}`},
		{"spaces go, order stays", ` { "b" : 1.50 , "a" : [ 1, 2 ] } `, `{"b":1.50,"a":[1,2]}`},
		{"escapes stay", `{"a":"\u00e9<"}`, `{"a":"\u00e9<"}`},
		{"large numbers stay", `{"n":12345678901234567890}`, `{"n":12345678901234567890}`},
	} {
		got, err := invite.CheckMetadata("public_metadata", json.RawMessage(row.in))
		if err != nil || string(got) != row.want {
			t.Errorf("%s: got %s, %v; want %s", row.name, got, err, row.want)
		}
	}
	spaced := json.RawMessage(strings.Repeat(" ", invite.MaxMetadata) + `{}`)
	if _, err := invite.CheckMetadata("x", spaced); err != nil {
		t.Errorf("the limit counted spaces: %v", err)
	}
}

func TestMergeMetadata(t *testing.T) {
	for _, row := range []struct{ name, base, patch, want string }{
		{"new keys follow", `{"b":1,"a":2}`, `{"d":3,"c":4}`, `{"b":1,"a":2,"d":3,"c":4}`},
		{"a changed key keeps its place", `{"b":1,"a":2}`, `{"b":3}`, `{"b":3,"a":2}`},
		{"null removes", `{"b":1,"a":2}`, `{"b":null}`, `{"a":2}`},
		{"null of nothing", `{"b":1}`, `{"x":null}`, `{"b":1}`},
		{"objects merge at depth", `{"o":{"p":{"x":1,"y":2}}}`, `{"o":{"p":{"x":null,"z":3}}}`, `{"o":{"p":{"y":2,"z":3}}}`},
		{"an object replaces a number", `{"o":1}`, `{"o":{"x":1}}`, `{"o":{"x":1}}`},
		{"a number replaces an object", `{"o":{"x":1}}`, `{"o":1}`, `{"o":1}`},
		{"lists are replaced", `{"l":[1,2]}`, `{"l":[3]}`, `{"l":[3]}`},
		{"null inside a list stays", `{}`, `{"l":[null]}`, `{"l":[null]}`},
		{"null inside a new object goes", `{}`, `{"o":{"x":null}}`, `{"o":{}}`},
		{"markup stays as it is", `{}`, `{"<&>":"<&>"}`, `{"<&>":"<&>"}`},
		{"numbers stay as they are", `{"a":1e999}`, `{"b":[1e999],"c":1.0}`, `{"a":1e999,"b":[1e999],"c":1.0}`},
		{"the last of two equal keys counts", `{}`, `{"a":1,"a":2}`, `{"a":2}`},
	} {
		got, err := invite.MergeMetadata(json.RawMessage(row.base), json.RawMessage(row.patch))
		if err != nil || string(got) != row.want {
			t.Errorf("%s: got %s, %v; want %s", row.name, got, err, row.want)
		}
	}
}

// object draws a JSON object whose keys repeat often enough to meet.
func object(depth int) *rapid.Generator[map[string]any] {
	return rapid.Custom(func(t *rapid.T) map[string]any {
		m := make(map[string]any)
		for range rapid.IntRange(0, 4).Draw(t, "members") {
			key := rapid.SampledFrom([]string{"a", "b", "é", "<", "\u2028", ""}).Draw(t, "key")
			switch kind := rapid.IntRange(0, 4).Draw(t, "kind"); {
			case kind == 0:
				m[key] = nil
			case kind == 1 && depth > 0:
				m[key] = object(depth-1).Draw(t, "object")
			case kind == 2:
				m[key] = []any{nil, "x"}
			default:
				m[key] = rapid.SampledFrom([]any{true, 1.5, "text"}).Draw(t, "value")
			}
		}
		return m
	})
}

// mergeModel is the rule of contract §4.1 on decoded values.
func mergeModel(base, patch map[string]any) map[string]any {
	for key, value := range patch {
		change, isObject := value.(map[string]any)
		switch {
		case value == nil:
			delete(base, key)
		case isObject:
			old, _ := base[key].(map[string]any)
			if old == nil {
				old = make(map[string]any)
			}
			base[key] = mergeModel(old, change)
		default:
			base[key] = value
		}
	}
	return base
}

func TestMergeMetadataAgainstTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base, patch := object(3).Draw(t, "base"), object(3).Draw(t, "patch")
		baseJSON, patchJSON := encode(t, base), encode(t, patch)
		merged, err := invite.MergeMetadata(baseJSON, patchJSON)
		if err != nil {
			t.Fatalf("merging %s into %s: %v", patchJSON, baseJSON, err)
		}
		var got map[string]any
		if err := json.Unmarshal(merged, &got); err != nil {
			t.Fatalf("merging %s into %s gave %s: %v", patchJSON, baseJSON, merged, err)
		}
		if diff := cmp.Diff(mergeModel(base, patch), got); diff != "" {
			t.Errorf("merging %s into %s (-want +got):\n%s", patchJSON, baseJSON, diff)
		}
		if _, refused := invite.CheckMetadata("x", merged); refused != nil {
			t.Errorf("the merged %s is refused: %v", merged, refused)
		}
	})
}

// TestMergingDeepMetadataIsLinear holds the work to the size of the texts: it is done
// in a transaction that everybody waits for.
func TestMergingDeepMetadataIsLinear(t *testing.T) {
	bytes := func(depth int) int64 {
		deep := json.RawMessage(strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth))
		return testing.Benchmark(func(b *testing.B) {
			for b.Loop() {
				if merged, err := invite.MergeMetadata(deep, deep); err != nil || string(merged) != string(deep) {
					b.Fatal(string(merged), err)
				}
			}
		}).AllocedBytesPerOp()
	}
	if few, many := bytes(300), bytes(1200); many > 6*few {
		t.Errorf("four times as deep takes %d bytes instead of %d", many, few)
	}
}

func encode(t *rapid.T, v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestMetadataChange(t *testing.T) {
	public, private := json.RawMessage(`{"a":1}`), json.RawMessage(`{"b":1}`)
	change := invite.MetadataChange{Merge: true, Public: json.RawMessage(`{"c":2}`)}
	if err := change.Apply(&public, &private, nil); err != nil || string(public) != `{"a":1,"c":2}` || string(private) != `{"b":1}` {
		t.Errorf("merging: got %s and %s, %v", public, private, err)
	}
	change = invite.MetadataChange{Public: json.RawMessage(`{"c":2}`), Private: json.RawMessage(`null`)}
	if err := change.Apply(&public, &private, nil); err != nil || string(public) != `{"c":2}` || string(private) != `{}` {
		t.Errorf("replacing: got %s and %s, %v", public, private, err)
	}
	half := metadataOf(invite.MaxMetadata/2 + 100)
	public = json.RawMessage(strings.Replace(string(half), `"a"`, `"z"`, 1))
	change = invite.MetadataChange{Merge: true, Public: half}
	if err := change.Apply(&public, &private, nil); !errors.Is(err, invite.Err(invite.ParamTooLarge)) {
		t.Errorf("merging to more than the limit: got %v, want %s", err, invite.ParamTooLarge)
	}
}
