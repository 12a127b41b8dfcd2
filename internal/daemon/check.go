package daemon

import (
	"cmp"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/config"
	"github.com/kv-sync/kv-sync/internal/daemon/mirror"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// checker validates a configuration and reads its secrets.
type checker struct {
	dir      string
	getenv   func(string) string
	forges   []string
	problems []manifest.Problem
	warnings []manifest.Problem
	// reported are the problems of reading the file.
	reported []manifest.Problem
}

// refuse adds a problem. It leaves out one of a line that was not understood, because it follows
// from that.
func (ch *checker) refuse(p manifest.Problem) {
	if !slices.ContainsFunc(ch.reported, func(r manifest.Problem) bool { return r.Line == p.Line }) {
		ch.problems = append(ch.problems, p)
	}
}

func (ch *checker) config(c *Config) {
	switch given := ch.getenv("STATE_DIRECTORY"); {
	case c.State != "":
		c.State = ch.path(c.State)
	case strings.Contains(given, ":"):
		ch.refuse(c.Problem("state", "$STATE_DIRECTORY names several folders", `name one, as "state"`))
	default:
		// A path that is not in the file is relative to the current folder.
		c.State = (&checker{}).path(cmp.Or(given, "kv-sync-state"))
	}
	if c.Parallel < 1 || c.Parallel > 64 {
		ch.refuse(c.Problem("parallel", fmt.Sprintf("parallel is %d", c.Parallel), "write a number from 1 to 64"))
	}
	if !config.ValidMemory(c.Memory) {
		ch.refuse(c.Problem("memory", fmt.Sprintf("memory is %.40q", c.Memory),
			`write a size of at least 32 MiB, such as "128MiB"`))
	}
	if c.FetchTimeout == 0 {
		ch.refuse(c.Problem("fetch-timeout", "a fetch without a timeout may hang for ever", `write a time such as "30m"`))
	}
	ch.listen(c)
	ch.webhooks(c)
	if len(c.Sites) == 0 {
		ch.refuse(c.Problem("", "no site is configured", "add one: [[site]] with name and remote"))
	}
	seen := map[string]bool{}
	for i := range c.Sites {
		s := &c.Sites[i]
		ch.site(c, s)
		for _, id := range []string{s.Name, "project " + s.Project} {
			if seen[id] && id != "project " { // a site has no project
				ch.refuse(s.Problem("name", id+" is configured twice", "remove one of them"))
			}
			seen[id] = true
		}
	}
}

func (ch *checker) listen(c *Config) {
	l, used := c.Listen, map[string]string{}
	for _, a := range []struct{ key, address string }{{"webhooks", l.Webhooks}, {"admin", l.Admin},
		{"metrics", l.Metrics}} {
		if a.address == "" {
			continue
		}
		if _, port, err := net.SplitHostPort(a.address); err != nil || port == "" {
			ch.refuse(l.Problem(a.key, fmt.Sprintf("%s is %.80q", a.key, a.address),
				`write an address with a port, such as "127.0.0.1:8790"`))
		} else if other := used[a.address]; other != "" && port != "0" {
			ch.refuse(l.Problem(a.key, a.key+" and "+other+" have the same address", "give each its own port"))
		}
		used[a.address] = a.key
	}
	if l.Admin == "" {
		return
	}
	at := c.Admin.Place
	if !c.Has("admin") {
		at = l.Place
	}
	if c.Admin.User == "" {
		ch.refuse(at.Problem("admin", "the admin page has no user", `write [admin] with user = "…"`))
	}
	c.Admin.Password = ch.secret(at, "password", c.Admin.PasswordFile, c.Admin.PasswordEnv)
	if c.Admin.Password == "" && c.Admin.PasswordFile+c.Admin.PasswordEnv == "" {
		ch.refuse(at.Problem("admin", "the admin page has no password", "write password-file or password-env under [admin]"))
	}
}

func (ch *checker) webhooks(c *Config) {
	secret := false
	for name, w := range c.Webhook {
		if !slices.Contains(ch.forges, name) {
			ch.refuse(w.Problem("", fmt.Sprintf("webhook.%.40s is not a known forge", name),
				"write one of "+strings.Join(ch.forges, ", ")+" (for Forgejo, gitea)"))
			continue
		}
		if w.Secrets = ch.secrets(w.Place, "secret", w.SecretFile, w.SecretEnv); w.SecretFile+w.SecretEnv == "" {
			ch.refuse(w.Problem("", "no secret is configured", "write secret-file or secret-env"))
		}
		c.Webhook[name] = w
		secret = true
	}
	for _, s := range c.Sites {
		secret = secret || s.SecretFile+s.SecretEnv != ""
	}
	if c.Listen.Webhooks != "" && !secret {
		ch.refuse(c.Listen.Problem("webhooks", "a listener for webhooks is configured, but no secret",
			"write [webhook.NAME] ("+strings.Join(ch.forges, ", ")+") with secret-file, or webhook-secret-file at a site"))
	}
}

func (ch *checker) site(c *Config, s *Site) {
	if s.Poll == nil {
		s.Poll = &c.Poll
	}
	s.BuildTimeout = cmp.Or(s.BuildTimeout, Interval(30*time.Minute))
	const nameFix = "write 1 to 63 of a-z, 0-9, - and _, beginning with a letter or digit"
	if !config.ValidName(s.Name) {
		ch.refuse(s.Problem("name", fmt.Sprintf("the site's name is %.80q", s.Name), nameFix))
	}
	if s.Project != "" && !config.ValidName(s.Project) {
		ch.refuse(s.Problem("project", fmt.Sprintf("the project's id is %.80q", s.Project), nameFix))
	}
	if s.Remote == (mirror.Remote{}) && !s.Has("remote") {
		ch.refuse(s.Problem("", "the site has no remote", `name the repository: remote = "https://…"`))
	}
	if s.Branch != "" && !mirror.ValidBranch(s.Branch) {
		ch.refuse(s.Problem("branch", fmt.Sprintf("the branch is %.80q", s.Branch), `write a branch's name, such as "main"`))
	}
	for _, f := range []struct {
		key   string
		value *string
	}{{"root", &s.Root}, {"dir", &s.Dir}} {
		if *f.value == "" {
			continue
		}
		if !filepath.IsLocal(*f.value) || strings.Contains(*f.value, `\`) {
			ch.refuse(s.Problem(f.key, fmt.Sprintf("%s is %.80q", f.key, *f.value),
				"write a folder in the repository, relative to its top (dir: relative to root)"))
		}
		*f.value = filepath.ToSlash(filepath.Clean(*f.value))
	}
	if s.AccountID != "" && !config.ValidAccount(s.AccountID) {
		ch.refuse(s.Problem("account-id", fmt.Sprintf("account-id is %.80q", s.AccountID),
			"write the account's id: 32 hexadecimal digits, in the dashboard's address"))
	}
	s.Token = ch.secret(s.Place, "token", s.TokenFile, s.TokenEnv)
	if s.TokenFile+s.TokenEnv == "" && ch.getenv("CLOUDFLARE_API_TOKEN") == "" && ch.getenv("CLOUDFLARE_API_KEY") == "" {
		ch.refuse(s.Problem("", "the site has no API token",
			"write token-file, or set CLOUDFLARE_API_TOKEN for the daemon"))
	}
	s.Secrets = ch.secrets(s.Place, "webhook-secret", s.SecretFile, s.SecretEnv)
}

// path makes a path absolute. A relative one starts at the configuration's folder.
func (ch *checker) path(name string) string {
	if !filepath.IsAbs(name) {
		name = filepath.Join(ch.dir, name)
	}
	if abs, err := filepath.Abs(name); err == nil {
		return abs
	}
	return name
}
