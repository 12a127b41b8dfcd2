package kvsync_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// Promise 13: the code of a customer can read its own variables, but nothing about how the platform
// stores it.
func TestProjectEnvHasNothingOfOurs(t *testing.T) {
	t.Parallel()
	w := startProject(t)
	mine := script
	mine.Bindings = []cloud.Binding{
		{Name: "MODE", Type: "plain_text", Fields: map[string]json.RawMessage{"text": json.RawMessage(`"a"`)}},
		{Name: "LIST", Type: "json", Fields: map[string]json.RawMessage{"json": json.RawMessage(`[1]`)}},
	}
	if _, err := w.engine().Deploy(t.Context(), history(one)[0], mine, plan.Options{}); err != nil {
		t.Fatal(err)
	}
	env := w.running("env").(map[string]any)
	if names := slices.Sorted(maps.Keys(env)); !slices.Equal(names, []string{"LIST", "MODE"}) {
		t.Errorf("its env has %v", names)
	}
}

// A module type that a loader does not know is refused before anything goes live.
func TestProjectModuleOfAnotherType(t *testing.T) {
	t.Parallel()
	w := startProject(t)
	mine := script
	mine.Modules = append(slices.Clone(script.Modules), cloud.Module{Name: "x.py", Type: "text/x-python",
		Content: []byte("pass")})
	if _, err := w.engine().Deploy(t.Context(), history(one)[0], mine, plan.Options{}); err == nil {
		t.Error("it was deployed")
	}
	if w.current("shop") != nil {
		t.Error("something is live")
	}
}
