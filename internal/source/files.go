package source

import kvsync "github.com/kv-sync/kv-sync/sync"

// Names of the files whose patterns say what is skipped.
const (
	assetsIgnoreName = ".assetsignore"
)

// Files in the root that configure and are not published themselves.
const (
	redirectsName = "_redirects"
	headersName   = "_headers"
)

// Deciding are the names of files that are not published, and decide by what they
// hold what is, and how: those of the folder's root, and of ignore files everywhere.
var Deciding = []string{redirectsName, headersName, kvsync.PulledName, assetsIgnoreName, gitIgnoreName, plainIgnoreName}
