package version

import (
	"testing"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/overlay"
)

func TestKindOfWhatWasDeployed(t *testing.T) {
	for want, list := range map[string][]Meta{
		"commit": {{Source: "commit:1:2", Commit: "c"}, {Source: manifest.NoFiles, Commit: "c"}},
		"folder": {{Source: "folder:1:2"}, {Source: manifest.NoFiles}},
		"upload": {{Source: "upload:1"}},
	} {
		for _, m := range list {
			if got := m.Kind(); got != want {
				t.Errorf("%+v is called %q, want %q", m, got, want)
			}
		}
	}
}

// Moving text from one field of a Worker to the next changes its hash.
func TestWorkerHashDistinguishesFields(t *testing.T) {
	t.Parallel()
	same := func(what string, a, b cloud.Worker) {
		if WorkerHash(a, manifest.Serving{}, overlay.Rights{}) == WorkerHash(b, manifest.Serving{}, overlay.Rights{}) {
			t.Errorf("%s: two Workers have the same hash", what)
		}
	}
	same("main and date", cloud.Worker{Main: "a", CompatibilityDate: "bc"},
		cloud.Worker{Main: "ab", CompatibilityDate: "c"})
	same("name and content", cloud.Worker{Modules: []cloud.Module{{Name: "a", Type: "t", Content: []byte("c")}}},
		cloud.Worker{Modules: []cloud.Module{{Name: "at", Content: []byte("c")}}})
	database := func(name string) cloud.Worker {
		return cloud.Worker{Bindings: []cloud.Binding{{Name: "D", Unnamed: &cloud.Unnamed{Hint: name}}}}
	}
	same("two names of a database", database("a"), database("b"))
	same("two modules and one", cloud.Worker{Modules: []cloud.Module{{Name: "a"}, {Name: "b"}}},
		cloud.Worker{Modules: []cloud.Module{{Name: "a", Content: []byte("module" + "b")}}})
}
