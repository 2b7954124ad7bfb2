package api_test

import (
	"strings"
	"testing"

	"usher/api"
)

func TestTheDescriptionsAreWhole(t *testing.T) {
	for name, description := range map[string][]byte{"back ends": api.Backend, "browsers": api.Frontend} {
		t.Run(name, func(t *testing.T) { checkWhole(t, description) })
	}
}

func checkWhole(t *testing.T, description []byte) {
	d, err := api.Parse(description)
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, o := range d.Objects {
		named[o.Name] = true
	}
	ids := map[string]bool{}
	for _, g := range d.Groups {
		if len(g.Operations) == 0 || g.Description == "" {
			t.Errorf("%s has no operation or no description", g.Name)
		}
		for _, o := range g.Operations {
			where := o.Method + " " + o.Path
			if o.ID == "" || ids[o.ID] || o.Summary == "" || strings.HasSuffix(o.Summary, ".") {
				t.Errorf("%s: id %q must be there once, and a summary without a full stop: %q", where, o.ID, o.Summary)
			}
			ids[o.ID] = true
			for _, f := range o.Parameters {
				if f.Name == "" || f.In == "" || f.Type == "" || f.Description == "" {
					t.Errorf("%s: parameter %+v lacks something", where, f)
				}
			}
			if len(o.Answers) == 0 || !strings.ContainsRune("23", rune(o.Answers[0].Status[0])) {
				t.Errorf("%s: success comes first, got %+v", where, o.Answers)
			}
			for _, a := range o.Answers {
				if a.Description == "" || a.Object != "" && !named[a.Object] {
					t.Errorf("%s: answer %+v", where, a)
				}
			}
		}
	}
	if len(ids) == 0 || len(named) == 0 {
		t.Fatal("nothing is described")
	}
}
