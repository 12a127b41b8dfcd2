package platform_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/platform"
)

// counts is a Worker whose class, or another script's class, counts its calls.
func counts(class string) part {
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

// objects is metadata with a binding C to a class, perhaps of another script, and a
// migration.
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

// Objects and bindings follow their class through renames and transfers. The platform is
// opened again after each.
func TestObjectsFollowTheirClass(t *testing.T) {
	dir := t.TempDir()
	open := func() *client { return start(t, checking, func(o *platform.Options) { o.Dir = dir }) }
	c := open()
	again := func() {
		t.Helper()
		if err := c.Server.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		c = open()
	}
	c.put("one", objects("A", "", `"new_tag":"v1","steps":[{"new_sqlite_classes":["A"]}]`), counts("A"))
	c.put("user", objects("A", "one", ""), caller)
	c.visits("one", "/", "1")
	c.visits("user", "/", "2")
	again()

	c.put("one", objects("B", "", `"old_tag":"v1","new_tag":"v2","steps":[{"renamed_classes":[{"from":"A","to":"B"}]}]`),
		counts("B"))
	c.visits("one", "/", "3")
	c.visits("user", "/", "4") // bound by the old name
	again()
	c.visits("user", "/", "5")

	c.put("two", objects("Z", "",
		`"new_tag":"t1","steps":[{"transferred_classes":[{"from":"B","from_script":"one","to":"Z"}]}]`), counts("Z"))
	c.visits("two", "/", "6")
	c.visits("user", "/", "7")
	c.visits("one", "/", "8") // its binding follows too
	again()
	c.visits("one", "/", "9")

	var list []struct {
		Script, Class string
		SQLite        bool `json:"use_sqlite"`
	}
	c.want("GET", "/workers/durable_objects/namespaces", "", &list)
	if len(list) != 1 || list[0].Script != "two" || list[0].Class != "Z" || !list[0].SQLite {
		t.Errorf("namespaces: %+v", list)
	}
}

func TestDeletedClassesLeaveNothing(t *testing.T) {
	dir := t.TempDir()
	c := start(t, func(o *platform.Options) { o.Dir = dir })
	folders := func() int {
		found, err := filepath.Glob(filepath.Join(dir, "objects", "*", "*"))
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	c.put("s", objects("A", "", `"new_tag":"v1","new_classes":["A"]`), counts("A"))
	c.visits("s", "/", "1")
	c.visits("s", "/", "2")
	c.put("s", metadata(`,"migrations":{"old_tag":"v1","new_tag":"v2","deleted_classes":["A"]}`), says("none"))
	c.visits("s", "/", "none")
	if n := folders(); n != 0 {
		t.Errorf("%d folders of a deleted class are left", n)
	}
	c.put("s", objects("A", "", `"old_tag":"v2","new_tag":"v3","new_classes":["A"]`), counts("A"))
	c.visits("s", "/", "1")
	c.want("DELETE", "/workers/scripts/s", "", nil)
	if n := folders(); n != 0 {
		t.Errorf("%d folders of a deleted script are left", n)
	}
	if left, err := os.ReadDir(filepath.Join(dir, "objects")); err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
}

func TestMigrationsThatAreRefused(t *testing.T) {
	c := start(t, checking)
	c.put("s", objects("A", "", `"new_tag":"v1","new_sqlite_classes":["A","B"]`),
		part{"main.mjs", esm, counts("A").content + "\nexport class B extends DurableObject {}"})
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
			counts("A")); a.code() != code {
			t.Errorf("%s: want code %d, got %s", migration, code, a.Raw)
		}
	}
	if a := c.upload("PUT", "/workers/scripts/s", objects("A", "", ""), counts("A")); a.code() != 10064 ||
		!strings.Contains(a.Raw, `\"B\"`) {
		t.Errorf("a class that is not exported any more: %s", a.Raw)
	}
	if a := c.upload("PUT", "/workers/scripts/s", objects("A", "",
		`"old_tag":"v1","new_tag":"v2","deleted_classes":["B"],"new_sqlite_classes":["D"]`),
		counts("A")); a.code() != 10070 || !strings.Contains(a.Raw, `\"D\"`) {
		t.Errorf("a new class that is not exported: %s", a.Raw)
	}
	if a := c.upload("POST", "/workers/scripts/s/versions", objects("A", "", ""), counts("A")); a.code() != 10064 {
		t.Errorf("a version without a class: %s", a.Raw)
	}
	c.visits("s", "/", "1") // what was refused changed nothing
}
