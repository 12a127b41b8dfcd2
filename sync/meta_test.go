package kvsync

import "testing"

func TestKindOfWhatWasDeployed(t *testing.T) {
	for want, list := range map[string][]Meta{
		"commit": {{Source: "commit:1:2", Commit: "c"}, {Source: NoFiles, Commit: "c"}},
		"folder": {{Source: "folder:1:2"}, {Source: NoFiles}},
		"upload": {{Source: "upload:1"}},
	} {
		for _, m := range list {
			if got := m.kind(); got != want {
				t.Errorf("%+v is called %q, want %q", m, got, want)
			}
		}
	}
}

// Text that moves from one field of a Worker to the next makes another Worker.
func TestWorkerHashTellsFieldsApart(t *testing.T) {
	t.Parallel()
	e := &Engine{}
	same := func(what string, a, b Worker) {
		if e.workerHash(a) == e.workerHash(b) {
			t.Errorf("%s: two Workers have one hash", what)
		}
	}
	same("main and date", Worker{Main: "a", CompatibilityDate: "bc"}, Worker{Main: "ab", CompatibilityDate: "c"})
	same("name and content", Worker{Modules: []Module{{Name: "a", Type: "t", Content: []byte("c")}}}, Worker{Modules: []Module{{Name: "at", Content: []byte("c")}}})
	same("two modules and one", Worker{Modules: []Module{{Name: "a"}, {Name: "b"}}}, Worker{Modules: []Module{{Name: "a", Content: []byte("module" + "b")}}})
}
