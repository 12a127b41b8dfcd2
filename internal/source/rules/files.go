package rules

import (
	"fmt"
	"io"

	"github.com/kv-sync/kv-sync/internal/git/ignore"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// AssetsIgnoreFile contains patterns of files that are skipped.
const AssetsIgnoreFile = ".assetsignore"

// Files in the root that configure the site and are not published themselves.
const (
	RedirectsFile = "_redirects"
	HeadersFile   = "_headers"
)

// DecidingFiles are the names of files that are not published, but decide which files are
// published and how: those in the root, and ignore files in every directory.
var DecidingFiles = []string{
	RedirectsFile, HeadersFile, manifest.PulledName, AssetsIgnoreFile, ignore.GitFile, ignore.PlainFile,
}

// PatternText returns configured patterns as the text of an ignore file. The .assetsignore files
// of a source override them.
func PatternText(patterns []string) string {
	text := ""
	for _, p := range patterns {
		text += p + "\n"
	}
	return text
}

// MaxText bounds configuration and ignore files, which are read completely.
const MaxText = 8 << 20

// ReadText reads a file of at most MaxText bytes.
func ReadText(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxText+1))
	if err == nil && len(data) > MaxText {
		err = fmt.Errorf("more than %d MiB of configuration", MaxText>>20)
	}
	return data, err
}
