package local

import "testing"

// An address in the file that is not on loopback is refused, so that the control token is not sent
// to another machine.
func TestPlatformRootIsLocal(t *testing.T) {
	for api, want := range map[string]string{
		"http://127.0.0.1:8787/client/v4":        "http://127.0.0.1:8787",
		"http://[::1]:8787/client/v4":            "http://[::1]:8787",
		"http://example.com/client/v4":           "",
		"http://127.0.0.1.example.com/client/v4": "",
		"http://127.0.0.1@example.com/client/v4": "",
		"https://127.0.0.1/client/v4":            "",
		"http://127.0.0.1:8787/elsewhere":        "",
		"nonsense":                               "",
	} {
		got, ok := platformRoot(api)
		if ok != (want != "") || ok && got != want {
			t.Errorf("platformRoot(%q) is %q, %v; want %q", api, got, ok, want)
		}
	}
}
