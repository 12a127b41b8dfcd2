package main

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/daemon"
)

// The systemd unit starts a command that there is, and the configuration beside it
// names the credentials and the folder that the unit gives.
func TestUnit(t *testing.T) {
	dir := filepath.Join("..", "..", "examples", "daemon")
	f, err := os.Open(filepath.Join(dir, "kv-sync.service"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unit, section := map[string][]string{}, ""
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		key, value, ok := strings.Cut(line, "=")
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			section = line
		case !ok || section == "":
			t.Errorf("%q is no setting", line)
		default:
			unit[section+key] = append(unit[section+key], value)
		}
	}
	parser, err := newParser(t.Context(), streams{err: io.Discard, out: io.Discard}, &commandLine{})
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range slices.Concat(unit["[Service]ExecStart"], unit["[Service]ExecStartPre"]) {
		args := strings.Fields(line)
		if _, err := parser.Parse(args[1:]); err != nil || filepath.Base(args[0]) != "kv-sync" {
			t.Errorf("%s: %v", line, err)
		}
	}
	if len(unit["[Service]ExecStart"]) != 1 || unit["[Service]Type"][0] != "notify" || unit["[Service]DynamicUser"][0] != "yes" {
		t.Errorf("%v", unit)
	}

	text, err := os.ReadFile(filepath.Join(dir, "kv-sync-daemon.toml"))
	if err != nil {
		t.Fatal(err)
	}
	var given, named []string
	for _, c := range unit["[Service]LoadCredential"] {
		name, _, _ := strings.Cut(c, ":")
		given = append(given, name)
	}
	secrets := t.TempDir()
	for _, m := range regexp.MustCompile(`/run/credentials/kv-sync\.service/([\w-]+)`).FindAllStringSubmatch(string(text), -1) {
		named = append(named, m[1])
		write(t, filepath.Join(secrets, m[1]), "secret\n")
	}
	slices.Sort(given)
	slices.Sort(named)
	if !slices.Equal(given, named) {
		t.Errorf("the unit gives %v, the configuration names %v", given, named)
	}
	file := filepath.Join(t.TempDir(), "daemon.toml")
	write(t, file, strings.ReplaceAll(string(text), "/run/credentials/kv-sync.service", secrets))
	cfg, err := daemon.LoadConfig(file, func(string) string { return "" })
	if err != nil || cfg.State != "/var/lib/"+unit["[Service]StateDirectory"][0] {
		t.Errorf("%+v, %v", cfg, err)
	}
}
