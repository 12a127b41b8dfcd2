package scripts

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// After many deploys the oldest versions are dropped, with the modules that no other version
// uses. So the disk and the script's file do not fill up.
func TestOldVersionsAreDropped(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	code := func(i int) string { return fmt.Sprintf("export default { fetch: () => new Response(%d) }", i) }
	put(s, "other", code(0)) // it has the same module as the first version
	const versions = maxVersions + 20
	for i := range versions {
		switch i {
		case maxVersions: // modules that are too new to be removed
			setUploadTime(t, dir, time.Now().Add(time.Hour))
		case versions - 1:
			setUploadTime(t, dir, time.Now().Add(-time.Hour))
		}
		if answer := put(s, "s", code(i)); !strings.Contains(answer, `"success":true`) {
			t.Fatal(answer)
		}
	}
	s.mu.Lock()
	sc := s.accounts[account].Scripts["s"]
	kept, deployments, newest := len(sc.Versions), len(sc.Deployments), sc.latest().Number
	oldest := sc.Versions[0]
	s.mu.Unlock()
	if kept != maxVersions || deployments != maxDeployments || newest != versions || oldest.Number != 21 {
		t.Errorf("%d versions are kept from %d to %d, with %d deployments", kept, oldest.Number, newest, deployments)
	}
	if _, err := os.Stat(s.ModuleFile(oldest.Modules[0])); err != nil {
		t.Errorf("a kept version has no module: %v", err)
	}
	modules, err := filepath.Glob(filepath.Join(dir, "modules", "*"))
	// Only the module of the last dropped version is removed. The modules of the others were
	// too new when the versions were dropped.
	if err != nil || len(modules) != versions-1 {
		t.Errorf("%d modules are left of %d, %v", len(modules), versions, err)
	}
	if _, err := os.Stat(s.ModuleFile(s.accounts[account].Scripts["other"].Versions[0].Modules[0])); err != nil {
		t.Errorf("a module that another script uses was removed: %v", err)
	}
}

// setUploadTime sets the time at which the modules in a folder were uploaded.
func setUploadTime(t *testing.T, dir string, at time.Time) {
	t.Helper()
	modules, err := filepath.Glob(filepath.Join(dir, "modules", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range modules {
		if err := os.Chtimes(m, at, at); err != nil {
			t.Fatal(err)
		}
	}
}
