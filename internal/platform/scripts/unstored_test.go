package scripts

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// If a version cannot be stored, the script is what is stored: the next start would find nothing
// else. Here nothing is, because a folder took the place of the script's file.
func TestUnstoredVersion(t *testing.T) {
	s := open(t, t.TempDir())
	puts := func(i int) bool {
		answer := put(s, "s", fmt.Sprintf("export default { fetch: () => new Response(%d) }", i))
		return strings.Contains(answer, `"success":true`)
	}
	if !puts(1) {
		t.Fatal("the first version was refused")
	}
	file := s.accountFile(account, "scripts", "s.json")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(file, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if puts(2) {
		t.Fatal("the second version was stored nowhere, and accepted")
	}
	if err := os.RemoveAll(file); err != nil {
		t.Fatal(err)
	}
	if !puts(3) {
		t.Fatal("the third version was refused")
	}
	if sc := s.accounts[account].Scripts["s"]; len(sc.Versions) != 1 || len(sc.Deployments) != 1 {
		t.Errorf("%d versions and %d deployments", len(sc.Versions), len(sc.Deployments))
	}
}
