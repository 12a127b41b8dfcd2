package main

import (
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/config"
	"github.com/kv-sync/kv-sync/internal/daemon"
	"github.com/kv-sync/kv-sync/internal/daemon/webhook"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

func documents(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(names) < 8 {
		t.Fatalf("found %d documents, %v", len(names), err)
	}
	out := make(map[string]string)
	for _, name := range append(names, "../../README.md", "../../examples/gitlab-ci.yml") {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimPrefix(name, "../../")] = string(b)
	}
	return out
}

// command matches a command line of kv-sync in a document: after a prompt, in a script of a pipeline, or
// as code.
var command = regexp.MustCompile("(?m)(?:^\\$ |^    - |`)kv-sync ([a-z][^`\n]*)")

// Every command in the documents has valid arguments.
func TestDocumentedCommands(t *testing.T) {
	parser, err := newParser(t.Context(), streams{err: io.Discard, out: io.Discard}, newCommandLine())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for name, text := range documents(t) {
		for _, m := range command.FindAllStringSubmatch(text, -1) {
			line, _, _ := strings.Cut(m[1], " #")
			if strings.Contains(line, "…") {
				continue
			}
			n++
			if _, err := parser.Parse(strings.Fields(line)); err != nil {
				t.Errorf("%s: kv-sync %s: %v", name, line, err)
			}
		}
	}
	if n < 10 {
		t.Errorf("only %d commands were found", n)
	}
}

// The table of commands in docs/commands.md has the commands that the help lists.
func TestDocumentedCommandTable(t *testing.T) {
	table, _, _ := strings.Cut(documents(t)["docs/commands.md"], "\n\n`deploy`, `plan`")
	var documented []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z]+)").FindAllStringSubmatch(table, -1) {
		documented = append(documented, m[1])
	}
	parser, err := newParser(t.Context(), streams{err: io.Discard, out: io.Discard}, newCommandLine())
	if err != nil {
		t.Fatal(err)
	}
	help := commandNames(parser.Model.Node)
	slices.Sort(documented)
	slices.Sort(help)
	if d := cmp.Diff(help, documented); d != "" {
		t.Errorf("the help and docs/commands.md differ (-help +docs):\n%s", d)
	}
}

// docs/commands.md documents exactly the existing flags.
func TestDocumentedFlags(t *testing.T) {
	parser, err := newParser(t.Context(), streams{err: io.Discard, out: io.Discard}, newCommandLine())
	if err != nil {
		t.Fatal(err)
	}
	flags := map[string]bool{}
	var walk func(*kong.Node)
	walk = func(n *kong.Node) {
		for _, f := range n.Flags {
			if n.Name != "hook" && !n.Hidden && !f.Hidden && f.Name != "help" {
				flags["--"+f.Name] = true
			}
		}
		for _, c := range n.Children {
			if !c.Hidden {
				walk(c)
			}
		}
	}
	walk(parser.Model.Node)
	bare, err := newParser(t.Context(), streams{err: io.Discard, out: io.Discard}, &bareCommand{})
	if err != nil {
		t.Fatal(err)
	}
	walk(bare.Model.Node)
	documented := map[string]bool{}
	for _, f := range regexp.MustCompile("[`\\s\\[](--[a-z-]+)").FindAllStringSubmatch(
		documents(t)["docs/commands.md"], -1) {
		documented[f[1]] = true
	}
	delete(documented, "--help")
	delete(documented, "--version") // the command version
	delete(documented, "--deepen")  // a flag of git
	if d := cmp.Diff(flags, documented); d != "" {
		t.Errorf("flags and docs/commands.md differ (-flags +docs):\n%s", d)
	}
}

