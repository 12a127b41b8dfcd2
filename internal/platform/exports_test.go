package platform_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// reconciled is the report of an upload with exports.
type reconciled struct {
	Created, Deleted []string
	Renamed          []struct{ From, To string }
	Transferred      []struct{ Class, Phase, To string }
	Pending          []struct{ Class, From string } `json:"transfer_pending"`
	Info             []struct{ Class, Scenario string }
	Removable        []string `json:"removable_entries"`
}

// declared returns metadata with a binding C to a class, if it is not "", and with exports.
func declared(bound, exports string) string {
	if bound != "" {
		bound = `,"bindings":[{"name":"C","type":"durable_object_namespace","class_name":"` + bound + `"}]`
	}
	return metadata(bound + `,"exports":{` + exports + `}`)
}

const live = `{"type":"durable-object","storage":"sqlite"}`

// reconcile uploads a script that must be accepted.
func (c *client) reconcile(script, metadata string, module part) (r reconciled) {
	c.t.Helper()
	a := c.upload("PUT", "/workers/scripts/"+script, metadata, module)
	var result struct {
		Reconciliation reconciled `json:"exports_reconciliation"`
	}
	if err := json.Unmarshal(a.Result, &result); err != nil || !a.Success {
		c.t.Fatalf("put %s: %s", script, a.Raw)
	}
	return result.Reconciliation
}

// scenario returns why exports are refused, for each class.
func (a *answer) scenario() string {
	var refusal struct {
		Errors []struct {
			Code int
			Meta struct {
				Details []struct{ Class, Scenario string }
			}
		}
	}
	_ = json.Unmarshal([]byte(a.Raw), &refusal) // other responses have no scenario
	var found []string
	for _, e := range refusal.Errors {
		for _, d := range e.Meta.Details {
			found = append(found, fmt.Sprintf("%d %s %s", e.Code, d.Class, d.Scenario))
		}
	}
	slices.Sort(found)
	return strings.Join(found, ", ")
}

// Objects of a class that exports declare survive renames and transfers, and end with a delete.
func TestExportsDeclareClasses(t *testing.T) {
	t.Parallel()
	c := start(t, withStartCheck)
	if r := c.reconcile("one", declared("A", `"A":`+live), counterWorker("A")); !slices.Equal(r.Created, []string{"A"}) {
		t.Errorf("created: %+v", r)
	}
	c.wantBody("one", "/", "1")
	r := c.reconcile("one", declared("A", `"A":`+live+`,"Entry":{"type":"worker"}`), counterWorker("A"))
	if r.Created == nil || len(r.Created) > 0 {
		t.Errorf("an unchanged upload: %+v", r)
	}
	c.wantBody("one", "/", "2")

	renamed := `"A":{"type":"durable-object","state":"renamed","renamed_to":"B"},"B":` + live
	if r := c.reconcile("one", declared("B", renamed), counterWorker("B")); len(r.Renamed) != 1 || len(r.Created) > 0 {
		t.Errorf("renamed: %+v", r)
	}
	c.wantBody("one", "/", "3")
	if r := c.reconcile("one", declared("B", renamed), counterWorker("B")); !slices.Equal(r.Removable, []string{"A"}) ||
		r.Info[0].Scenario != "stale_tombstone" {
		t.Errorf("an entry that does nothing: %+v", r)
	}

	expecting := `"B":{"type":"durable-object","state":"expecting-transfer","storage":"sqlite","transfer_from":"one"}`
	r = c.reconcile("two", declared("", expecting), counterWorker("B"))
	if len(r.Pending) != 1 || r.Pending[0].From != "one" {
		t.Errorf("pending: %+v", r)
	}
	sent := `"B":{"type":"durable-object","state":"transferred","transferred_to":"two"}`
	if r := c.reconcile("one", declared("", sent), respondWith("sent")); len(r.Transferred) != 1 ||
		r.Transferred[0].Phase != "committed" {
		t.Errorf("transferred: %+v", r)
	}
	c.reconcile("two", declared("B", `"B":`+live), counterWorker("B"))
	c.wantBody("two", "/", "4")

	if r := c.reconcile("two", declared("", `"B":{"type":"durable-object","state":"deleted"}`),
		respondWith("none")); !slices.Equal(r.Deleted, []string{"B"}) {
		t.Errorf("deleted: %+v", r)
	}
	c.reconcile("two", declared("B", `"B":`+live), counterWorker("B"))
	c.wantBody("two", "/", "1")
}

// A Worker reaches its classes through ctx.exports without a binding.
func TestExportsWithoutABinding(t *testing.T) {
	t.Parallel()
	c := start(t, withStartCheck)
	code := strings.ReplaceAll(counterWorker("A").content, "async fetch(r, env) {",
		"async fetch(r, _, ctx) { const env = { C: ctx.exports.A };")
	c.reconcile("s", declared("", `"A":`+live), part{"main.mjs", esm, code})
	c.wantBody("s", "/", "1")
}

