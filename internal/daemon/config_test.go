package daemon_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/daemon"
	"github.com/kv-sync/kv-sync/internal/daemon/webhook"
)

func load(t *testing.T, text string, env map[string]string) (*daemon.Config, error) {
	t.Helper()
	dir := t.TempDir()
	fill(t, dir, map[string]string{"daemon.toml": text, "secret": "s3cret-in-a-file\n", "empty": "\n",
		"two": "s3cret-of-old\r\n\n s3cret-of-new\n", "short": "1234567\n"})
	return daemon.LoadConfig(filepath.Join(dir, "daemon.toml"), func(name string) string { return env[name] },
		webhook.ForgeNames())
}

func TestConfig(t *testing.T) {
	c, err := load(t, `
state = "here"
poll = "5m"
parallel = 2
[listen]
webhooks = "127.0.0.1:8790"
admin = "127.0.0.1:8791"
[admin]
user = "ada"
password-file = "secret"
[webhook.gitlab]
secret-env = "HOOK"
[webhook.github]
secret-file = "two"
[[site]]
name = "blog"
remote = "git@example.com:me/blog.git"
token-file = "secret"
root = "sites/blog/"
poll = "0"
build = true
[[site]]
name = "shop"
project = "tides"
remote = "https://ada@example.com/shop.git"
build = "npm ci && npm run build"
`, map[string]string{"HOOK": "s3cret-of-env", "CLOUDFLARE_API_TOKEN": "t"})
	if err != nil {
		t.Fatal(err)
	}
	blog, shop := c.Sites[0], c.Sites[1]
	if filepath.Base(c.State) != "here" || !filepath.IsAbs(c.State) ||
		!slices.Equal(daemon.Reveal(c.Webhook["gitlab"].Secrets), []string{"s3cret-of-env"}) ||
		!slices.Equal(daemon.Reveal(c.Webhook["github"].Secrets), []string{"s3cret-of-old", "s3cret-of-new"}) ||
		c.Admin.Password.Reveal() != "s3cret-in-a-file" {
		t.Errorf("%+v", c)
	}
	if blog.Token.Reveal() != "s3cret-in-a-file" || blog.Root != "sites/blog" || *blog.Poll != 0 || !blog.Build.Own ||
		blog.Remote.String() != "example.com:me/blog.git" {
		t.Errorf("%+v", blog)
	}
	if time.Duration(*shop.Poll) != 5*time.Minute || shop.Build.Line != "npm ci && npm run build" ||
		shop.Remote.String() != "https://example.com/shop.git" {
		t.Errorf("%+v", shop)
	}
	if text := fmt.Sprintf("%+v %#v", c, c); strings.Contains(text, "s3cret") {
		t.Error("the configuration prints its secrets")
	}
}

