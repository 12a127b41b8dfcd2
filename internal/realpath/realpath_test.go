package realpath_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kv-sync/kv-sync/internal/realpath"
)

func TestPathsThatDoNotExist(t *testing.T) {
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	at := func(parts ...string) string { return filepath.Join(append([]string{top}, parts...)...) }
	if err := os.MkdirAll(at("real", "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at("real", "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", at("link")); err != nil {
		t.Skip("this system has no symlinks: ", err)
	}
	for _, tt := range []struct{ path, resolved, folder string }{
		{at("real", "sub"), at("real", "sub"), at("real", "sub")},
		{at("link", "sub"), at("real", "sub"), at("link", "sub")},
		{at("link", "new", "page"), at("real", "new", "page"), at("link")},
		{at("real", "file"), at("real", "file"), at("real")},
		{at("real", "file", "below"), at("real", "file", "below"), at("real")},
		{string(filepath.Separator), string(filepath.Separator), string(filepath.Separator)},
	} {
		if got := realpath.Resolve(tt.path); got != tt.resolved {
			t.Errorf("%s resolves to %s, want %s", tt.path, got, tt.resolved)
		}
		if got := realpath.NearestFolder(tt.path); got != tt.folder {
			t.Errorf("the nearest folder of %s is %s, want %s", tt.path, got, tt.folder)
		}
	}
}
