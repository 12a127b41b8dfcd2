package source

import (
	"strings"
	"testing"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// Whatever patterns let in: a repository's own files, and the list of what is
// hidden, reach no visitor.
func TestGitFolderIsNeverPublished(t *testing.T) {
	t.Parallel()
	const letIn = "!.*\n!.git\n!.git/**\n!.assetsignore\n"
	w := plainWork(t)
	w.write(".assetsignore", letIn).write("index.html", "x").write(".hidden", "x").
		write(".git/config", "x").
		write("module/.git", "gitdir: ../.git/modules/module\n").write("module/a.txt", "a").
		write("clone/.git/config", "x").write("clone/.assetsignore", "!.git/\n").write("clone/b.txt", "b")
	const want = "/.hidden /clone/b.txt /index.html /module/a.txt"
	if got := paths(list(t, w.openFolder(Options{Patterns: []string{"!.*", "!.git"}}), nil)); got != want {
		t.Errorf("the folder: %s, want %s", got, want)
	}

	// No work tree holds such a commit, but a hostile one may be pushed.
	c := newWork(t)
	blob := func(text string) string { return unhex(t, c.gitIn(c.dir, text, "hash-object", "-w", "--stdin")) }
	tree := func(entries string) string {
		return c.gitIn(c.dir, entries, "hash-object", "-t", "tree", "-w", "--stdin", "--literally")
	}
	git := tree("100644 config\x00" + blob("x"))
	root := tree("100644 .assetsignore\x00" + blob(letIn) + "40000 .git\x00" + unhex(t, git) + "100644 index.html\x00" + blob("x"))
	id := c.git("commit-tree", root, "-m", "hostile")
	if got := paths(list(t, c.openCommit(Options{Revision: id}), nil)); got != "/index.html" {
		t.Errorf("the commit: %s", got)
	}
}

// Files that hold credentials are refused under each name that tools give them, in
// any case, and private keys also behind a byte order mark.
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
	w := newWork(t).write(".assetsignore", "!.*\n").write("index.html", "x")
	for name, text := range contents {
		w.write(name, text)
	}
	w.commit("all")
	for kind, s := range map[string]kvsync.Source{"folder": w.openFolder(Options{}), "commit": w.openCommit(Options{})} {
		got := "\n" + refusals(t, s)
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

// A rule file that is too long is refused, not cut off where its limit is.
func TestRuleFileIsNotCutOff(t *testing.T) {
	t.Parallel()
	w := plainWork(t).write("index.html", "x").write("_headers", strings.Repeat("#", maxText)+"\n/*\n  X-Frame-Options: DENY\n")
	if l, err := w.openFolder(Options{}).Files(t.Context(), nil); err == nil {
		t.Errorf("it was taken, with %d rules", len(l.Headers))
	}
}
