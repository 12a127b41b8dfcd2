package rules

import (
	"fmt"
	"io"

	"github.com/kv-sync/kv-sync/internal/git/ignore"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// AssetsIgnoreFile has patterns that say what is skipped.
const (
	AssetsIgnoreFile = ".assetsignore"
)

// Files in the root that configure the site and are not published themselves.
const (
	RedirectsFile = "_redirects"
	HeadersFile   = "_headers"
)

// DecidingFiles are the names of files that are not published and whose content decides what
// is, and how: those of the folder's root, and ignore files everywhere.
var DecidingFiles = []string{
	RedirectsFile, HeadersFile, manifest.PulledName, AssetsIgnoreFile, ignore.GitFile, ignore.PlainFile,
}

// PatternText returns configured patterns as the text of an ignore file. They come
// before the .assetsignore files of a source, so the files have the last word.
func PatternText(patterns []string) string {
	text := ""
	for _, p := range patterns {
		text += p + "\n"
	}
	return text
}

// MaxText bounds configuration and ignore files, which are read whole.
const MaxText = 8 << 20

// ReadText reads a small file whole. One of more than MaxText bytes is an error.
func ReadText(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxText+1))
	if err == nil && len(data) > MaxText {
		err = fmt.Errorf("more than %d MiB of configuration", MaxText>>20)
	}
	return data, err
}
