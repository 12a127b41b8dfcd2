package version

import (
	"slices"
	"testing"
)

// A deployment that forgot contents and is later than the target, by the list or by its
// id, is returned once.
func TestForgettersAfter(t *testing.T) {
	const early, late, later = "20261201-100000-00000001", "20261201-110000-00000002", "20261201-120000-00000003"
	forgets, not := &Meta{Forgets: true}, &Meta{}
	for name, c := range map[string]struct {
		newestFirst []Deployment
		target      string
		want        []string
	}{
		"after":             {[]Deployment{{ID: late, Meta: forgets}, {ID: early, Meta: not}}, early, []string{late}},
		"itself":            {[]Deployment{{ID: late, Meta: forgets}, {ID: early, Meta: not}}, late, nil},
		"before":            {[]Deployment{{ID: late, Meta: not}, {ID: early, Meta: forgets}}, late, nil},
		"another tool":      {[]Deployment{{Meta: nil}, {ID: early, Meta: not}}, early, nil},
		"not that anew":     {[]Deployment{{ID: late, Meta: not}, {ID: early, Meta: not}}, early, nil},
		"a clock was ahead": {[]Deployment{{ID: early, Meta: forgets}, {ID: late, Meta: not}}, late, []string{early}},
		"only the rollback": {[]Deployment{{ID: early, Meta: not}, {ID: late, Meta: forgets}}, early, []string{late}},
		"both, and each once": {[]Deployment{{ID: late, Meta: forgets}, {ID: later, Meta: forgets}, {ID: late, Meta: forgets},
			{ID: early, Meta: not}}, early, []string{later, late}},
		"activated again after it": {[]Deployment{{ID: early, Meta: not}, {ID: late, Meta: forgets}, {ID: early, Meta: not}},
			early, []string{late}},
	} {
		var got []string
		for _, d := range (&Past{Deployments: c.newestFirst}).ForgettersAfter(&Deployment{ID: c.target}) {
			got = append(got, d.ID)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
