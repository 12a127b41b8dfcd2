package hooks

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// maxEnv bounds a file of variables.
const maxEnv = 64 << 10

// EnvFile returns the absolute path of a file of variables that [ReadEnv] takes
// and that lies outside the repository: what lies inside, a work tree's commit
// or a server that gives out the repository's files may publish.
func (r *Repository) EnvFile(name string) (string, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", fmt.Errorf("find %s: %w", name, err)
	}
	if r.within(abs) {
		return "", fmt.Errorf("%s lies in the repository, whose files others may read; put it elsewhere, into /etc/kv-sync say", name)
	}
	_, err = ReadEnv(abs)
	return abs, err
}

// ReadEnv reads variables, a line "NAME=value" for each, from a file that is
// nobody's business but its owner's. Only CLOUDFLARE_… and KV_SYNC_… are
// understood. No error shows a value.
func ReadEnv(name string) (map[string]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read the variables: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read the variables: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read the variables: %s is no regular file", name)
	}
	if err := private(info); err != nil {
		return nil, fmt.Errorf("read the variables: %s %w", name, err)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxEnv+1))
	if err != nil {
		return nil, fmt.Errorf("read the variables: %w", err)
	}
	if len(text) > maxEnv {
		return nil, fmt.Errorf("read the variables: %s is larger than such a file can be; make it smaller than 64 KiB", name)
	}
	vars, line := parseEnv(text)
	if line > 0 {
		return nil, fmt.Errorf(`read the variables: %s:%d: it is no line NAME=value of a name that begins with CLOUDFLARE_ or KV_SYNC_; correct it`, name, line)
	}
	return vars, nil
}

// parseEnv returns the variables, or the number of the first line at fault.
func parseEnv(text []byte) (vars map[string]string, fault int) {
	vars = map[string]string{}
	n := 0
	for line := range bytes.Lines(text) {
		n++
		entry := strings.TrimSpace(string(line))
		if entry == "" || entry[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(entry, "=")
		if !ok || !strings.HasPrefix(name, "CLOUDFLARE_") && !strings.HasPrefix(name, "KV_SYNC_") || strings.ContainsAny(name, " \t") || strings.Contains(value, "\x00") {
			return nil, n
		}
		for _, q := range []string{`"`, `'`} {
			if len(value) > 1 && strings.HasPrefix(value, q) && strings.HasSuffix(value, q) {
				value = value[1 : len(value)-1]
				break
			}
		}
		vars[name] = value
	}
	return vars, 0
}
