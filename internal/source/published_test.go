package source

import (
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/git/gittest"
	"github.com/kv-sync/kv-sync/internal/source/rules"
	"github.com/kv-sync/kv-sync/internal/source/sourcetest"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Negated patterns publish neither files of git nor .assetsignore.
func TestPatternsDoNotPublishGitFiles(t *testing.T) {
	t.Parallel()
	const negated = "!.*\n!.git\n!.git/**\n!.assetsignore\n"
	w := gittest.Plain(t)
	w.Write(".assetsignore", negated).Write("index.html", "x").Write(".hidden", "x").
		Write(".git/config", "x").
		Write("module/.git", "gitdir: ../.git/modules/module\n").Write("module/a.txt", "a").
		Write("clone/.git/config", "x").Write("clone/.assetsignore", "!.git/\n").Write("clone/b.txt", "b")
	const want = "/.hidden /clone/b.txt /index.html /module/a.txt"
	if got := sourcetest.Paths(sourcetest.List(t, openFolder(w, Options{Patterns: []string{"!.*", "!.git"}}),
		nil)); got != want {
		t.Errorf("the folder: %s, want %s", got, want)
	}

	// A work tree cannot contain this, but a hostile commit can.
	c := gittest.New(t)
	blob := func(text string) string {
		return gittest.Unhex(t, c.GitIn(c.Dir, text, "hash-object", "-w", "--stdin"))
	}
	tree := func(entries string) string {
		return c.GitIn(c.Dir, entries, "hash-object", "-t", "tree", "-w", "--stdin", "--literally")
	}
	git := tree("100644 config\x00" + blob("x"))
	root := tree("100644 .assetsignore\x00" + blob(negated) + "40000 .git\x00" + gittest.Unhex(t, git) +
		"100644 index.html\x00" + blob("x"))
	id := c.Git("commit-tree", root, "-m", "hostile")
	if got := sourcetest.Paths(sourcetest.List(t, openCommit(c, Options{Revision: id}), nil)); got != "/index.html" {
		t.Errorf("the commit: %s", got)
	}
}

// Files with the usual names of credentials are refused, in lower and upper case. A private key is
// also found after a byte order mark.
func TestSecretsInAnySpelling(t *testing.T) {
	t.Parallel()
	const key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n"
	contents := map[string]string{"mark.pem": "\ufeff" + key}
	for _, name := range []string{
		".ENV", ".Env.Production", ".env.local", ".Dev.Vars", ".dev.vars.staging",
		".NPMRC", ".netrc", ".pypirc", ".git-credentials", ".htpasswd", "deep/.npmrc",
		"ID_RSA", "id_dsa", "id_ecdsa", "id_ecdsa_sk", "keys/Id_Ed25519", "id_ed25519_sk",
	} {
		contents[name] = "x"
	}
	w := gittest.New(t).Write(".assetsignore", "!.*\n").Write("index.html", "x")
	for name, text := range contents {
		w.Write(name, text)
	}
	w.Commit("all")
	for kind, s := range map[string]manifest.Source{"folder": openFolder(w, Options{}),
		"commit": openCommit(w, Options{})} {
		got := "\n" + sourcetest.Refusals(t, s)
		for name := range contents {
			if !strings.Contains(got, "\n"+name+": ") {
				t.Errorf("the %s publishes %s", kind, name)
			}
		}
		if strings.Contains(got, "index.html") {
			t.Errorf("the %s refuses a page: %s", kind, got)
		}
	}
}

// A rule file that is too long is refused, not truncated.
func TestRuleFileIsNotTruncated(t *testing.T) {
	t.Parallel()
	w := gittest.Plain(t).
		Write("index.html", "x").
		Write("_headers", strings.Repeat("#", rules.MaxText)+"\n/*\n  X-Frame-Options: DENY\n")
	if l, err := openFolder(w, Options{}).Files(t.Context(), nil); err == nil {
		t.Errorf("the file was read, with %d rules", len(l.Headers))
	}
}
