package platform

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/platform/kv"
	"github.com/kv-sync/kv-sync/internal/workerd"
)

//go:embed testdata/battery.mjs
var battery []byte

// A Worker executes the same operations on two KV bindings: one to the platform's KV, one to
// workerd's own implementation. The results are the same.
func TestKVMatchesWorkerd(t *testing.T) {
	s, err := Open(Options{Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(context.Background()) //nolint:errcheck // the folder is temporary
	const account = "0123456789abcdef0123456789abcdef"
	req := httptest.NewRequest("POST", "http://127.0.0.1/client/v4/accounts/"+account+"/storage/kv/namespaces",
		strings.NewReader(`{"title":"ours"}`))
	req.Header.Set("Authorization", "Bearer any")
	answer := httptest.NewRecorder()
	s.ServeHTTP(answer, req)
	var created struct{ Result struct{ ID string } }
	if err := json.Unmarshal(answer.Body.Bytes(), &created); err != nil || created.Result.ID == "" {
		t.Fatalf("%s, %v", answer.Body, err)
	}
	index, blobs := t.TempDir(), t.TempDir()
	config := fmt.Sprintf(`using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (modules = [(name = "main.mjs", esModule = embed "main.mjs")],
    	compatibilityDate = "2026-10-01", bindings = [
      (name = "OURS", kvNamespace = "ours"),
      (name = "THEIRS", kvNamespace = (name = "theirs", props = (json = "{\"namespace\": \"n\"}")))])),
    (name = "ours", external = (address = %s, http = (injectRequestHeaders = [(name = %q, value = %q), (name = %q,
    	value = %q)]))),
    (name = "theirs", worker = (modules = [(name = "kv.js", bundled = "/workerd/kv.js")],
    	compatibilityDate = "2026-10-01",
      bindings = [(name = "SHARD", durableObjectNamespace = "KVNamespace"), (name = "BLOBS", service = "blobs")],
      durableObjectNamespaces = [(className = "KVNamespace", uniqueKey = "kv", enableSql = true)],
      	durableObjectStorage = (localDisk = "index"))),
    (name = "index", disk = (path = %s, writable = true)),
    (name = "blobs", disk = (path = %s, writable = true)),
  ],
  sockets = [(name = "main", address = "unix:main", http = (), service = "main")]
);`, workerd.Quote("unix:"+s.edge.KVSocket()), kv.HeaderNamespace, created.Result.ID, kv.HeaderAccount, account,
		workerd.Quote(index), workerd.Quote(blobs))
	path, err := workerd.Find(t.Context(), t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	process, err := workerd.Start(t.Context(), path, workerd.Config{
		Capnp: config, Files: map[string][]byte{"main.mjs": battery}, Sockets: []string{"main"}, Experimental: true,
		Log: os.Stderr,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer process.Stop()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn,
		error) {
		return process.Dial(ctx, "main")
	}}}
	resp, err := client.Get("http://localhost/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	var report struct {
		Operations  int
		Differences []struct{ Name, Ours, Theirs string }
	}
	if err := json.NewDecoder(resp.Body).Decode(&report); err != nil {
		t.Fatal(err)
	}
	if report.Operations < 50 {
		t.Errorf("only %d operations ran", report.Operations)
	}
	for _, d := range report.Differences {
		t.Errorf("%s\n ours   %s\n theirs %s", d.Name, d.Ours, d.Theirs)
	}
}
