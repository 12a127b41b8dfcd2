package daemon

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/config"
)

// maxSecret is larger than any token.
const maxSecret = 16 << 10

// shortestSecret is the length below which a secret can be guessed, and cannot be
// redacted without making texts unreadable.
const shortestSecret = 8

// secret reads a file or a variable with one line.
func (ch *checker) secret(at config.Place, key, file, env string) config.Secret {
	lines := ch.secrets(at, key, file, env)
	switch len(lines) {
	case 0:
		return ""
	case 1:
		return lines[0]
	}
	ch.refuse(at.Problem(key+"-file", "it has more than one line of text", fmt.Sprintf("leave only the %s in it", key)))
	return ""
}

// secrets reads a file or a variable with one secret on each line. Problems do not
// show a value.
func (ch *checker) secrets(at config.Place, key, file, env string) []config.Secret {
	value, from := "", key+"-file"
	switch {
	case file != "" && env != "":
		ch.refuse(at.Problem(key+"-file", "a file and a variable are configured",
			"remove one of "+key+"-file and "+key+"-env"))
	case env != "":
		from = key + "-env"
		if value = ch.getenv(env); strings.TrimSpace(value) == "" {
			ch.refuse(at.Problem(key+"-env", fmt.Sprintf("the variable %.80q is empty or not set", env),
				"set it for the daemon"))
		}
	case file != "":
		var problem string
		if value, problem = ch.secretFile(file); problem != "" {
			ch.refuse(at.Problem(from, problem, fmt.Sprintf("write only the secret into the file that %s-file names", key)))
			return nil
		}
		if everybodyReads(ch.path(file)) {
			ch.warnings = append(ch.warnings, at.Problem(from, "every user of this machine can read "+file, "chmod 600 "+file))
		}
	}
	var out []config.Secret
	for line := range strings.Lines(value) {
		switch line = strings.TrimSpace(line); {
		case line == "":
		case len(line) < shortestSecret:
			ch.refuse(at.Problem(from, fmt.Sprintf("it has a secret of less than %d characters, which can be guessed",
				shortestSecret), "make a longer one: openssl rand -base64 24"))
		default:
			out = append(out, config.Secret(line))
		}
	}
	return out
}

// everybodyReads reports whether every user of the machine can read a file: the file and all
// folders above it allow that.
func everybodyReads(file string) bool {
	file, err := filepath.EvalSymlinks(file)
	if err != nil {
		return false
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode()&0o004 == 0 {
		return false
	}
	for dir := filepath.Dir(file); ; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err != nil || info.Mode()&0o001 == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}

// secretFile returns a file's text, or the problem why it has no secret.
func (ch *checker) secretFile(file string) (text, problem string) {
	f, err := os.Open(ch.path(file))
	if err != nil {
		return "", err.Error()
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", err.Error()
	}
	text = string(data)
	if strings.TrimSpace(text) == "" || len(data) > maxSecret || strings.Contains(text, "\x00") {
		return "", file + " has no line of text"
	}
	return text, ""
}

// SecretValues returns the secrets of the configuration and the account's in the
// environment. No build and no log may contain them.
func (c *Config) SecretValues(getenv func(string) string) []string {
	out := []string{c.Admin.Password.Reveal(), getenv("CLOUDFLARE_API_TOKEN"), getenv("CLOUDFLARE_API_KEY"),
		getenv("CF_API_TOKEN"), getenv("CF_API_KEY")}
	for _, w := range c.Webhook {
		out = append(out, Reveal(w.Secrets)...)
	}
	for _, s := range c.Sites {
		out = append(append(out, s.Token.Reveal()), Reveal(s.Secrets)...)
	}
	return slices.DeleteFunc(out, func(s string) bool { return s == "" })
}

// Reveal returns the values of secrets.
func Reveal(secrets []config.Secret) []string {
	out := make([]string, len(secrets))
	for i, s := range secrets {
		out[i] = s.Reveal()
	}
	return out
}
