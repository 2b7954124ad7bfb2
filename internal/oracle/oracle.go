// Package oracle checks responses against OpenAPI files: Clerk's published ones, and
// usher's own.
//
// The published files are data that tests read; they are not part of the repository. They are
// looked for in the folder named by USHER_SPECS, else in ../shared/specs beside the
// repository. Where the folder is missing, BAPI and FAPI return a nil *Spec, which
// finds fault with nothing, unless USHER_TEST_REQUIRE (a comma list) names "specs":
// then the test fails.
//
// The oracle judges the body only: required, unknown and null members, types and
// enums, as the operation documents them. It does not see values, ordering or headers
// other than Content-Type.
package oracle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/pb33f/jsonschema/v6"
	"github.com/pb33f/libopenapi"
	"github.com/pb33f/libopenapi-validator/config"
	"github.com/pb33f/libopenapi-validator/router"
	"github.com/pb33f/libopenapi-validator/schema_validation"
	"github.com/pb33f/libopenapi/datamodel/high/base"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
	"github.com/pb33f/libopenapi/orderedmap"
)

// Spec is one loaded OpenAPI file. A nil *Spec covers nothing and finds nothing.
// It is safe for concurrent use.
type Spec struct {
	doc     *v3.Document
	router  router.Router
	options *config.ValidationOptions

	mu      sync.Mutex                 // libopenapi resolves schemas on first use, without a lock
	schemas map[any]*jsonschema.Schema // by $ref, else by *base.SchemaProxy
}

var (
	bapi  = sync.OnceValues(func() (*Spec, error) { return find("bapi-2026-05-12.yml", os.Getenv) })
	fapi  = sync.OnceValues(func() (*Spec, error) { return find("fapi-2026-05-12.yml", os.Getenv) })
	hook  = sync.OnceValues(func() (*Spec, error) { return find("webhooks-2025-04-15.yml", os.Getenv) })
	back  = sync.OnceValues(func() (*Spec, error) { return described("openapi.yaml") })
	front = sync.OnceValues(func() (*Spec, error) { return described("frontend.yaml") })
)

func described(file string) (*Spec, error) {
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	return load(filepath.Join(root, "api", file))
}

// BAPI returns the Backend API's specification, loaded once per process. It is nil
// when the folder of specifications is absent and not required; every other trouble
// ends the test.
func BAPI(t testing.TB) *Spec {
	t.Helper()
	return must(t, bapi)
}

// FAPI returns the Frontend API's specification, on the same terms as BAPI.
func FAPI(t testing.TB) *Spec {
	t.Helper()
	return must(t, fapi)
}

// Own returns our description of what is served to back ends, api/openapi.yaml of
// this module.
func Own(t testing.TB) *Spec {
	t.Helper()
	return must(t, back)
}

// OwnFrontend returns our description of what is served to browsers,
// api/frontend.yaml of this module.
func OwnFrontend(t testing.TB) *Spec {
	t.Helper()
	return must(t, front)
}

// Webhooks returns the specification of webhook payloads, on the same terms as BAPI.
// It has no operations; see CheckSchema.
func Webhooks(t testing.TB) *Spec {
	t.Helper()
	return must(t, hook)
}

