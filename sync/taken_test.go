package kvsync_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// The manifest is a module of the version. No other module may have its name.
func TestModuleNameTaken(t *testing.T) {
	t.Parallel()
	w := start(t)
	mine := script
	mine.Modules = append(slices.Clone(script.Modules), cloud.Module{Name: cloud.ModuleManifest,
		Type: "application/octet-stream", Content: []byte("theirs")})
	_, err := w.engine().Deploy(t.Context(), history(one)[0], mine, plan.Options{})
	wantFound(t, err, finding.CaseModuleTaken)
	if w.live() != nil {
		t.Error("something went live")
	}
}

// A site has an overlay exactly if it has the companion's code.
func TestOverlayWantsItsCompanion(t *testing.T) {
	t.Parallel()
	for overlay, worker := range map[bool]cloud.Worker{true: script, false: overlaid(script)} {
		w := start(t)
		w.config.Serving.Overlay = overlay
		if _, err := w.engine().Deploy(t.Context(), history(one)[0], worker, plan.Options{}); err == nil ||
			!strings.Contains(err.Error(), "companion") {
			t.Errorf("overlay %v: %v", overlay, err)
		}
		if w.live() != nil {
			t.Errorf("overlay %v: something went live", overlay)
		}
	}
}
