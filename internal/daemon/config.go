package daemon

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/config"
	kvsync "github.com/kv-sync/kv-sync/sync"
)

// ConfigFiles is where the configuration is looked for, the first one counts.
var ConfigFiles = []string{"kv-sync-daemon.toml", "/etc/kv-sync/daemon.toml"}

// Config is the operator's configuration, whole and checked. It holds secrets,
// which print as "***".
type Config struct {
	config.Place
	// State is the folder of all that must survive the process.
	State string `toml:"state"`
	Poll  Every  `toml:"poll"`
	// Parallel is how many sites are built or deployed at once, Memory how much
	// their uploads may hold together.
	Parallel     int                `toml:"parallel"`
	Memory       string             `toml:"memory"`
	FetchTimeout Every              `toml:"fetch-timeout"`
	Listen       Listen             `toml:"listen"`
	Admin        Admin              `toml:"admin"`
	Webhook      map[string]Webhook `toml:"webhook"`
	Sites        []Site             `toml:"site"`
}

// Listen are the addresses to listen at; one that is "" is not listened at.
type Listen struct {
	config.Place
	Webhooks string `toml:"webhooks"`
	Admin    string `toml:"admin"`
	Metrics  string `toml:"metrics"`
}

// Admin is who may use the page, and by which names it is reached.
type Admin struct {
	config.Place
	Hosts        []string `toml:"hosts"`
	User         string   `toml:"user"`
	PasswordFile string   `toml:"password-file"`
	PasswordEnv  string   `toml:"password-env"`

	Password config.Secret
}

// Webhook is what a forge signs with.
type Webhook struct {
	config.Place
	SecretFile string `toml:"secret-file"`
	SecretEnv  string `toml:"secret-env"`

	// Secrets is one, or while it is being changed two: either is right.
	Secrets []config.Secret
}

// Site is one site that is kept as a branch is.
type Site struct {
	config.Place
	// Name is the site's id, or with Project only what it is called here.
	Name    string `toml:"name"`
	Project string `toml:"project"`
	Remote  Remote `toml:"remote"`
	// Branch is "" for the remote's HEAD.
	Branch string `toml:"branch"`
	// Root is the folder with the configuration, Dir what is published; both are
	// relative, to the repository and to Root, and "" leaves it to the repository.
	Root string `toml:"root"`
	Dir  string `toml:"dir"`
	Poll *Every `toml:"poll"`
	// Namespace is the KV namespace's title or id; "" leaves it to the repository.
	Namespace    string `toml:"namespace"`
	AccountID    string `toml:"account-id"`
	TokenFile    string `toml:"token-file"`
	TokenEnv     string `toml:"token-env"`
	SecretFile   string `toml:"webhook-secret-file"`
	SecretEnv    string `toml:"webhook-secret-env"`
	Build        Build  `toml:"build"`
	BuildTimeout Every  `toml:"build-timeout"`

	Token config.Secret
	// Secrets are the site's own for webhooks, as [Webhook] has them, or none.
	Secrets []config.Secret
}

// Every is a time between two looks, or a limit. Zero is never, or none.
type Every time.Duration

// UnmarshalText reads "90s", "5m" or "0".
func (e *Every) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if err != nil || d < 0 || d > 0 && d < time.Second || d > 24*time.Hour {
		return errors.New(`write a time from "1s" to "24h", such as "5m" ("0" as poll: never)`)
	}
	*e = Every(d)
	return nil
}

// Build is what may be run to build a site. The zero value is nothing.
type Build struct {
	// Line is the operator's command.
	Line string
	// Own lets the repository say what is run.
	Own bool
}

var _ config.Valued = (*Build)(nil)

// SetValue takes a command, or true.
func (b *Build) SetValue(v any) error {
	switch v := v.(type) {
	case bool:
		b.Own = v
		return nil
	case string:
		if b.Line = strings.TrimSpace(v); b.Line != "" && !strings.ContainsAny(b.Line, "\x00\r\n") {
			return nil
		}
	}
	return errors.New(`write a command in quotes, or true for what the repository names as its build`)
}

// Allowed reports whether anything may be run.
func (b Build) Allowed() bool { return b.Own || b.Line != "" }