// Exports are refused if a class would be created, lost or taken over without a declaration.
func TestRefusedExports(t *testing.T) {
	t.Parallel()
	c := start(t, withStartCheck)
	c.put("old", objects("A", "", `"new_tag":"v1","new_classes":["A"]`), counterWorker("A"))
	c.reconcile("s", declared("A", `"A":`+live), counterWorker("A"))
	c.put("user", objects("A", "s", ""), caller)
	c.wantBody("user", "/", "1")
	const path = "/workers/scripts/s"
	for name, refused := range map[string]struct{ exports, scenario string }{
		"no exports any more": {"", "100402 A provisioned_class_missing_from_config"},
		"another storage": {`"A":{"type":"durable-object","storage":"legacy-kv"}`,
			"100402 A storage_type_mismatch"},
		"a new class without SQLite": {`"A":` + live + `,"N":{"type":"durable-object","storage":"legacy-kv"}`,
			"100402 N storage_type_mismatch"},
		"a class that the code lacks": {`"A":` + live + `,"N":` + live, "100402 N config_export_not_in_code"},
		"a deleted class that another Worker uses": {`"A":{"type":"durable-object","state":"deleted"}`,
			"100402 A tombstone_delete_blocked_by_external_bindings"},
		"renamed to an undeclared class": {`"A":{"type":"durable-object","state":"renamed","renamed_to":"N"}`,
			"100402 A config_references_nonexistent_class"},
		"transferred to a missing Worker": {`"A":{"type":"durable-object","state":"transferred","transferred_to":"none"}`,
			"100402 A transferred_target_missing"},
		"transferred to a Worker that does not expect it": {
			`"A":{"type":"durable-object","state":"transferred","transferred_to":"old"}`,
			"100402 A transferred_pending_not_found"},
		"expected from a missing Worker": {`"A":` + live +
			`,"N":{"type":"durable-object","state":"expecting-transfer","storage":"sqlite","transfer_from":"none"}`,
			"100402 N phase_one_transfer_source_missing"},
		"expected from a Worker that lacks it": {`"A":` + live +
			`,"N":{"type":"durable-object","state":"expecting-transfer","storage":"sqlite","transfer_from":"old"}`,
			"100402 N phase_one_transfer_source_namespace_missing"},
		"an unknown state": {`"A":{"type":"durable-object","state":"lost"}`, "100402 A invalid_export"},
	} {
		a := c.upload("PUT", path, declared("", refused.exports), counterWorker("A"))
		if got := a.scenario(); got != refused.scenario {
			t.Errorf("%s: %q\n%s", name, got, a.Raw)
		}
	}
	for metadata, code := range map[string]int{
		declared("A", `"A":`+live+`},"migrations":{"new_tag":"v1"`): 10021, // both
		objects("A", "", `"new_tag":"v1","new_classes":["N"]`):      100402,
	} {
		if a := c.upload("PUT", path, metadata, counterWorker("A")); a.code() != code {
			t.Errorf("%s: %s", metadata, a.Raw)
		}
	}
	c.wantBody("user", "/", "2") // no refused upload had an effect
	// The classes of migrations can be declared as they are.
	c.reconcile("old", declared("A", `"A":{"type":"durable-object","storage":"legacy-kv"}`), counterWorker("A"))
	c.wantBody("old", "/", "1")
}

// The exports of a version take effect with its deployment, and no rollback undoes them.
func TestExportsOfAVersion(t *testing.T) {
	t.Parallel()
	c := start(t, withStartCheck)
	c.put("s", metadata(""), respondWith("first"))
	a := c.upload("POST", "/workers/scripts/s/versions", declared("A", `"A":`+live), counterWorker("A"))
	if a.code() != 100406 {
		t.Errorf("a binding to a class that does not exist: %s", a.Raw)
	}
	second := c.version("s", declared("", `"A":`+live), counterWorker("A"))
	namespaces := func() (list []struct{ Class string }) {
		t.Helper()
		c.want("GET", "/workers/durable_objects/namespaces", "", &list)
		return list
	}
	if list := namespaces(); len(list) != 0 {
		t.Errorf("an upload created %v", list)
	}
	c.deploy("s", second)
	if list := namespaces(); len(list) != 1 || list[0].Class != "A" {
		t.Errorf("a deployment created %v", list)
	}
	third := c.version("s", declared("A", `"A":`+live), counterWorker("A"))
	c.deploy("s", third)
	c.wantBody("s", "/", "1")
	c.want("PUT", "/workers/scripts/s/secrets", `{"name":"K","text":"v"}`, nil)
	c.wantBody("s", "/", "2")
	share := func(version string, percentage int) string {
		return fmt.Sprintf(`{"version_id":%q,"percentage":%d}`, version, percentage)
	}
	ids := c.versions("s")
	c.refused("POST", "/workers/scripts/s/deployments?force=true",
		`{"strategy":"percentage","versions":[`+share(ids[len(ids)-1], 100)+`]}`, 400, 10211)
	plain := c.version("s", declared("A", `"A":`+live+`,"Entry":{"type":"worker"}`), counterWorker("A"))
	both := c.version("s", declared("A", `"A":`+live+`,"B":{"type":"durable-object","state":"deleted"}`),
		counterWorker("A"))
	c.refused("POST", "/workers/scripts/s/deployments?force=true",
		`{"strategy":"percentage","versions":[`+share(plain, 50)+`,`+share(both, 50)+`]}`, 400, 100405)
	c.wantBody("s", "/", "3")
}

func TestWranglerDeploysExports(t *testing.T) {
	t.Parallel()
	w := startWrangler(t)
	config := func(class, exports string) {
		w.write("wrangler.json", `{"name":"s","main":"worker.js","compatibility_date":"2026-11-01",
			"durable_objects":{"bindings":[{"name":"C","class_name":"`+class+`"}]},"exports":{`+exports+`}}`)
		w.write("worker.js", counterWorker(class).content)
	}
	config("A", `"A":`+live)
	w.says([]string{"Created: A"}, "deploy")
	w.wantBody("s", "/", "1")
	config("B", `"A":{"type":"durable-object","state":"renamed","renamed_to":"B"},"B":`+live)
	w.says([]string{"Renamed: A → B"}, "deploy")
	w.wantBody("s", "/", "2")
	config("C", `"C":`+live)
	if out := w.with("", false, "deploy"); !strings.Contains(out, "provisioned_class_missing_from_config") {
		t.Errorf("a class that is left out: %s", out)
	}
	w.wantBody("s", "/", "3")
}
