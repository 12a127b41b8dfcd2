package objects

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// alternates adds the directories that object directories borrow from. git follows them to a
// depth of five.
func alternates(dirs []string) ([]string, error) {
	seen := map[string]bool{}
	for _, dir := range dirs {
		seen[dir] = true
	}
	level, all := dirs, dirs
	for range 5 {
		var next []string
		for _, dir := range level {
			text, err := os.ReadFile(filepath.Join(dir, "info", "alternates"))
			if err != nil {
				continue
			}
			for line := range strings.Lines(string(text)) {
				line = strings.TrimSuffix(line, "\n")
				if line == "" || line[0] == '#' {
					continue
				}
				other := filepath.Clean(line)
				if !filepath.IsAbs(other) {
					other = filepath.Join(dir, other)
				}
				if line[0] == '"' {
					return nil, fmt.Errorf("it borrows objects from %s, a name that only git reads", line)
				}
				if !seen[other] {
					seen[other] = true
					next = append(next, other)
				}
			}
		}
		all = append(all, next...)
		level = next
	}
	return all, nil
}
