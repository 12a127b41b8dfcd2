//go:build unix

package daemon_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/daemon"
	"github.com/kv-sync/kv-sync/internal/daemon/webhook"
)

// LoadConfig warns of a file of secrets that every user can read: the file and each folder
// above it allow that.
func TestFilesOfSecretsThatEverybodyReads(t *testing.T) {
	for name, tt := range map[string]struct {
		folder, file os.FileMode
		warned       bool
	}{
		"everybody":           {0o755, 0o644, true},
		"only its owner":      {0o755, 0o600, false},
		"a group":             {0o755, 0o640, false},
		"in a private folder": {0o700, 0o644, false},
	} {
		t.Run(name, func(t *testing.T) {
			top := t.TempDir()
			for dir := top; dir != os.TempDir() && strings.HasPrefix(dir, os.TempDir()); dir = filepath.Dir(dir) {
				if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // this is tested
					t.Fatal(err)
				}
			}
			if info, err := os.Stat(os.TempDir()); err != nil || info.Mode()&1 == 0 {
				t.Skip("the folder of temporary files is private")
			}
			folder := filepath.Join(top, "secrets")
			fill(t, folder, map[string]string{"token": "a secret of the test's\n"})
			fill(t, top, map[string]string{
				"daemon.toml": "[[site]]\nname = \"a\"\nremote = \"/r\"\ntoken-file = \"secrets/token\"\n"})
			for file, mode := range map[string]os.FileMode{filepath.Join(folder, "token"): tt.file, folder: tt.folder} {
				if err := os.Chmod(file, mode); err != nil {
					t.Fatal(err)
				}
			}
			cfg, err := daemon.LoadConfig(filepath.Join(top, "daemon.toml"), func(string) string { return "" },
				webhook.ForgeNames())
			if err != nil {
				t.Fatal(err)
			}
			if text := fmt.Sprint(cfg.Warnings); (len(cfg.Warnings) > 0) != tt.warned ||
				tt.warned && !strings.Contains(text, "every user of this machine can read secrets/token") {
				t.Errorf("warned of %s", text)
			}
		})
	}
}
