package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// notInherited has all sections that environments do not inherit, with values of production,
// and one that they inherit.
const notInherited = `{"name": "shop", "compatibility_date": "2026-01-01", "limits": {"cpu_ms": 20},
	"vars": {"API": "https://production.example"},
	"define": {"MODE": "\"production\""},
	"secrets": {"required": ["PRODUCTION_KEY"]},
	"kv_namespaces": [{"binding": "KV", "id": "1"}],
	"r2_buckets": [{"binding": "R2", "bucket_name": "production"}],
	"d1_databases": [{"binding": "DB", "database_id": "production"}],
	"durable_objects": {"bindings": [{"name": "ROOM", "class_name": "Room"}]},
	"queues": {"producers": [{"binding": "QUEUE", "queue": "production"}]},
	"services": [{"binding": "PAY", "service": "production"}],
	"tail_consumers": [{"service": "production"}],
	"unsafe": {"bindings": [{"name": "U", "type": "u"}]},
	"ai": {"binding": "AI"},
	"env": {"staging": {}}}`

// An environment inherits the same sections as with wrangler. A variable, a database or a
// secret of production would do harm in staging.
func TestEnvironmentInheritance(t *testing.T) {
	t.Parallel()
	root := project(t, siteFiles(map[string]string{"wrangler.json": notInherited}))
	production, _ := mustLoad(t, Inputs{Root: root})
	w := production.Worker
	if len(w.Bindings) != 9 || len(w.Settings) != 2 || len(production.RequiredSecrets) != 1 ||
		len(production.Code.Define) != 1 {
		t.Fatalf("production has %v, %v, %v, %v", w.Bindings, w.Settings, production.RequiredSecrets, production.Code.Define)
	}
	staging, notices := mustLoad(t, Inputs{Root: root, Flags: map[string]string{"env": "staging"}})
	for _, b := range staging.Worker.Bindings {
		t.Errorf("staging has the binding %s", b.Name)
	}
	if len(staging.RequiredSecrets) > 0 || len(staging.Code.Define) > 0 {
		t.Errorf("staging has %v, %v", staging.RequiredSecrets, staging.Code.Define)
	}
	settings := map[string]string{}
	for name, value := range staging.Worker.Settings {
		settings[name] = strings.ReplaceAll(string(value), " ", "")
	}
	if d := cmp.Diff(map[string]string{"limits": `{"cpu_ms":20}`}, settings); d != "" {
		t.Errorf("the settings of all environments (-want +got):\n%s", d)
	}
	if staging.Name != "shop-staging" {
		t.Errorf("staging is deployed to %s", staging.Name)
	}
	count := 0
	for _, n := range notices {
		if strings.Contains(n.Reason, "is not inherited") {
			count++
		}
	}
	if count != 12 {
		t.Errorf("%d sections are reported as not inherited: %v", count, notices)
	}
}