// ConfigError lists everything in the configuration that a person has to mend.
type ConfigError struct{ Problems []kvsync.Problem }

// Error lists the problems, a line each.
func (e *ConfigError) Error() string {
	lines := []string{"the daemon's configuration cannot be used:"}
	for _, p := range e.Problems {
		lines = append(lines, "  "+p.String())
	}
	return strings.Join(lines, "\n")
}

// maxConfig bounds the configuration; package config refuses what is larger.
const maxConfig = 1 << 20

// LoadConfig reads a configuration file and the secrets that it names. Relative
// paths start at the file's folder. forges are the names that [webhook.NAME] may
// have. All mistakes are in one [ConfigError].
func LoadConfig(file string, getenv func(string) string, forges []string) (*Config, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read the daemon's configuration: %w; write it there, or name it with --config", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxConfig))
	if err != nil {
		return nil, fmt.Errorf("read the daemon's configuration: %w", err)
	}
	c := &Config{Poll: Every(time.Minute), Parallel: 4, Memory: "128MiB", FetchTimeout: Every(30 * time.Minute)}
	problems := config.Strict(file, data, c)
	if len(problems) == 0 {
		check := &checker{dir: filepath.Dir(file), getenv: getenv, forges: forges}
		check.config(c)
		problems = check.problems
	}
	if len(problems) > 0 {
		slices.SortStableFunc(problems, func(a, b kvsync.Problem) int { return a.Line - b.Line })
		return nil, &ConfigError{problems}
	}
	return c, nil
}

// checker holds what was read to what can be used, and reads the secrets.
type checker struct {
	dir      string
	getenv   func(string) string
	forges   []string
	problems []kvsync.Problem
}

func (k *checker) refuse(p kvsync.Problem) { k.problems = append(k.problems, p) }

func (k *checker) config(c *Config) {
	switch given := k.getenv("STATE_DIRECTORY"); {
	case c.State != "":
		c.State = k.path(c.State)
	case strings.Contains(given, ":"):
		k.refuse(c.Problem("state", "$STATE_DIRECTORY names several folders", `name one, as "state"`))
	default:
		// It is not named in a file, so it begins in the current folder.
		c.State = (&checker{}).path(cmp.Or(given, "kv-sync-state"))
	}
	if c.Parallel < 1 || c.Parallel > 64 {
		k.refuse(c.Problem("parallel", fmt.Sprintf("parallel is %d", c.Parallel), "write a number from 1 to 64"))
	}
	if !config.ValidMemory(c.Memory) {
		k.refuse(c.Problem("memory", fmt.Sprintf("memory is %.40q", c.Memory), `write a size of at least 32 MiB, such as "128MiB"`))
	}
	if c.FetchTimeout == 0 {
		k.refuse(c.Problem("fetch-timeout", "a fetch without a limit may hang for ever", `write a time such as "30m"`))
	}
	k.listen(c)
	k.webhooks(c)
	if len(c.Sites) == 0 {
		k.refuse(c.Problem("", "there is no site", "add one: [[site]] with name and remote"))
	}
	seen := map[string]bool{}
	for i := range c.Sites {
		s := &c.Sites[i]
		k.site(c, s)
		for _, id := range []string{s.Name, "project " + s.Project} {
			if seen[id] && id != "project " {
				k.refuse(s.Problem("name", id+" is there twice", "take one of them out"))
			}
			seen[id] = true
		}
	}
}

func (k *checker) listen(c *Config) {
	l, taken := c.Listen, map[string]string{}
	for _, a := range []struct{ key, address string }{{"webhooks", l.Webhooks}, {"admin", l.Admin}, {"metrics", l.Metrics}} {
		if a.address == "" {
			continue
		}
		if _, port, err := net.SplitHostPort(a.address); err != nil || port == "" {
			k.refuse(l.Problem(a.key, fmt.Sprintf("%s is %.80q", a.key, a.address), `write an address with a port, such as "127.0.0.1:8790"`))
		} else if other := taken[a.address]; other != "" && port != "0" {
			k.refuse(l.Problem(a.key, a.key+" and "+other+" have one address", "give each a port of its own"))
		}
		taken[a.address] = a.key
	}
	if l.Admin == "" {
		return
	}
	at := c.Admin.Place
	if !c.Has("admin") {
		at = l.Place
	}
	if c.Admin.User == "" {
		k.refuse(at.Problem("admin", "the admin page has no user", `write [admin] with user = "…"`))
	}
	if c.Admin.Password = k.secret(at, "password", c.Admin.PasswordFile, c.Admin.PasswordEnv); c.Admin.Password == "" && c.Admin.PasswordFile+c.Admin.PasswordEnv == "" {
		k.refuse(at.Problem("admin", "the admin page has no password", "write password-file or password-env under [admin]"))
	}
}

