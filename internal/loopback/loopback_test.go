package loopback_test

import (
	"net/url"
	"testing"

	"github.com/kv-sync/kv-sync/internal/loopback"
)

func TestHost(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1": true, "127.8.9.10": true, "::1": true, "::ffff:127.0.0.1": true,
		"localhost": true, "LocalHost": true, "shop.localhost": true, "a.b-c.LOCALHOST": true,

		"": false, "0.0.0.0": false, "::": false, "10.0.0.7": false, "192.168.1.20": false, "fe80::1": false,
		"example.com": false, "localhost.example.com": false, "mylocalhost": false, "127.0.0.1.example.com": false,
		".localhost": false, "a..localhost": false, "example.com,a.localhost": false, "127.1": false, "2130706433": false,
	} {
		if got := loopback.Host(host); got != want {
			t.Errorf("Host(%q) is %v", host, got)
		}
	}
}

func TestURLs(t *testing.T) {
	type is struct{ here, private bool }
	for address, want := range map[string]is{
		"http://127.0.0.1:8787/client/v4":        {true, true},
		"http://[::1]:8787":                      {true, true},
		"http://shop.localhost:8787":             {true, true},
		"https://localhost":                      {true, true},
		"https://example.com":                    {false, true},
		"http://example.com":                     {false, false},
		"http://192.168.1.20:8787":               {false, false},
		"http://127.0.0.1@example.com/client/v4": {false, false},
		"http://localhost.example.com":           {false, false},
		"ftp://127.0.0.1":                        {false, false},
		"//127.0.0.1":                            {false, false},
		"127.0.0.1":                              {false, false},
		"":                                       {false, false},
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if got := (is{loopback.URL(address), loopback.Private(u)}); got != want {
			t.Errorf("%q: %+v, want %+v", address, got, want)
		}
	}
	if loopback.URL("http://127.0.0.1:%") {
		t.Error("an address that cannot be parsed is of this machine")
	}
}

// A server listens at no address that other machines can reach.
func TestListen(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "localhost:0"} {
		l, err := loopback.Listen(addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = l.Close() // nothing was accepted
	}
	for _, addr := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "127.0.0.1"} {
		if l, err := loopback.Listen(addr); err == nil {
			t.Errorf("it listens at %s", l.Addr())
			_ = l.Close()
		}
	}
}
