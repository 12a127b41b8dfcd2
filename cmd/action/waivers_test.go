package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A waiver with the value true counts only if somebody starts the workflow by hand. A waiver
// that names a commit counts for that commit only.
func TestWaivers(t *testing.T) {
	r := newRunner(t)
	older := r.push(map[string][]byte{"public/index.html": []byte("one")})
	newer := r.push(map[string][]byte{"public/index.html": []byte("two")})
	r.depth = 10
	r.job(newer, nil, nil).want(t, 0, "is live as deployment")
	by := func(event string) map[string]string { return map[string]string{"GITHUB_EVENT_NAME": event} }

	r.job(older, nil, nil).want(t, 4, "than the live one", "the input any-order: true on workflow_dispatch")
	r.job(older, map[string]string{"any-order": "true"}, nil).want(t, 4,
		"::warning title=kv-sync::input any-order: true counts only if", "than the live one")
	r.job(older, map[string]string{"any-order": newer}, nil).want(t, 4,
		"it is for commit "+newer[:12]+" and has no effect", "than the live one")
	r.job(older, map[string]string{"any-order": "yes"}, nil).want(t, 4, `input any-order is "yes" and has no effect`)
	r.job(older, map[string]string{"any-order": "false"}, by("workflow_dispatch")).want(t, 4, "than the live one")
	r.job(older, map[string]string{"any-order": strings.ToUpper(older[:10])}, nil).want(t, 0, "is live as deployment")
	r.job(newer, nil, nil).want(t, 0, "is live as deployment")
	r.job(older, map[string]string{"any-order": "true"}, by("workflow_dispatch")).want(t, 0, "is live as deployment")
	r.job(older, map[string]string{"mode": "prune", "repair": "true"}, nil).want(t, 2, "input repair is for mode: deploy")
	r.job(older, map[string]string{"allow-forgotten": "true"}, nil).want(t, 2,
		"input allow-forgotten is for mode: rollback")
}

func TestWorkingDirectory(t *testing.T) {
	r := newRunner(t)
	commit := r.push(map[string][]byte{
		"sites/a/public/index.html": []byte("a"), "sites/a/kv-sync.toml": []byte("retain = 3\n"),
		"sites/b/public/index.html": []byte("b"),
	})
	o := r.job(commit, map[string]string{"working-directory": "sites/a", "name": ""}, nil)
	o.want(t, 0, "a is live as deployment")
	r.job(commit, map[string]string{"working-directory": "sites/b", "name": ""}, nil).want(t, 0, "b is live as deployment")
	for _, dir := range []string{"../elsewhere", "/etc", "sites/none"} {
		r.job(commit, map[string]string{"working-directory": dir}, nil).want(t, 2, "input working-directory")
	}
	outside := t.TempDir()
	give(t, outside)
	if err := os.MkdirAll(filepath.Join(outside, "public"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(r.origin, "link")); err != nil {
		t.Fatal(err)
	}
	r.job(r.push(nil), map[string]string{"working-directory": "link"}, nil).want(t, 2,
		"a symlink leads out of the workspace")
}

// The address in the job summary is a link, if it is a plain https URL.
func TestAddressIsALink(t *testing.T) {
	for url, want := range map[string]string{
		"https://s.ada.workers.dev": "[https&#58;//s&#46;ada&#46;workers&#46;dev](https://s.ada.workers.dev)",
		"https://x.dev/)[evil](y":   escape("https://x.dev/)[evil](y"),
		"javascript:alert(1)":       escape("javascript:alert(1)"),
		"":                          "",
	} {
		if got := linkTo(url); got != want {
			t.Errorf("%q is %q, want %q", url, got, want)
		}
	}
}
