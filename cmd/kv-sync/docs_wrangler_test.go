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

// prose matches a word that can follow "wrangler" in a sentence and is not a command.
var prose = regexp.MustCompile(`^(file|files|does|is|has|itself|in|and|or|on|as|instead|wrote|generates|would|can)\b`)

// wranglerCommands returns each command of wrangler that documents and messages name, and where.
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

// listCommands is a script of node. It prints the commands and the groups of commands of a package
// wrangler that are not hidden, one a line.
const listCommands = `
const list = (node, path) => {
  for (const [word, child] of node.subtree) {
    if (child.definition?.metadata?.hidden) continue;
    console.log([...path, word].join(" "));
    list(child, [...path, word]);
  }
};
list(require(process.argv[1]).experimental_getWranglerCommands().registry, []);
`

// wrangler's own list of commands has every command of wrangler that is documented.
func TestDocumentedWranglerCommands(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute) // ends a download that hangs
	defer cancel()
	w, err := platformtest.InstallWrangler(ctx)
	if err != nil {
		t.Fatal(err)
	}
	out, err := w.Node(ctx, t.TempDir(), "-e", listCommands, w.Package()).CombinedOutput()
	if err != nil {
		t.Fatalf("list wrangler's commands: %v\n%s", err, out)
	}
	listed, groups := map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(string(out)) {
		name := strings.TrimSpace(line)
		group, _, within := strings.Cut(name, " ")
		listed[name] = true
		groups[group] = groups[group] || within
	}
	if !listed["deploy"] || !listed["secret put"] || listed["publish"] || listed["secret set"] {
		t.Fatalf("wrangler's list of commands is not understood:\n%s", out)
	}
	commands := wranglerCommands(t)
	if len(commands) < 8 {
		t.Errorf("only %d commands were found: %v", len(commands), commands)
	}
	for command, place := range commands {
		first, second, _ := strings.Cut(command, " ")
		switch {
		case !listed[first]:
			t.Errorf("%s: wrangler has no command %s", place, first)
		case second != "" && groups[first] && !listed[command]:
			t.Errorf("%s: wrangler %s has no command %s", place, first, second)
		}
	}
}
