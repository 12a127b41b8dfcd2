package workers

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/kv-sync/kv-sync/internal/platform/scripts"
)

// scriptWith returns a deployed script with one binding.
func scriptWith(name, binding string) *scripts.Script {
	var b scripts.Binding
	if err := json.Unmarshal([]byte(binding), &b); err != nil {
		panic(err)
	}
	v := &scripts.Version{ID: name + "-1", Bindings: []scripts.Binding{b}}
	return &scripts.Script{Name: name, Versions: []*scripts.Version{v},
		Deployments: []*scripts.Deployment{{Versions: []scripts.Share{{Version: v.ID, Percentage: 100}}}}}
}

// Workers that share a database or queues run in one process, because two processes cannot open
// the same files. Other Workers run in their own processes.
func TestGroups(t *testing.T) {
	a := &scripts.Account{ID: "account", Scripts: map[string]*scripts.Script{}}
	for name, binding := range map[string]string{
		"api": `{"name":"DB","type":"d1","id":"one"}`, "web": `{"name":"DATABASE","type":"d1","id":"one"}`,
		"shop": `{"name":"DB","type":"d1","id":"two"}`,
		"jobs": `{"name":"Q","type":"queue","queue_name":"a"}`, "mail": `{"name":"Q","type":"queue","queue_name":"b"}`,
		"blog": `{"name":"KV","type":"kv_namespace","namespace_id":"one"}`,
		"docs": `{"name":"OTHER","type":"service","service":"missing"}`,
		"home": `{"name":"OTHER","type":"service","service":"missing"}`,
	} {
		a.Scripts[name] = scriptWith(name, binding)
	}
	var got []string
	for _, p := range plans(a) {
		names := ""
		for _, m := range p.members {
			names += m.name + " "
		}
		got = append(got, names)
		if alone := names == "blog " || names == "docs " || names == "home "; p.stateful() == alone {
			t.Errorf("%s: stateful is %v", names, p.stateful())
		}
	}
	slices.Sort(got)
	if want := []string{"api web ", "blog ", "docs ", "home ", "jobs mail ", "shop "}; !slices.Equal(got, want) {
		t.Errorf("the groups are %q, want %q", got, want)
	}
}
