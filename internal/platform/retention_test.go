package platform

import (
	"context"
	"fmt"
	"net/http"
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
	s, err := Open(Options{Dir: dir, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(context.Background()) //nolint:errcheck // the folder is temporary
	code := func(i int) string { return fmt.Sprintf("export default { fetch: () => new Response(%d) }", i) }
	putWorker(s, "other", code(0)) // it has the same module as the first version
	const versions = maxVersions + 20
	for i := range versions {
		switch i {
		case maxVersions: // modules that are too new to be removed
			setUploadTime(t, dir, time.Now().Add(time.Hour))
		case versions - 1:
			setUploadTime(t, dir, time.Now().Add(-time.Hour))
		}
		if answer := putWorker(s, "s", code(i)); !strings.Contains(answer, `"success":true`) {
			t.Fatal(answer)
		}
	}
	s.mu.Lock()
	sc := s.accounts["0123456789abcdef0123456789abcdef"].scripts["s"]
	kept, deployments, newest := len(sc.Versions), len(sc.Deployments), sc.latest().Number
	oldest := sc.Versions[0]
	s.mu.Unlock()
	if kept != maxVersions || deployments != maxDeployments || newest != versions || oldest.Number != 21 {
		t.Errorf("%d versions are kept from %d to %d, with %d deployments", kept, oldest.Number, newest, deployments)
	}
	if _, err := os.Stat(s.moduleFile(oldest.Modules[0])); err != nil {
		t.Errorf("a kept version has no module: %v", err)
	}
	modules, err := filepath.Glob(filepath.Join(dir, "modules", "*"))
	// Only the module of the last dropped version is removed. The modules of the others were
	// too new when the versions were dropped.
	if err != nil || len(modules) != versions-1 {
		t.Errorf("%d modules are left of %d, %v", len(modules), versions, err)
	}
	for script, want := range map[string]string{"other": "0", "s": fmt.Sprint(versions - 1)} {
		res, err := http.Get(s.SiteURL(script))
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 10)
		n, _ := res.Body.Read(b)
		_ = res.Body.Close()
		if string(b[:n]) != want {
			t.Errorf("%s answers %q", script, b[:n])
		}
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
