package platform_test

import (
	"encoding/json"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// with runs wrangler with an input, and returns its output and its errors. succeeds says whether
// wrangler must succeed or fail.
func (w *wrangler) with(input string, succeeds bool, args ...string) string {
	w.t.Helper()
	cmd := w.Command(w.t.Context(), w.API, w.dir, args...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || (err == nil) != succeeds {
		w.t.Fatalf("wrangler %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// says runs wrangler, which must succeed and say each text.
func (w *wrangler) says(texts []string, args ...string) string {
	w.t.Helper()
	out := w.with("", true, args...)
	for _, text := range texts {
		if !strings.Contains(out, text) {
			w.t.Errorf("wrangler %s does not say %q:\n%s", strings.Join(args, " "), text, out)
		}
	}
	return out
}

// worker writes a Worker that answers with a text and its secrets.
func (w *wrangler) worker(name, text string) {
	w.t.Helper()
	w.write("wrangler.json", `{"name":"`+name+`","main":"worker.js","compatibility_date":"2026-11-01"}`)
	w.write("worker.js", `export default { fetch(r, env) { return new Response("`+text+`" + `+
		`["A", "B", "C"].filter((name) => env[name]).map((name) => " " + name + env[name]).join("")) } }`)
}

// The commands for secrets change the deployed Worker, and only if its newest version is deployed.
func TestWranglerSecrets(t *testing.T) {
	t.Parallel()
	w := startWrangler(t)
	w.worker("s", "one")
	w.run("deploy")
	w.with("1", true, "secret", "put", "A")
	w.write("bulk.json", `{"A":null,"B":"2","C":"3"}`)
	w.run("secret", "bulk", "bulk.json")
	w.wantBody("s", "/", "one B2 C3")
	w.with("", true, "secret", "delete", "B")
	w.wantBody("s", "/", "one C3")
	var list []struct{ Name string }
	if err := json.Unmarshal([]byte(w.run("secret", "list")), &list); err != nil || len(list) != 1 || list[0].Name != "C" {
		t.Errorf("secret list: %+v, %v", list, err)
	}

	w.worker("s", "two")
	w.run("versions", "upload")
	for _, args := range [][]string{{"secret", "put", "A"}, {"secret", "delete", "C"}, {"secret", "bulk", "bulk.json"}} {
		if out := w.with("1", false, args...); !strings.Contains(out, "Secret edit failed") ||
			!strings.Contains(out, "isn't currently deployed") {
			t.Errorf("wrangler %v: %s", args, out)
		}
	}
	w.wantBody("s", "/", "one C3")

	// A Worker that does not exist yet is created for its secret.
	w.with("1", true, "secret", "put", "A", "--name", "draft")
	if names := w.secretNames("draft"); !slices.Equal(names, []string{"A"}) {
		t.Errorf("secrets of the draft: %v", names)
	}
}

// Secrets of versions go live with a deployment of the version, and are rolled back with it.
func TestWranglerVersions(t *testing.T) {
	t.Parallel()
	w := startWrangler(t)
	w.worker("s", "one")
	if out := w.with("1", false, "versions", "secret", "put", "A"); !strings.Contains(out, "no uploaded versions") {
		t.Errorf("without a Worker: %s", out)
	}
	w.run("deploy")
	w.worker("s", "two")
	upload := w.says([]string{"Version Preview URL: https://", "-s.local.workers.dev",
		"Version Preview Alias URL: https://feature-s.local.workers.dev"}, "versions", "upload", "--preview-alias", "feature",
		"--message", "the second", "--tag", "t2")
	second := w.versions("s")[0]
	if !strings.Contains(upload, "https://"+second[:8]+"-s.local.workers.dev") {
		t.Errorf("the address of version %s: %s", second, upload)
	}
	w.says([]string{second, "the second", "t2"}, "versions", "view", second)
	w.with("1", true, "versions", "secret", "put", "A")
	w.write("bulk.json", `{"B":"2","C":"3"}`)
	w.run("versions", "secret", "bulk", "bulk.json")
	w.with("", true, "versions", "secret", "delete", "A")
	w.wantBody("s", "/", "one")
	newest := w.versions("s")[0]
	w.says([]string{newest, "Deleted secret"}, "versions", "list")
	w.run("versions", "deploy", newest, "--yes", "--message", "live")
	w.wantBody("s", "/", "two B2 C3")
	w.says([]string{newest, "Secret Name: B", "Secret Name: C"}, "versions", "secret", "list")
	w.says([]string{newest, "live"}, "deployments", "status")
	w.says([]string{newest, "live"}, "deployments", "list")

	// wrangler lists the names of the secrets that have changed.
	out := w.with("", true, "rollback", "--yes", "--message", "back")
	_, names, _ := strings.Cut(out, "The following secrets have changed since version")
	if !strings.Contains(names, "* B") || !strings.Contains(names, "* C") {
		t.Errorf("rollback: %s", out)
	}
	w.wantBody("s", "/", "one")
	w.run("versions", "deploy", newest+"@40", w.versions("s")[4]+"@60", "--yes")
	w.says([]string{"40%", "60%"}, "deployments", "status")
}

func TestWranglerDeletes(t *testing.T) {
	t.Parallel()
	w := startWrangler(t)
	w.worker("s", "one")
	w.run("deploy")
	w.put("caller", metadata(`,"bindings":[{"name":"S","type":"service","service":"s"}]`), respondWith("caller"))
	w.says([]string{"Worker caller (production) uses this Worker as a Service Binding"}, "delete", "--name", "s")
	w.refused("GET", "/workers/scripts/s/deployments", "", 404, 10007)
	w.says([]string{"Successfully deleted caller"}, "delete", "--name", "caller")
	w.refused("GET", "/workers/scripts/caller/deployments", "", 404, 10007)
}
