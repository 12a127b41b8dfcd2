package daemon

import (
	"os"
	"path/filepath"
	"testing"
)

// A state that can be read is saved and read again as the same state. A state of another format is
// not read.
func FuzzReadState(f *testing.F) {
	for _, seed := range []string{`{"format":1,"remote":"r","branch":"b","head":"h","settled":{"commit":"c",` +
		`"phase":"idle","config":"x"},"running":{"commit":"c"},"runs":[{"commit":"c"}]}`, `{"format":2}`, `{}`, `null`, `{"format":1}`} {
		f.Add([]byte(seed))
	}
	name := filepath.Join(f.TempDir(), "state.json")
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := readState(name)
		if err != nil {
			return
		}
		if s.Format != stateFormat {
			t.Errorf("%s is read", b)
		}
		if err := s.save(name); err != nil {
			t.Fatal(err)
		}
		first, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		back, err := readState(name)
		if err != nil {
			t.Fatalf("%s: %v", first, err)
		}
		if err := back.save(name); err != nil {
			t.Fatal(err)
		}
		if second, _ := os.ReadFile(name); string(second) != string(first) {
			t.Errorf("%s is read again as %s", first, second)
		}
	})
}
