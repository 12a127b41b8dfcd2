package local

import "testing"

// TestTokenStaysHere: the file cannot send the control token to another machine.
func TestTokenStaysHere(t *testing.T) {
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
		got, ok := trimAPI(api)
		if ok != (want != "") || ok && got != want {
			t.Errorf("trimAPI(%q) is %q, %v; want %q", api, got, ok, want)
		}
	}
}
