package rules

import (
	"github.com/kv-sync/kv-sync/internal/git/ignore"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// Names of the files whose patterns say what is skipped.
const (
	AssetsIgnoreFile = ".assetsignore"
)

// Files in the root that configure and are not published themselves.
const (
	RedirectsFile = "_redirects"
	HeadersFile   = "_headers"
)

// Deciding are the names of files that are not published, and decide by what they
// hold what is, and how: those of the folder's root, and of ignore files everywhere.
var DecidingFiles = []string{RedirectsFile, HeadersFile, kvsync.PulledName, AssetsIgnoreFile, ignore.GitFile, ignore.PlainFile}
