package platform_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/platform"
)

// counterWorker is a Worker with a Durable Object class. It responds with the number of calls
// of the object that its binding C refers to.
func counterWorker(class string) part {
	return part{"main.mjs", esm, `
import { DurableObject } from "cloudflare:workers";
export class ` + class + ` extends DurableObject {
	async next() { const n = (await this.ctx.storage.get("n") ?? 0) + 1; await this.ctx.storage.put("n", n); return n; }
}
export default { async fetch(r, env) { return new Response(String(await env.C.get(env.C.idFromName("x")).next())); } }`}
}

var caller = part{"main.mjs", esm,
	`export default { async fetch(r, env) { ` +
		`return new Response(String(await env.C.get(env.C.idFromName("x")).next())); } }`}

// objects returns metadata with a binding C to a class and a migration. script is the script
// that has the class, if it is another one.
func objects(class, script, migration string) string {
	bound := `{"name":"C","type":"durable_object_namespace","class_name":"` + class + `"`
	if script != "" {
		bound += `,"script_name":"` + script + `"`
	}
	if migration != "" {
		migration = `,"migrations":{` + migration + `}`
	}
	return metadata(`,"bindings":[` + bound + `}]` + migration)
}

// After a class was renamed or transferred, its objects and the bindings to it are still valid,
// also after a restart of the platform.
func TestObjectsSurviveRenamesAndTransfers(t *testing.T) {
	dir := t.TempDir()
	open := func() *client { return start(t, withStartCheck, func(o *platform.Options) { o.Dir = dir }) }
	c := open()
	reopen := func() {
		t.Helper()
		if err := c.Server.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		c = open()
	}
	c.put("one", objects("A", "", `"new_tag":"v1","steps":[{"new_sqlite_classes":["A"]}]`), counterWorker("A"))
	c.put("user", objects("A", "one", ""), caller)
	c.wantBody("one", "/", "1")
	c.wantBody("user", "/", "2")
	reopen()

	c.put("one", objects("B", "", `"old_tag":"v1","new_tag":"v2","steps":[{"renamed_classes":[{"from":"A","to":"B"}]}]`),
		counterWorker("B"))
	c.wantBody("one", "/", "3")
	c.wantBody("user", "/", "4") // the binding has the old name
	reopen()
	c.wantBody("user", "/", "5")

	c.put("two", objects("Z", "",
		`"new_tag":"t1","steps":[{"transferred_classes":[{"from":"B","from_script":"one","to":"Z"}]}]`), counterWorker("Z"))
	c.wantBody("two", "/", "6")
	c.wantBody("user", "/", "7")
	c.wantBody("one", "/", "8") // the binding of the former owner is still valid
	reopen()
	c.wantBody("one", "/", "9")

	var list []struct {
		Script, Class string
		SQLite        bool `json:"use_sqlite"`
	}
	c.want("GET", "/workers/durable_objects/namespaces", "", &list)
	if len(list) != 1 || list[0].Script != "two" || list[0].Class != "Z" || !list[0].SQLite {
		t.Errorf("namespaces: %+v", list)
	}
}

func TestDeletedClassesAreRemovedFromDisk(t *testing.T) {
	dir := t.TempDir()
	c := start(t, func(o *platform.Options) { o.Dir = dir })
	folders := func() int {
		found, err := filepath.Glob(filepath.Join(dir, "objects", "*", "*"))
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	c.put("s", objects("A", "", `"new_tag":"v1","new_classes":["A"]`), counterWorker("A"))
	c.wantBody("s", "/", "1")
	c.wantBody("s", "/", "2")
	c.put("s", metadata(`,"migrations":{"old_tag":"v1","new_tag":"v2","deleted_classes":["A"]}`), respondWith("none"))
	c.wantBody("s", "/", "none")
	if n := folders(); n != 0 {
		t.Errorf("%d folders of a deleted class are left", n)
	}
	c.put("s", objects("A", "", `"old_tag":"v2","new_tag":"v3","new_classes":["A"]`), counterWorker("A"))
	c.wantBody("s", "/", "1")
	c.want("DELETE", "/workers/scripts/s", "", nil)
	if n := folders(); n != 0 {
		t.Errorf("%d folders of a deleted script are left", n)
	}
	if left, err := os.ReadDir(filepath.Join(dir, "objects")); err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
}

func TestRefusedMigrations(t *testing.T) {
	c := start(t, withStartCheck)
	c.put("s", objects("A", "", `"new_tag":"v1","new_sqlite_classes":["A","B"]`),
		part{"main.mjs", esm, counterWorker("A").content + "\nexport class B extends DurableObject {}"})
	for migration, code := range map[string]int{
		`"new_classes":["A"]`:                                                            10074,
		`"deleted_classes":["X"]`:                                                        10075,
		`"renamed_classes":[{"from":"X","to":"Y"}]`:                                      10076,
		`"renamed_classes":[{"from":"A","to":"B"}]`:                                      10074,
		`"transferred_classes":[{"from":"A","from_script":"none","to":"Y"}]`:             10077,
		`"transferred_classes":[{"from":"A","from_script":"s","to":"Y"}]`:                10077,
		`"new_classes":["A2"],"deleted_classes":["A2"],"renamed_classes":[{"from":"A"}]`: 10021,
	} {
		if a := c.upload("PUT", "/workers/scripts/s", objects("A", "", `"old_tag":"v1","new_tag":"v2",`+migration),
			counterWorker("A")); a.code() != code {
			t.Errorf("%s: want code %d, got %s", migration, code, a.Raw)
		}
	}
	if a := c.upload("PUT", "/workers/scripts/s", objects("A", "", ""), counterWorker("A")); a.code() != 10064 ||
		!strings.Contains(a.Raw, `\"B\"`) {
		t.Errorf("a class that is no longer exported: %s", a.Raw)
	}
	if a := c.upload("PUT", "/workers/scripts/s", objects("A", "",
		`"old_tag":"v1","new_tag":"v2","deleted_classes":["B"],"new_sqlite_classes":["D"]`),
		counterWorker("A")); a.code() != 10070 || !strings.Contains(a.Raw, `\"D\"`) {
		t.Errorf("a new class that is not exported: %s", a.Raw)
	}
	if a := c.upload("POST", "/workers/scripts/s/versions", objects("A", "", ""), counterWorker("A")); a.code() != 10064 {
		t.Errorf("a version without a class: %s", a.Raw)
	}
	c.wantBody("s", "/", "1") // the refused uploads have no effect
}
