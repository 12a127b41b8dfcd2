package manifest

import (
	"slices"
	"strings"
)

// Manifest is the immutable set of assets of one deployment.
type Manifest struct {
	Site string
	// Origin says what the assets were read from. A directory whose tree is unchanged
	// is not read again if Origin.Rules are the same.
	Origin Origin
	// Assets is sorted by Path, bytewise, without duplicates.
	Assets []Asset
	// Unread is the number of further assets, which were not read. Nothing but their number is
	// known, and they are the same as in the live manifest.
	Unread int
	// Dirs is sorted by Path; empty for a folder.
	Dirs []Dir
	// Retired lists assets of retained earlier deployments that this one does not have.
	// Open tabs still find them. Sorted by Path; no path is also in Assets, and none is
	// guarded by code. A prune does not keep a blob because of them.
	Retired   []Retired
	Redirects []Redirect
	Headers   []HeaderRule
	Serving   Serving
	// Routing is the routing of the code that was deployed with it; nil if unknown.
	Routing *Routing
	// Adopted has the nonces of the overlay's writes that are part of this manifest,
	// by pathname. An entry of the overlay with that nonce is ignored. nil if there
	// are none.
	Adopted map[string]Nonce
}

// Len is the number of assets, with those that were not read.
func (m *Manifest) Len() int { return len(m.Assets) + m.Unread }

// At returns the asset at a pathname, or nil.
func (m *Manifest) At(path string) *Asset {
	i, ok := slices.BinarySearchFunc(m.Assets, path, func(a Asset, path string) int {
		return strings.Compare(a.Path, path)
	})
	if !ok {
		return nil
	}
	return &m.Assets[i]
}

// Retired is an asset of an earlier deployment that stays reachable.
type Retired struct {
	Asset
	// Until is the time until which it is kept at least, in seconds since 1970 UTC.
	Until int64
	// Left is the least number of further deployments for which it is kept.
	Left int
}

// Serving configures how pathnames are matched.
type Serving struct {
	// HTMLHandling is "auto-trailing-slash" (also if empty),
	// "force-trailing-slash", "drop-trailing-slash" or "none".
	HTMLHandling string `json:"html_handling,omitempty"`
	// NotFound is "404-page" (also if empty), "single-page-application" or "none".
	NotFound string `json:"not_found_handling,omitempty"`
	// EdgeCache is the number of seconds for which Workers Caching may keep a response.
	// 0 turns it off.
	EdgeCache int `json:"edge_cache,omitempty"`
	// MemoryCache is the memory of an isolate for small blobs, in bytes. 0 turns the cache off,
	// and nil leaves the size to the Worker.
	MemoryCache *int64 `json:"memory_cache,omitempty"`
	// CacheStatus adds the header Cache-Status to responses, for debugging.
	CacheStatus bool `json:"cache_status,omitempty"`
	// Overlay serves what was written at run time instead of the assets it covers.
	Overlay bool `json:"overlay,omitempty"`
}

// Dir is a directory of a commit: its pathname ("/" or "/docs") and the id of
// its git tree in hexadecimal.
type Dir struct {
	Path string
	Tree string
}
