package app_test

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/cloudflare"
	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/version"
)

// files is a site's content by pathname.
type files map[string]string

// repo is a directory in which real git runs.
type repo struct {
	*testing.T
	dir string
}

// isolateGit keeps the machine's settings from git, also when the code under test runs it.
func isolateGit(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"GIT_CONFIG_GLOBAL": os.DevNull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_COUNT": "1",
		"GIT_TEMPLATE_DIR": "", // without the sample hooks, which each copy would have
		"GIT_CONFIG_KEY_0": "protocol.file.allow", "GIT_CONFIG_VALUE_0": "always",
		"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "a@b",
	} {
		t.Setenv(name, value)
	}
}

func newRepo(t *testing.T, args ...string) repo {
	t.Helper()
	r := repo{t, filepath.Join(t.TempDir(), "origin")}
	if err := os.Mkdir(r.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	r.git(append([]string{"init", "-q", "-b", "main"}, args...)...)
	r.git("config", "uploadpack.allowFilter", "true")
	r.git("config", "uploadpack.allowAnySHA1InWant", "true")
	return r
}

// copied returns a copy with the same ids, which one test may change.
func (r repo) copied(t *testing.T) repo {
	t.Helper()
	c := repo{t, filepath.Join(t.TempDir(), "origin")}
	if err := os.CopyFS(c.dir, os.DirFS(r.dir)); err != nil {
		t.Fatal(err)
	}
	return c
}

func gitCommand(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	return cmd
}

// git runs git and returns what it wrote.
func (r repo) git(args ...string) string {
	r.Helper()
	cmd := gitCommand(r.dir, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		r.Fatalf("git %v: %v\n%s", args, err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

func (r repo) path(name string) string { return filepath.Join(r.dir, filepath.FromSlash(name)) }

// at returns another directory, relative to this one.
func (r repo) at(name string) repo { return repo{r.T, r.path(name)} }

func (r repo) write(name, text string) {
	r.Helper()
	if err := os.MkdirAll(filepath.Dir(r.path(name)), 0o755); err != nil {
		r.Fatal(err)
	}
	if err := os.WriteFile(r.path(name), []byte(text), 0o644); err != nil {
		r.Fatal(err)
	}
}

func (r repo) read(name string) string {
	r.Helper()
	text, err := os.ReadFile(r.path(name))
	if err != nil {
		r.Fatal(err)
	}
	return string(text)
}

func (r repo) move(from, to string) {
	r.Helper()
	if err := os.Rename(r.path(from), r.path(to)); err != nil {
		r.Fatal(err)
	}
}

func (r repo) remove(name string) {
	r.Helper()
	if err := os.RemoveAll(r.path(name)); err != nil {
		r.Fatal(err)
	}
}

// commit commits all files and returns the id.
func (r repo) commit(message string) string {
	r.Helper()
	r.git("add", "-A")
	r.git("commit", "-q", "--allow-empty", "-m", message)
	return r.git("rev-parse", "HEAD")
}

// gitHas reports whether git has at least a version.
func gitHas(t *testing.T, major, minor int) bool {
	t.Helper()
	out, err := exec.Command("git", "version").Output()
	if err != nil {
		t.Fatal(err)
	}
	var a, b int
	if _, err := fmt.Sscanf(string(out), "git version %d.%d", &a, &b); err != nil {
		t.Fatal(err)
	}
	return a > major || a == major && b >= minor
}

// inputsOf returns the inputs of a site in a repository. Its environment only has the variables
// of git.
func inputsOf(t *testing.T, dir, name string, f *platformtest.Fixture) app.Inputs {
	t.Helper()
	return app.Inputs{
		Root: dir, Name: name, CacheDir: t.TempDir(), Token: f.Token, AccountID: f.AccountID, BaseURL: f.BaseURL,
		Getenv: func(name string) string {
			if strings.HasPrefix(name, "GIT_") {
				return os.Getenv(name)
			}
			return ""
		},
	}
}

// account returns a client with which the tests read the stored values.
func account(t *testing.T, f *platformtest.Fixture) *cloudflare.Account {
	t.Helper()
	a, err := cloudflare.New(cloudflare.Options{Token: f.Token, AccountID: f.AccountID, BaseURL: f.BaseURL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

// liveManifest reads the manifest of a site's active version through the API.
func liveManifest(t *testing.T, a *cloudflare.Account, site string) (*manifest.Manifest, cloud.Store) {
	t.Helper()
	active, err := a.Workers(site).Activations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	v, err := a.Workers(site).Version(t.Context(), active[0].Versions[0].Version)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range v.Bindings {
		if b.Name != cloud.BindingMeta {
			continue
		}
		var meta version.Meta
		if err := json.Unmarshal(b.Fields["json"], &meta); err != nil {
			t.Fatal(err)
		}
		store := a.Store(meta.Namespace)
		stored, err := store.Get(t.Context(), site+"/m/"+meta.Manifest)
		if err != nil {
			t.Fatal(err)
		}
		m, err := manifest.DecodeStored(stored)
		if err != nil {
			t.Fatal(err)
		}
		return m, store
	}
	t.Fatalf("kv-sync did not deploy the live version of %s", site)
	return nil, nil
}

// liveFiles reads the whole live site through the API, blob by blob.
func liveFiles(t *testing.T, a *cloudflare.Account, site string) files {
	t.Helper()
	m, store := liveManifest(t, a, site)
	out := files{}
	for _, asset := range m.Assets {
		body, err := store.Get(t.Context(), site+"/b/"+asset.Blob.String())
		if err != nil {
			t.Fatalf("%s: %v", asset.Path, err)
		}
		if manifest.HashOf(body) != asset.Blob.Hash {
			t.Errorf("%s: the blob does not have the hash in its key", asset.Path)
		}
		out[asset.Path] = string(body)
	}
	return out
}

// siteIn reads the files of a folder that are served: all but dotfiles.
func siteIn(t *testing.T, dir string) files {
	t.Helper()
	out := files{}
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name != dir && strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			return nil
		}
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		text, err := io.ReadAll(f)
		rel, _ := filepath.Rel(dir, name)
		out["/"+filepath.ToSlash(rel)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
