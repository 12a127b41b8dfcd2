package bundle

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/workerd"
)

// The table has the modules that workerd has, from the same dates.
func TestNodeModuleTable(t *testing.T) {
	t.Parallel()
	path, err := workerd.Find(t.Context(), t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	var names, from, before []string
	for _, m := range nodeModules {
		since := m.since
		if since == "" {
			since = "2022-11-30"
		}
		day, err := time.Parse(time.DateOnly, since)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range strings.Fields(m.names) {
			names = append(names, name)
			from = append(from, since)
			before = append(before, day.AddDate(0, 0, -1).Format(time.DateOnly))
		}
	}
	present := func(dates []string) []bool {
		t.Helper()
		var config strings.Builder
		config.WriteString("using Workerd = import \"/workerd/workerd.capnp\";\n" +
			"const config :Workerd.Config = (services = [\n")
		for i, name := range names {
			fmt.Fprintf(&config, `(name = "s%d.", worker = (compatibilityDate = "%s", compatibilityFlags = ["nodejs_compat"],
				modules = [(name = "w.js", esModule = "import * as m from 'node:%s'; export default { test() {} }")])),`,
				i, dates[i], name)
		}
		config.WriteString("]);")
		file := filepath.Join(t.TempDir(), "config.capnp")
		if err := os.WriteFile(file, []byte(config.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		// Its status is an error if one module does not exist.
		out, _ := exec.CommandContext(t.Context(), path, "test", file).CombinedOutput()
		has := make([]bool, len(names))
		for i := range names {
			has[i] = true
			for line := range strings.Lines(string(out)) {
				if strings.Contains(line, fmt.Sprintf("service s%d.:", i)) && strings.Contains(line, "No such module") {
					has[i] = false
				}
			}
		}
		return has
	}
	for i, has := range present(from) {
		if !has {
			t.Errorf("node:%s does not exist on %s", names[i], from[i])
		}
	}
	for i, has := range present(before) {
		if has && from[i] != "2022-11-30" {
			t.Errorf("node:%s exists before %s", names[i], from[i])
		}
	}
}