// Every kv-sync.toml and wrangler file in the documents is valid.
func TestDocumentedConfiguration(t *testing.T) {
	block := regexp.MustCompile("(?s)```(toml|jsonc)\n(.*?)```")
	n := 0
	for name, text := range documents(t) {
		for _, m := range block.FindAllStringSubmatch(text, -1) {
			n++
			dir := t.TempDir()
			if name == "docs/daemon.md" {
				loadDaemon(t, dir, m[2])
				continue
			}
			file := map[string]string{"toml": "kv-sync.toml", "jsonc": "wrangler.jsonc"}[m[1]]
			write(t, filepath.Join(dir, file), m[2])
			write(t, filepath.Join(dir, "public", "index.html"), "x")
			_, _, err := config.Load(config.Inputs{Root: dir, Getenv: func(string) string { return "" },
				Flags: map[string]string{"name": "site", "directory": "public"}})
			if err != nil {
				t.Errorf("%s: %v\n%s", name, err, m[2])
			}
		}
	}
	if n == 0 {
		t.Error("no configuration was found in the documents")
	}
}

// The example of .assetsignore in the documents excludes the files that its text names.
func TestDocumentedAssetsIgnore(t *testing.T) {
	block := regexp.MustCompile("(?s)```\n# public/\\.assetsignore\n(.*?)```").FindStringSubmatch(
		documents(t)["docs/configuration.md"])
	if block == nil {
		t.Fatal("docs/configuration.md shows no .assetsignore")
	}
	dir := t.TempDir()
	public := filepath.Join(dir, "public")
	write(t, filepath.Join(public, ".assetsignore"), block[1])
	for _, name := range []string{
		"index.html", "app.js", "app.js.map", "drafts/next.html", ".nojekyll", ".env", ".DS_Store", ".cache/x",
		".well-known/security.txt", "_headers", "node_modules/x.js",
	} {
		write(t, filepath.Join(public, filepath.FromSlash(name)), "")
	}
	site, err := app.Open(t.Context(), app.Inputs{Root: dir, Name: "tides", CacheDir: t.TempDir(),
		Getenv: func(string) string { return "" }})
	if err != nil {
		t.Fatal(err)
	}
	defer site.Close()
	src, err := site.Source(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	list, err := src.Files(t.Context(), &manifest.Manifest{})
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, f := range list.Files {
		paths = append(paths, f.Path)
	}
	if d := cmp.Diff([]string{"/.nojekyll", "/.well-known/security.txt", "/app.js", "/index.html"}, paths); d != "" {
		t.Errorf("(-documented +listed):\n%s", d)
	}
}

// loadDaemon reads a configuration of the daemon with all its secrets set.
func loadDaemon(t *testing.T, dir, text string) {
	t.Helper()
	file := filepath.Join(dir, "daemon.toml")
	write(t, file, strings.ReplaceAll(text, "/etc/kv-sync", dir))
	for _, secret := range regexp.MustCompile(`"/etc/kv-sync/([^"]*)"`).FindAllStringSubmatch(text, -1) {
		write(t, filepath.Join(dir, secret[1]), "a secret of the test\n")
	}
	if _, err := daemon.LoadConfig(file, func(string) string { return "a variable of the test" },
		webhook.ForgeNames()); err != nil {
		t.Errorf("docs/daemon.md: %v\n%s", err, text)
	}
}

// docs/daemon.md names every setting of the daemon.
func TestDocumentedDaemon(t *testing.T) {
	text := documents(t)["docs/daemon.md"]
	var walk func(reflect.Type)
	walk = func(in reflect.Type) {
		for i := range in.NumField() {
			f := in.Field(i)
			name := f.Tag.Get("toml")
			if name == "" {
				continue
			}
			stem, ok := strings.CutSuffix(name, "-env")
			if short := ok && strings.Contains(text, stem+"-file`, `-env"); !short && !strings.Contains(text, name) {
				t.Errorf("%s is not documented", name)
			}
			if f.Type == reflect.TypeFor[[]daemon.Site]() {
				walk(f.Type.Elem())
			} else if f.Type == reflect.TypeFor[daemon.Listen]() {
				walk(f.Type)
			}
		}
	}
	walk(reflect.TypeFor[daemon.Config]())
}
