package source

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Ignored reports exactly the directories that a listing does not enter.
func TestIgnoredAsListed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		options                    Options
		leastEntered, leastIgnored int
	}{{Options{}, 8, 5}, {Options{GitIgnore: true}, 5, 8}, {Options{GitIgnore: true, PlainIgnore: true}, 4, 9}} {
		checkIgnored(t, c.options, c.leastEntered, c.leastIgnored)
	}
}

func checkIgnored(t *testing.T, options Options, leastEntered, leastIgnored int) {
	t.Helper()
	root := t.TempDir()
	folder := filepath.Join(root, "public")
	for name, text := range map[string]string{
		".gitignore":                    "public/\npublic/parent/\n",
		"public/.gitignore":             "built/\n/top/\n",
		"public/.assetsignore":          "drafts\n!.shown\n",
		"public/node_modules/a/x":       "",
		"public/.git/x":                 "",
		"public/.hidden/x":              "",
		"public/.shown/x":               "",
		"public/.well-known/x":          "",
		"public/built/x":                "",
		"public/deep/built/x":           "",
		"public/top/x":                  "",
		"public/deep/top/x":             "",
		"public/drafts/x":               "",
		"public/deep/drafts/x":          "",
		"public/parent/x":               "",
		"public/deep/.ignore":           "inner\n",
		"public/deep/inner/x":           "",
		"public/deep/other/inner/one/x": "",
		"public/inner/x":                "",
	} {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	options.WorkDir, options.Dir, options.CacheDir = root, "public", t.TempDir()
	options.Patterns = []string{"configured/"}
	if err := os.MkdirAll(filepath.Join(folder, "configured"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "configured", "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	src, err := OpenFolder(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	list, err := src.Files(t.Context(), &manifest.Manifest{})
	if err != nil {
		t.Fatal(err)
	}
	real, err := filepath.EvalSymlinks(folder)
	if err != nil {
		t.Fatal(err)
	}
	skip := Ignored(t.Context(), options)
	var entered, ignored int
	err = filepath.WalkDir(real, func(file string, d os.DirEntry, err error) error {
		if err != nil || !d.IsDir() || file == real {
			return err
		}
		rel, _ := filepath.Rel(real, file)
		listed := slices.ContainsFunc(list.Files, func(f manifest.File) bool {
			return filepath.Dir(f.Path[1:]) == filepath.ToSlash(rel)
		})
		switch {
		case skip(file):
			ignored++
			if listed {
				t.Errorf("%s is ignored, and files in it are listed", rel)
			}
		case listed:
			entered++
		default:
			if _, err := os.Stat(filepath.Join(file, "x")); err == nil {
				t.Errorf("%s is not ignored, and its files are not listed", rel)
			}
		}
		return nil
	})
	if err != nil || entered < leastEntered || ignored < leastIgnored {
		t.Errorf("%d folders were entered, %d ignored, %v", entered, ignored, err)
	}
}
