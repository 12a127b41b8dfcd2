package mirror

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/kv-sync/kv-sync/internal/atomicfile"
)

// formats matches the lines of a repository's configuration that describe its storage.
var formats = regexp.MustCompile(`(?mi)^\s*(objectformat|refstorage)\s*=\s*([a-z0-9]+)\s*$`)

// Restore resets the mirror's configuration to that of a clone, and removes hooks. A
// build runs as the daemon's user and may have changed them, and a program that they
// name would have the forge's credentials. It is called after a build and before git
// runs in the mirror.
func (m *Mirror) Restore() error {
	if _, err := os.Stat(m.dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, name := range []string{"hooks", "commondir"} {
		if err := remove(filepath.Join(m.dir, name)); err != nil {
			return fmt.Errorf("restore the mirror: %w", err)
		}
	}
	file := filepath.Join(m.dir, "config")
	if err := onlyFile(file); err != nil {
		return fmt.Errorf("restore the mirror's configuration: %w", err)
	}
	before, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("restore the mirror's configuration: %w", err)
	}
	want := m.config(string(before))
	if err == nil && string(before) == want {
		return nil
	}
	if err := atomicfile.Write(file, []byte(want), 0o600); err != nil {
		return fmt.Errorf("restore the mirror's configuration: %w", err)
	}
	return nil
}

// onlyFile removes name unless it is a regular file. A build may have left a symlink,
// which leads elsewhere, or a FIFO, which blocks.
func onlyFile(name string) error {
	info, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode().IsRegular() {
		return nil
	}
	return errors.Join(err, remove(name))
}

// config returns the mirror's configuration. Of the former one, before, it keeps only the
// storage formats.
func (m *Mirror) config(before string) string {
	version, extensions := 0, ""
	for _, format := range formats.FindAllStringSubmatch(before, -1) {
		version = 1
		extensions += fmt.Sprintf("\t%s = %s\n", strings.ToLower(format[1]), strings.ToLower(format[2]))
	}
	if extensions != "" {
		extensions = "[extensions]\n" + extensions
	}
	url := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(m.remote.address)
	return fmt.Sprintf("[core]\n\trepositoryformatversion = %d\n\tbare = true\n%s[remote \"origin\"]\n\turl = \"%s\"\n",
		version, extensions, url)
}