func (k *checker) webhooks(c *Config) {
	any := false
	for name, w := range c.Webhook {
		if !slices.Contains(k.forges, name) {
			k.refuse(w.Problem("", fmt.Sprintf("webhook.%.40s is not understood", name), "write one of "+strings.Join(k.forges, ", ")+" (for Forgejo, gitea)"))
			continue
		}
		if w.Secrets = k.secrets(w.Place, "secret", w.SecretFile, w.SecretEnv); w.SecretFile+w.SecretEnv == "" {
			k.refuse(w.Problem("", "there is no secret", "write secret-file or secret-env"))
		}
		c.Webhook[name] = w
		any = true
	}
	for _, s := range c.Sites {
		any = any || s.SecretFile+s.SecretEnv != ""
	}
	if c.Listen.Webhooks != "" && !any {
		k.refuse(c.Listen.Problem("webhooks", "webhooks are listened for, and nothing says what they are signed with",
			"write [webhook.NAME] ("+strings.Join(k.forges, ", ")+") with secret-file, or webhook-secret-file at a site"))
	}
}

func (k *checker) site(c *Config, s *Site) {
	if s.Poll == nil {
		s.Poll = &c.Poll
	}
	s.BuildTimeout = cmp.Or(s.BuildTimeout, Every(30*time.Minute))
	const nameFix = "write 1 to 63 of a-z, 0-9, - and _, beginning with a letter or digit"
	if !config.ValidName(s.Name) {
		k.refuse(s.Problem("name", fmt.Sprintf("the site's name is %.80q", s.Name), nameFix))
	}
	if s.Project != "" && !config.ValidName(s.Project) {
		k.refuse(s.Problem("project", fmt.Sprintf("the project's id is %.80q", s.Project), nameFix))
	}
	if s.Remote == (Remote{}) && !s.Has("remote") {
		k.refuse(s.Problem("", "the site has no remote", `name the repository: remote = "https://…"`))
	}
	if s.Branch != "" && !validBranch(s.Branch) {
		k.refuse(s.Problem("branch", fmt.Sprintf("the branch is %.80q", s.Branch), `write a branch's name, such as "main"`))
	}
	for _, f := range []struct {
		key   string
		value *string
	}{{"root", &s.Root}, {"dir", &s.Dir}} {
		if *f.value == "" {
			continue
		}
		if !filepath.IsLocal(*f.value) || strings.Contains(*f.value, `\`) {
			k.refuse(s.Problem(f.key, fmt.Sprintf("%s is %.80q", f.key, *f.value), "write a folder inside of the repository, relative to its top (dir: to root)"))
		}
		*f.value = filepath.ToSlash(filepath.Clean(*f.value))
	}
	if s.AccountID != "" && !config.ValidAccount(s.AccountID) {
		k.refuse(s.Problem("account-id", fmt.Sprintf("account-id is %.80q", s.AccountID), "write the account's id: 32 hexadecimal digits, in the dashboard's address"))
	}
	s.Token = k.secret(s.Place, "token", s.TokenFile, s.TokenEnv)
	if s.TokenFile+s.TokenEnv == "" && k.getenv("CLOUDFLARE_API_TOKEN") == "" && k.getenv("CLOUDFLARE_API_KEY") == "" {
		k.refuse(s.Problem("name", "there is no API token for the site", "write token-file, or set CLOUDFLARE_API_TOKEN for the daemon"))
	}
	s.Secrets = k.secrets(s.Place, "webhook-secret", s.SecretFile, s.SecretEnv)
}

// maxSecret is far more than any token has.
const maxSecret = 16 << 10

// shortestSecret is less than anything has that is hard to guess. One that is
// shorter could not be taken out of texts, either: it stands in half of them.
const shortestSecret = 8

// secret reads the one line that a file or a variable holds.
func (k *checker) secret(at config.Place, key, file, env string) config.Secret {
	lines := k.secrets(at, key, file, env)
	switch len(lines) {
	case 0:
		return ""
	case 1:
		return lines[0]
	}
	k.refuse(at.Problem(key+"-file", "it holds more than one line of text", fmt.Sprintf("leave the %s alone there", key)))
	return ""
}

// secrets reads what a file or a variable holds, one a line. Of their values
// nothing is said.
func (k *checker) secrets(at config.Place, key, file, env string) []config.Secret {
	value, from := "", key+"-file"
	switch fix := fmt.Sprintf("put the secret alone into the file that %s-file names", key); {
	case file != "" && env != "":
		k.refuse(at.Problem(key+"-file", "a file and a variable are named", "leave one of "+key+"-file and "+key+"-env out"))
	case env != "":
		from = key + "-env"
		if value = k.getenv(env); strings.TrimSpace(value) == "" {
			k.refuse(at.Problem(key+"-env", fmt.Sprintf("the variable %.80q is empty or not set", env), "set it for the daemon"))
		}
	case file != "":
		f, err := os.Open(k.path(file))
		if err != nil {
			k.refuse(at.Problem(key+"-file", err.Error(), fix))
			return nil
		}
		defer f.Close()
		data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
		value = string(data)
		switch {
		case err != nil:
			k.refuse(at.Problem(key+"-file", err.Error(), fix))
			return nil
		case strings.TrimSpace(value) == "" || len(data) > maxSecret || strings.Contains(value, "\x00"):
			k.refuse(at.Problem(key+"-file", file+" holds no line of text", fix))
			return nil
		}
	}
	var out []config.Secret
	for line := range strings.Lines(value) {
		switch line = strings.TrimSpace(line); {
		case line == "":
		case len(line) < shortestSecret:
			k.refuse(at.Problem(from, fmt.Sprintf("it holds a secret of less than %d characters, which can be guessed", shortestSecret), "make a longer one: openssl rand -base64 24"))
		default:
			out = append(out, config.Secret(line))
		}
	}
	return out
}

func (k *checker) path(name string) string {
	if !filepath.IsAbs(name) {
		name = filepath.Join(k.dir, name)
	}
	if abs, err := filepath.Abs(name); err == nil {
		return abs
	}
	return name
}

// SecretValues are those that nobody is to see: not a build, not a log. They are the
// configuration's, and the account's in the environment.
func (c *Config) SecretValues(getenv func(string) string) []string {
	out := []string{c.Admin.Password.Reveal(), getenv("CLOUDFLARE_API_TOKEN"), getenv("CLOUDFLARE_API_KEY"), getenv("CF_API_TOKEN"), getenv("CF_API_KEY")}
	for _, w := range c.Webhook {
		out = append(out, Reveal(w.Secrets)...)
	}
	for _, s := range c.Sites {
		out = append(append(out, s.Token.Reveal()), Reveal(s.Secrets)...)
	}
	return slices.DeleteFunc(out, func(s string) bool { return s == "" })
}

// Reveal is the secrets' values.
func Reveal(secrets []config.Secret) []string {
	out := make([]string, len(secrets))
	for i, s := range secrets {
		out[i] = s.Reveal()
	}
	return out
}

// Names lists the sites.
func (c *Config) Names() []string {
	var out []string
	for i := range c.Sites {
		out = append(out, c.Sites[i].Name)
	}
	return out
}

// LongestBuild is the longest that any site's build may take, 0 where none is built.
func (c *Config) LongestBuild() (d time.Duration) {
	for i := range c.Sites {
		if s := &c.Sites[i]; s.Build.Allowed() {
			d = max(d, time.Duration(s.BuildTimeout))
		}
	}
	return d
}

// fingerprint names all that decides, beside the commit, what is deployed where.
// A site whose fingerprint changed is deployed again.
func (s *Site) fingerprint(account string) string {
	b, err := json.Marshal([]any{s.Name, s.Project, s.Remote.String(), s.Branch, s.Root, s.Dir, s.Namespace, cmp.Or(s.AccountID, account), s.Build})
	if err != nil {
		panic(err) // strings and booleans always encode
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}
