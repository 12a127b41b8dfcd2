package worktree

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/format/config"

	"github.com/kv-sync/kv-sync/internal/git/command"
)

// UserConversion is what may change the bytes of a checkout and is in no commit.
type UserConversion struct {
	// LineEndings reports whether the configuration has git convert line endings.
	LineEndings bool
	// Attributes are the texts of the attribute files of the user and of the clone.
	Attributes []string
}

// UserConversion reads the configuration of the user and of the clone. It runs git once, for the
// included files of a configuration. Without git it reads the files alone.
func (r *Repository) UserConversion(ctx context.Context) UserConversion {
	core := r.coreSettings(ctx)
	var u UserConversion
	crlf := strings.ToLower(core["autocrlf"])
	u.LineEndings = crlf == "input" || truth(crlf) || strings.EqualFold(core["eol"], "crlf")
	own := cmp.Or(core["attributesfile"], userFile("attributes"))
	if name, ok := strings.CutPrefix(own, "~/"); ok {
		own = atHome(name)
	}
	u.Attributes = textsOf("/etc/gitattributes", under(r.Top, own), filepath.Join(r.CommonDir, "info", "attributes"))
	return u
}

// coreSettings returns the settings of the section core that convert files, in lower case.
func (r *Repository) coreSettings(ctx context.Context) map[string]string {
	settings := map[string]string{}
	if command.Available() {
		out, err := r.command().Run(ctx, "config", "--null", "--get-regexp",
			`^core\.(autocrlf|eol|attributesfile)$`)
		if err == nil {
			for entry := range strings.SplitSeq(out, "\x00") {
				name, value, hasValue := strings.Cut(entry, "\n")
				if !hasValue {
					value = "true"
				}
				settings[strings.TrimPrefix(strings.ToLower(name), "core.")] = value
			}
		}
		return settings // an error is that there is no such setting
	}
	for _, file := range []string{
		"/etc/gitconfig", userFile("config"), atHome(".gitconfig"), filepath.Join(r.CommonDir, "config"),
	} {
		parsed, _, err := parseConfig(file)
		if err != nil {
			parsed = config.New()
		}
		for _, o := range parsed.Section("core").Options {
			settings[strings.ToLower(o.Key)] = o.Value
		}
	}
	return settings
}

// userFile returns the path of a file of the user's own git configuration, or "".
func userFile(name string) string {
	if dir := os.Getenv("XDG_CONFIG_HOME"); dir != "" {
		return filepath.Join(dir, "git", name)
	}
	return atHome(filepath.Join(".config", "git", name))
}

// atHome returns the path of a file in the user's home directory, or "" if there is none.
func atHome(name string) string {
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, name)
}
