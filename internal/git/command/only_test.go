package command_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// No other package starts git, so the policy of this package applies to every run.
func TestOnlyThisPackageStartsGit(t *testing.T) {
	const top = "../../.."
	starts := regexp.MustCompile(`exec\.(Command|CommandContext|LookPath)\((\w+, )?"git"`)
	allowed := map[string]bool{
		"internal/git/command/command.go": true,
		"internal/git/gittest/gittest.go": true, // real git for tests
		"bench/tools.go":                  true, // it measures git
	}
	found := 0
	err := filepath.WalkDir(top, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git"):
			return fs.SkipDir
		case !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(file)
		if err != nil || !starts.Match(text) {
			return err
		}
		found++
		rel, err := filepath.Rel(top, file)
		if !allowed[filepath.ToSlash(rel)] {
			t.Errorf("%s starts git; use this package instead", rel)
		}
		return err
	})
	if err != nil || found < len(allowed) {
		t.Errorf("%d files start git, %v", found, err)
	}
}
