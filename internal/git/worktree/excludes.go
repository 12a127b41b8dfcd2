package worktree

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/kv-sync/kv-sync/internal/git/command"
)

// maxIgnoreFile bounds an ignore file, which is read completely.
const maxIgnoreFile = 8 << 20

// Excludes returns the texts of the ignore files that apply to the whole work tree: that of
// core.excludesFile, then info/exclude, whose patterns override it. Both are overridden by
// .gitignore files. A file that cannot be read does not count.
func (r *Repository) Excludes(ctx context.Context) []string {
	return textsOf(r.excludesFile(ctx), filepath.Join(r.CommonDir, "info", "exclude"))
}

// textsOf reads files of patterns. A file that cannot be read does not count.
func textsOf(files ...string) (texts []string) {
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil || !info.Mode().IsRegular() || info.Size() > maxIgnoreFile {
			continue
		}
		if text, err := os.ReadFile(file); err == nil {
			texts = append(texts, string(text))
		}
	}
	return texts
}

// excludesFile returns the path of the user's own ignore file. Without the git command it is
// git's default.
func (r *Repository) excludesFile(ctx context.Context) string {
	if command.Available() {
		out, err := r.command().Run(ctx, "config", "--null", "--type=path", "--get", "core.excludesFile")
		if file := strings.TrimSuffix(out, "\x00"); err == nil && file != "" {
			return under(r.Top, file)
		}
	}
	return userFile("ignore")
}
