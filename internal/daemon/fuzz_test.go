package daemon

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// A state that can be read is written and read again as the same state. A state of another format
// is not read.
func FuzzReadState(f *testing.F) {
	for _, seed := range []string{`{"format":1,"remote":"r","branch":"b","head":"h","settled":{"commit":"c",` +
		`"phase":"idle","config":"x"},"running":{"commit":"c"},"runs":[{"commit":"c"}]}`, `{"format":2}`, `{}`, `null`,
		`{"format":1}`} {
		f.Add([]byte(seed))
	}
	name := filepath.Join(f.TempDir(), "state.json")
	read := func(t *testing.T, b []byte) (state, error) {
		if err := os.WriteFile(name, b, 0o600); err != nil { // state.save waits for the disk
			t.Fatal(err)
		}
		return readState(name)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := read(t, b)
		if err != nil {
			return
		}
		if s.Format != stateFormat {
			t.Errorf("%s is read", b)
		}
		first, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		back, err := read(t, first)
		if err != nil {
			t.Fatalf("%s: %v", first, err)
		}
		if second, err := json.Marshal(back); err != nil || string(second) != string(first) {
			t.Errorf("%s is read again as %s, %v", first, second, err)
		}
	})
}
