package standin

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/workerd"
)

func bound(name, kind string, fields ...string) Binding {
	b := Binding{Name: name, Type: kind, Fields: map[string]json.RawMessage{}}
	for i := 0; i < len(fields); i += 2 {
		b.Fields[fields[i]] = quoted(fields[i+1])
	}
	return b
}

// A binding that works as at Cloudflare has no note. Every other one has a line that names it.
func TestNote(t *testing.T) {
	for kind, want := range map[string]string{
		"kv_namespace": "", "d1": "", "ratelimit": "", "service": "", "secret_text": "", "durable_object_namespace": "",
		"queue":      "env.X (queue) has a local stand-in: its messages are kept on this machine, and no consumer gets them",
		"ai":         "env.X (ai) has no stand-in on the local platform: each use of it throws an error",
		"r2_bucket":  "env.X (r2_bucket) has no stand-in on the local platform: each use of it throws an error",
		"of_tomorow": "env.X (of_tomorow) has no stand-in on the local platform: each use of it throws an error",
	} {
		if got := Note(bound("X", kind)); got != want {
			t.Errorf("%s: %q, want %q", kind, got, want)
		}
	}
}

// A resource with data of its own is one whose data are not the account's.
func TestStores(t *testing.T) {
	for kind, want := range map[string]bool{"kv_namespace": true, "d1": workerd.Current(), "queue": false,
		"plain_text": false, "ai": false, "service": false} {
		if got := Stores(bound("X", kind)); got != want {
			t.Errorf("%s: %v, want %v", kind, got, want)
		}
	}
}

// The id of a database is not used in a path, because a configuration could name a folder with it.
func TestShared(t *testing.T) {
	names := map[string]bool{}
	for _, b := range []Binding{
		bound("A", "d1", "id", "../../etc"), bound("A", "d1", "id", "other"), bound("A", "d1"), bound("B", "d1"),
		bound("Q", "queue", "queue_name", "jobs"),
	} {
		name := b.Shared()
		if name == "" || strings.ContainsAny(name, "./ ") || names[name] {
			t.Errorf("%v is shared as %q", b, name)
		}
		names[name] = true
	}
	if one, two := bound("A", "d1", "id", "x"), bound("B", "d1", "id", "x"); one.Shared() != two.Shared() {
		t.Error("two bindings to one database have two databases")
	}
	if bound("A", "queue", "queue_name", "x").Shared() != bound("B", "queue", "queue_name", "y").Shared() {
		t.Error("two queues run in two processes, though one may send its dead letters to the other")
	}
	if name := bound("K", "kv_namespace").Shared(); name != "" {
		t.Errorf("a KV namespace is shared as %q", name)
	}
}

// Texts from a configuration are quoted in workerd's configuration and in the code of a stand-in.
func TestTextsAreQuoted(t *testing.T) {
	p := Part{Disk: "disk"}
	const worker = "a\"\\`${x}\n"
	p.Unreachable(worker)
	if all := strings.Join(p.Services(), "\n"); strings.Contains(all, worker) {
		t.Errorf("the name is in the configuration as it is: %s", all)
	}
	if value := p.Bind(bound("x\"y", "ai")); !strings.Contains(value, `x\"y`) {
		t.Errorf("the binding's name is not quoted: %s", value)
	}
}