func must(t testing.TB, load func() (*Spec, error)) *Spec {
	t.Helper()
	spec, err := load()
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// load reads an OpenAPI file. Schemas are compiled when first needed: the whole
// Backend API takes two seconds, the handful of operations that a test meets, none.
func load(file string) (*Spec, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if text, err = spellNull(text); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	document, err := libopenapi.NewDocument(text)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	model, err := document.BuildV3Model()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	return &Spec{
		doc: &model.Model,
		// Tests answer on a loopback address, so only the path of the documented
		// server counts; it carries the /v1.
		router:  router.NewRouter(&model.Model, router.WithPathOnlyMatching()),
		options: config.NewValidationOptions(config.WithFormatAssertions()),
		schemas: map[any]*jsonschema.Schema{},
	}, nil
}

// spellNull rewrites each schema that is nullable and composed of others into "null or
// the rest": the library understands the keyword beside a type alone, and takes
// null for a mistake where a nullable schema refers to a nullable one.
func spellNull(text []byte) ([]byte, error) {
	var document any
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	var spell func(any) any
	spell = func(v any) any {
		switch v := v.(type) {
		case []any:
			for i := range v {
				v[i] = spell(v[i])
			}
		case map[string]any:
			for name := range v {
				v[name] = spell(v[name])
			}
			if v["nullable"] == true && (v["oneOf"] != nil || v["anyOf"] != nil || v["allOf"] != nil) {
				delete(v, "nullable")
				return map[string]any{"anyOf": []any{map[string]any{"nullable": true, "enum": []any{nil}}, v}}
			}
		}
		return v
	}
	return json.Marshal(spell(document))
}

// Covered reports whether the specification documents the request's operation.
func (s *Spec) Covered(req *http.Request) bool {
	return s.operation(req) != nil
}

func (s *Spec) operation(req *http.Request) *v3.Operation {
	// The router answers HEAD with the GET operation, whose body HEAD does not have.
	if s == nil || req.Method == http.MethodHead {
		return nil
	}
	if method := req.URL.Query().Get("_method"); req.Method == http.MethodPost && method != "" {
		req = req.Clone(req.Context()) // contract §5.2
		req.Method = method
	}
	route, err := s.router.FindRoute(req)
	if err != nil {
		return nil
	}
	return route.Operation
}

// Check returns what is wrong with a response to req, sorted, each as one line that
// names the place in the body; nothing is wrong with the response to an operation that
// is not covered. An error status which the operation does not list must carry the
// error envelope, because 401, 413, 415 and 429 are listed almost nowhere and yet
// every client reads them (contract §2.1); any other unlisted status is a violation.
func (s *Spec) Check(req *http.Request, status int, header http.Header, body []byte) []string {
	op := s.operation(req)
	if op == nil {
		return nil
	}
	response := op.Responses.Codes.GetOrZero(strconv.Itoa(status))
	if response == nil {
		if status < 400 {
			return []string{fmt.Sprintf("status %d is not documented for %s", status, op.OperationId)}
		}
		envelope := s.doc.Components.Schemas.GetOrZero("ClerkErrors")
		if envelope == nil {
			envelope = s.doc.Components.Schemas.GetOrZero("Errors")
		}
		return s.validate(envelope, body)
	}
	if orderedmap.Len(response.Content) == 0 {
		return nil
	}
	mediaType, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return []string{fmt.Sprintf("Content-Type %q: %v", header.Get("Content-Type"), err)}
	}
	media := response.Content.GetOrZero(mediaType)
	switch {
	case media == nil:
		return []string{fmt.Sprintf("Content-Type %s is not documented for %s %d", mediaType, op.OperationId, status)}
	case media.Schema == nil || mediaType != "application/json":
		return nil
	}
	return s.validate(media.Schema, body)
}

// CheckSchema returns what is wrong with a body that should follow the named schema,
// as Check does.
func (s *Spec) CheckSchema(name string, body []byte) []string {
	if s == nil {
		return nil
	}
	schema := s.doc.Components.Schemas.GetOrZero(name)
	if schema == nil {
		return []string{"the specification has no schema " + name}
	}
	return s.validate(schema, body)
}

func (s *Spec) validate(proxy *base.SchemaProxy, body []byte) []string {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return []string{fmt.Sprintf("body is not JSON: %v", err)}
	}
	schema, err := s.schema(proxy)
	if err != nil {
		return []string{err.Error()}
	}
	err = schema.Validate(value)
	if err == nil {
		return nil
	}
	// The first line names the schema's address inside the library.
	_, places, _ := strings.Cut(err.Error(), "\n")
	var violations []string
	for line := range strings.Lines(places) {
		violations = append(violations, strings.TrimPrefix(strings.TrimSpace(line), "- "))
	}
	slices.Sort(violations)
	return violations
}

// schema compiles by hand what the validator's ResponseBodyValidator would: that one
// lets the body null pass for every schema, and null is a mistake usher must notice.
func (s *Spec) schema(proxy *base.SchemaProxy) (*jsonschema.Schema, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// Compiling takes some 20 ms, and hundreds of responses refer to ClerkErrors.
	var key any = proxy
	if proxy.IsReference() {
		key = proxy.GetReference()
	}
	if schema, ok := s.schemas[key]; ok {
		return schema, nil
	}
	version := float32(3.0) // in which nullable is a keyword
	if strings.HasPrefix(s.doc.Version, "3.1") {
		version = 3.1
	}
	compiled, err := schema_validation.CompileSchemaForValidation(proxy.Schema(),
		schema_validation.SchemaValidationPurposeResponseBody, s.options, version)
	if err != nil {
		return nil, fmt.Errorf("compiling schema %s: %w", proxy.GetReference(), err)
	}
	s.schemas[key] = compiled.CompiledSchema
	return compiled.CompiledSchema, nil
}
