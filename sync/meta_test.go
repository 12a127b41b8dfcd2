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
