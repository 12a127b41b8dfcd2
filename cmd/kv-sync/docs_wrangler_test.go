package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
)

// wranglerLine matches a command of wrangler: after a prompt, as code, or in the text of a message
// that names what to type.
var wranglerLine = regexp.MustCompile("(?m)(?:^\\$ |`|npx |with |: )(?:npx )?wrangler " +
	"((?:[a-z][a-z0-9-]*)(?: [a-z][a-z0-9-]*)?)")

// prose are words after "wrangler" in sentences, not commands.
var prose = regexp.MustCompile(`^(file|files|does|is|has|itself|in|and|or|on|as|instead|wrote|generates|would|can)\b`)

// wranglerCommands returns each command of wrangler that documents and messages name, with the place.
func wranglerCommands(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	add := func(place, text string) {
		for _, m := range wranglerLine.FindAllStringSubmatch(text, -1) {
			if !prose.MatchString(m[1]) {
				found[m[1]] = place
			}
		}
	}
	for name, text := range documents(t) {
		add(name, text)
	}
	for _, pattern := range []string{
		"*.go", "../../internal/config/*.go", "../../internal/config/*/*.go", "../../internal/app/*.go",
		"../../internal/app/advice/*.go", "../../internal/bundle/*.go", "../../examples/*/README.md",
	} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %q, %v", pattern, files, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			add(file, string(b))
		}
	}
	return found
}

// wrangler's own help lists every command of wrangler that is documented.
func TestDocumentedWranglerCommands(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute) // ends a download that hangs
	defer cancel()
	w, err := platformtest.InstallWrangler(ctx)
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{} // the help of wrangler, and of a group of its commands
	help := func(group string) string {
		if listed[group] == "" {
			args := append(strings.Fields(group), "--help")
			out, err := w.Command(ctx, platformtest.API{}, t.TempDir(), args...).CombinedOutput()
			if err != nil {
				t.Fatalf("wrangler %s --help: %v\n%s", group, err, out)
			}
			listed[group] = string(out)
		}
		return listed[group]
	}
	has := func(group, command string) bool {
		words := strings.TrimSpace("wrangler " + group)
		return regexp.MustCompile(`(?m)^\s+` + words + ` ` + regexp.QuoteMeta(command) + `(\s|$)`).MatchString(help(group))
	}
	if !has("", "deploy") || !has("secret", "put") || has("", "publish") || has("secret", "set") {
		t.Fatalf("wrangler's help is not understood:\n%s", help("secret"))
	}
	commands := wranglerCommands(t)
	if len(commands) < 8 {
		t.Errorf("only %d commands were found: %v", len(commands), commands)
	}
	for command, place := range commands {
		first, second, _ := strings.Cut(command, " ")
		switch group := strings.Contains(help(""), "wrangler "+first+" "); {
		case !has("", first):
			t.Errorf("%s: wrangler has no command %s", place, first)
		case group && second != "" && strings.Contains(help(first), "\nCOMMANDS") && !has(first, second):
			t.Errorf("%s: wrangler %s has no command %s", place, first, second)
		}
	}
}
