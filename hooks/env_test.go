package hooks

import (
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestReadEnvAndEnvFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "blog.env")
	put := func(text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	put("# of the blog\r\nCLOUDFLARE_API_TOKEN=t0k=en\r\n\n KV_SYNC_NAME=\"blog\" \nCLOUDFLARE_ACCOUNT_ID='0123'\n"+
		"KV_SYNC_DIR=my site\n", 0o600)
	got, err := ReadEnv(name)
	if want := map[string]string{"CLOUDFLARE_API_TOKEN": "t0k=en", "KV_SYNC_NAME": "blog", "CLOUDFLARE_ACCOUNT_ID": "0123",
		"KV_SYNC_DIR": "my site"}; err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"geheim", "export CLOUDFLARE_API_TOKEN=geheim", "PATH=geheim",
		"CLOUDFLARE_API_TOKEN =geheim", "=geheim", "CLOUDFLARE_API_TOKEN=geh\x00eim"} {
		put("\n"+bad+"\n", 0o600)
		if _, err := ReadEnv(name); err == nil || !strings.Contains(err.Error(), "blog.env:2:") ||
			strings.Contains(err.Error(), "geheim") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	put(strings.Repeat("#", maxEnv+1), 0o600)
	if _, err := ReadEnv(name); err == nil || !strings.Contains(err.Error(), "64 KiB") {
		t.Errorf("a large file: %v", err)
	}
	if runtime.GOOS != "windows" {
		for _, mode := range []os.FileMode{0o604, 0o640, 0o620, 0o602} {
			put("CLOUDFLARE_API_TOKEN=x", mode)
			if _, err := ReadEnv(name); err == nil || !strings.Contains(err.Error(), "chmod 600") {
				t.Errorf("mode %o: %v", mode, err)
			}
		}
	}
	if _, err := ReadEnv(dir); err == nil {
		t.Error("a folder was read")
	}
	r := &Repository{Top: dir, CommonDir: filepath.Join(dir, ".git")}
	put("CLOUDFLARE_API_TOKEN=x", 0o600)
	if _, err := r.EnvFile(name); err == nil || !strings.Contains(err.Error(), "is in the repository") {
		t.Errorf("in the work tree: %v", err)
	}
	r = &Repository{CommonDir: filepath.Join(dir, "bare.git")}
	if abs, err := r.EnvFile(name); err != nil || abs != name {
		t.Errorf("beside a bare repository: %s, %v", abs, err)
	}
}
