package hooks

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// maxEnv is the largest size of an environment file.
const maxEnv = 64 << 10

// EnvFile checks an environment file and returns its absolute path. A file inside the
// repository is an error, because a commit or a web server could publish it.
func (r *Repository) EnvFile(name string) (string, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", fmt.Errorf("find %s: %w", name, err)
	}
	if r.within(abs) {
		return "", fmt.Errorf("%s is in the repository, where others may read it; "+
			"move it elsewhere, for example to /etc/kv-sync", name)
	}
	_, err = ReadEnv(abs)
	return abs, err
}

// ReadEnv reads an environment file: lines "NAME=value" in a file that only its owner can
// access. Names must begin with CLOUDFLARE_ or KV_SYNC_. Errors do not show values.
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
		return nil, fmt.Errorf("read the variables: %s is not a regular file", name)
	}
	if err := private(info); err != nil {
		return nil, fmt.Errorf("read the variables: %s %w", name, err)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxEnv+1))
	if err != nil {
		return nil, fmt.Errorf("read the variables: %w", err)
	}
	if len(text) > maxEnv {
		return nil, fmt.Errorf("read the variables: %s is too large; the limit is 64 KiB", name)
	}
	vars, line := parseEnv(text)
	if line > 0 {
		return nil, fmt.Errorf("read the variables: %s:%d: write NAME=value, with a name that begins with CLOUDFLARE_ or "+
			"KV_SYNC_", name, line)
	}
	return vars, nil
}

// parseEnv returns the variables, or the number of the first invalid line.
func parseEnv(text []byte) (vars map[string]string, invalid int) {
	vars = map[string]string{}
	n := 0
	for line := range bytes.Lines(text) {
		n++
		entry := strings.TrimSpace(string(line))
		if entry == "" || entry[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(entry, "=")
		if !ok || !strings.HasPrefix(name, "CLOUDFLARE_") && !strings.HasPrefix(name, "KV_SYNC_") ||
			strings.ContainsAny(name, " \t") || strings.Contains(value, "\x00") {
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
