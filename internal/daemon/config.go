package daemon

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/config"
	"github.com/kv-sync/kv-sync/internal/daemon/mirror"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// ConfigFiles are the default places of the configuration. The first that exists
// is used.
var ConfigFiles = []string{"kv-sync-daemon.toml", "/etc/kv-sync/daemon.toml"}

// Config is the operator's configuration, complete and valid. Its secrets print as
// "***".
type Config struct {
	config.Place
	// State is the folder of everything that must survive the process.
	State string   `toml:"state"`
	Poll  Interval `toml:"poll"`
	// Parallel limits how many sites are built or deployed at once, Memory how much
	// memory their uploads use together.
	Parallel     int                `toml:"parallel"`
	Memory       string             `toml:"memory"`
	FetchTimeout Interval           `toml:"fetch-timeout"`
	Listen       Listen             `toml:"listen"`
	Admin        Admin              `toml:"admin"`
	Webhook      map[string]Webhook `toml:"webhook"`
	Sites        []Site             `toml:"site"`

	// Warnings are settings that are valid but should be changed.
	Warnings []manifest.Problem `toml:"-"`
}

// Listen has the addresses to listen on. "" disables a listener.
type Listen struct {
	config.Place
	Webhooks string `toml:"webhooks"`
	Admin    string `toml:"admin"`
	Metrics  string `toml:"metrics"`
}

// Admin has the admin page's login and host names.
type Admin struct {
	config.Place
	Hosts        []string `toml:"hosts"`
	User         string   `toml:"user"`
	PasswordFile string   `toml:"password-file"`
	PasswordEnv  string   `toml:"password-env"`

	Password config.Secret
}

// Webhook has the secrets of a forge's webhooks.
type Webhook struct {
	config.Place
	SecretFile string `toml:"secret-file"`
	SecretEnv  string `toml:"secret-env"`

	// Secrets has one value, or two during a rotation. Either is valid.
	Secrets []config.Secret
}

// Site is one site that follows a branch.
type Site struct {
	config.Place
	// Name is the site's id. With Project it is only a label.
	Name    string        `toml:"name"`
	Project string        `toml:"project"`
	Remote  mirror.Remote `toml:"remote"`
	// Branch is "" to follow the remote's HEAD.
	Branch string `toml:"branch"`
	// Root is the folder with the configuration, relative to the repository. Dir is
	// the folder to publish, relative to Root. "" means the repository's own setting.
	Root string    `toml:"root"`
	Dir  string    `toml:"dir"`
	Poll *Interval `toml:"poll"`
	// Namespace is the KV namespace's title or id. "" means the repository's setting.
	Namespace    string   `toml:"namespace"`
	AccountID    string   `toml:"account-id"`
	TokenFile    string   `toml:"token-file"`
	TokenEnv     string   `toml:"token-env"`
	SecretFile   string   `toml:"webhook-secret-file"`
	SecretEnv    string   `toml:"webhook-secret-env"`
	Build        Build    `toml:"build"`
	BuildTimeout Interval `toml:"build-timeout"`

	Token config.Secret
	// Secrets are those of the site's own webhooks, if any.
	Secrets []config.Secret
}

// Interval is a time between two polls, or a timeout. Zero means no polls, or no timeout.
type Interval time.Duration

// UnmarshalText reads "90s", "5m" or "0".
func (i *Interval) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if err != nil || d < 0 || d > 0 && d < time.Second || d > 24*time.Hour {
		return errors.New(`write a time from "1s" to "24h", such as "5m" ("0" as poll: never)`)
	}
	*i = Interval(d)
	return nil
}

// Build is the command that builds a site. The zero value allows no build.
type Build struct {
	// Line is the operator's command.
	Line string
	// Own runs the command that the repository configures.
	Own bool
}

var _ config.Valued = (*Build)(nil)

// SetValue accepts a command or a boolean.
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
	return errors.New(`write a command in quotes, or true for the build that the repository configures`)
}

// Allowed reports whether the site may be built.
func (b Build) Allowed() bool { return b.Own || b.Line != "" }

// ConfigError lists every mistake in the configuration.
type ConfigError struct{ Problems []manifest.Problem }

// Error has one line for each problem.
func (e *ConfigError) Error() string {
	lines := []string{"the daemon's configuration is not valid:"}
	for _, p := range e.Problems {
		lines = append(lines, "  "+p.String())
	}
	return strings.Join(lines, "\n")
}

// maxConfig limits the size of the file. Package config refuses a larger one.
const maxConfig = 1 << 20

// LoadConfig reads a configuration file and the secrets that it names. Relative
// paths start at the file's folder. forges are the names that [webhook.NAME] may
// have. All mistakes are in one [ConfigError].
func LoadConfig(file string, getenv func(string) string, forges []string) (*Config, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read the daemon's configuration: %w; create it, or name another file with --config", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxConfig))
	if err != nil {
		return nil, fmt.Errorf("read the daemon's configuration: %w", err)
	}
	c := &Config{Poll: Interval(time.Minute), Parallel: 4, Memory: "128MiB", FetchTimeout: Interval(30 * time.Minute)}
	problems := config.Strict(file, data, c)
	if len(problems) == 0 || c.Read() {
		check := &checker{dir: filepath.Dir(file), getenv: getenv, forges: forges, reported: slices.Clone(problems)}
		check.config(c)
		problems, c.Warnings = append(problems, check.problems...), check.warnings
	}
	if len(problems) > 0 {
		slices.SortStableFunc(problems, func(a, b manifest.Problem) int { return a.Line - b.Line })
		return nil, &ConfigError{problems}
	}
	return c, nil
}

// Names returns the names of the sites.
func (c *Config) Names() []string {
	var out []string
	for i := range c.Sites {
		out = append(out, c.Sites[i].Name)
	}
	return out
}

// LongestBuild returns the longest build timeout of any site, or 0 if none is built.
func (c *Config) LongestBuild() (d time.Duration) {
	for i := range c.Sites {
		if s := &c.Sites[i]; s.Build.Allowed() {
			d = max(d, time.Duration(s.BuildTimeout))
		}
	}
	return d
}

// fingerprint identifies the settings that decide what is deployed and where. A site with a
// new fingerprint is deployed again, even if its commit is the same.
func (s *Site) fingerprint(account string) string {
	b, err := json.Marshal([]any{
		s.Name, s.Project, s.Remote.String(), s.Branch, s.Root, s.Dir, s.Namespace, cmp.Or(s.AccountID, account), s.Build,
	})
	if err != nil {
		panic(err) // strings and booleans can always be encoded
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}