// All mistakes are reported at once, with their lines and without secrets.
func TestConfigMistakes(t *testing.T) {
	const site = "[[site]]\nname = \"blog\"\nremote = \"/r\"\n"
	for text, want := range map[string]string{
		"":                                "no site is configured",
		"[[site]]\nname = \"blog\"\n":     ":1: the site has no remote",
		site + "nme = \"x\"\n":            `:4: site[0].nme is not understood; did you mean "name"?`,
		"pol = \"1m\"\n" + site:           `:1: pol is not understood; did you mean "poll"?`,
		"poll = 60\n" + site:              ":1: poll is a number, not a string",
		"poll = \"1ms\"\n" + site:         `:1: poll is "1ms"; write a time`,
		"parallel = 0\n" + site:           ":1: parallel is 0",
		"parallel = \"4\"\n" + site:       ":1: parallel is a string, not a whole number",
		"memory = \"1KiB\"\n" + site:      ":1: memory is",
		"fetch-timeout = \"0\"\n" + site:  ":1: a fetch without a timeout",
		"x = [\n":                         ":1",
		site + "branch = \"--x\"\n":       ":4: the branch is",
		site + "branch = \"a..b\"\n":      ":4: the branch is",
		site + "root = \"../x\"\n":        `:4: root is "../x"`,
		site + "dir = \"/etc\"\n":         `:4: dir is "/etc"`,
		site + "account-id = \"a/b\"\n":   ":4: account-id is",
		site + "build = 7\n":              ":4: site[0].build is not understood; write a command",
		site + "build = \"a\\nb\"\n":      ":4: site[0].build is not understood; write a command",
		site + "token-file = \"none\"\n":  ":4: open ",
		site + "token-file = \"empty\"\n": ":4: empty has no line",
		site + "token-file = \"two\"\n":   ":4: it has more than one line",
		site + "token-file = \"short\"\n": ":4: it has a secret of less than 8",
		site + "token-env = \"NONE\"\n":   `:4: the variable "NONE" is empty`,
		site + site:                       ":5: blog is configured twice",
		site + "project = \"tides\"\n" + strings.Replace(site, "blog", "shop",
			1) + "project = \"tides\"\n": ":6: project tides is configured twice",
		"[listen]\nadmin = \"8791\"\n[admin]\nuser=\"a\"\npassword-file=\"secret\"\n" +
			site: `:2: admin is "8791"`,
		"[listen]\nadmin = \"127.0.0.1:1\"\n" +
			site: "the admin page has no password",
		"[listen]\nwebhooks = \"127.0.0.1:1\"\n" +
			site: ":2: a listener for webhooks is configured, but no secret",
		"[listen]\nwebhooks = \"127.0.0.1:1\"\nmetrics = \"127.0.0.1:1\"\n[webhook.github]\nsecret-file=\"secret\"\n" +
			site: ":3: metrics and webhooks have the same address",
		"[webhook.nosuch]\nsecret-file = \"secret\"\n" +
			site: ":1: webhook.nosuch is not a known forge",
		"[[site]]\nname = \"A b\"\nremote = \"/r\"\n": `:2: the site's name is "A b"`,
	} {
		_, err := load(t, text, map[string]string{"CLOUDFLARE_API_TOKEN": "t"})
		var wrong *daemon.ConfigError
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
		for _, p := range wrong.Problems {
			if p.Fix == "" {
				t.Errorf("%q: %s has no remedy", text, p)
			}
		}
	}
	_, err := load(t, "a = 1\nb = 2\n"+site, map[string]string{"CLOUDFLARE_API_TOKEN": "t"})
	if n := strings.Count(fmt.Sprint(err), "is not understood"); n != 2 {
		t.Errorf("%d of 2 mistakes are reported: %v", n, err)
	}
	_, err = load(t, "pol = \"1m\"\nparallel = \"4\"\nmemory = \"1KiB\"\n"+site+"branch = \"--x\"\ntoken-env = 1\n", nil)
	for _, one := range []string{":1: pol is", ":2: parallel is a string", ":3: memory is", ":7: the branch is",
		":8: site[0].token-env is a number", "no API token"} {
		if strings.Count(fmt.Sprint(err), one) != 1 {
			t.Errorf("one report has not all mistakes, such as %s: %v", one, err)
		}
	}
	if n := strings.Count(fmt.Sprint(err), "\n"); n != 6 {
		t.Errorf("%d lines for 6 mistakes: %v", n, err)
	}
	_, err = load(t, "[[site]]\nname = \"blog\"\nremote = \"https://me:s3cret@x@example.com/blog.git\"\n",
		map[string]string{"CLOUDFLARE_API_TOKEN": "t"})
	if text := fmt.Sprint(err); strings.Contains(text, "s3cret") || !strings.Contains(text, "example.com/blog.git") ||
		!strings.Contains(text, "remove the password") {
		t.Errorf("got %v", err)
	}
	if _, err := load(t, site, nil); err == nil || !strings.Contains(err.Error(), "no API token") {
		t.Errorf("got %v", err)
	}
	if _, err := daemon.LoadConfig("/nowhere/daemon.toml", func(string) string { return "" }, nil); err == nil ||
		!strings.Contains(err.Error(), "--config") {
		t.Errorf("got %v", err)
	}
}

// The newest deliveries are kept over a restart.
func TestDeliveries(t *testing.T) {
	r := newTestDaemon(t, noPoll+siteOf(newOrigin(t)))
	d, err := r.open()
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for i := range 2*daemon.KeptDeliveries + 500 {
		ids = append(ids, fmt.Sprint("id ", i))
		if err := d.Deliveries().Remember(ids[i]); err != nil {
			t.Fatal(err)
		}
	}
	check := func() {
		t.Helper()
		seen := func(id string) bool { return d.Deliveries().Seen(id) }
		if n := len(slices.DeleteFunc(slices.Clone(ids),
			func(id string) bool { return !seen(id) })); n != daemon.KeptDeliveries || !seen(ids[len(ids)-1]) || seen(ids[0]) {
			t.Errorf("%d are kept", n)
		}
	}
	check()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if d, err = r.open(); err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	check()
}
