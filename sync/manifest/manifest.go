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
	// Dirs is sorted by Path; empty for a folder.
	Dirs []Dir
	// Retired lists assets that this deployment does not have, but a retained earlier
	// one has, so that open tabs still find them. Sorted by Path; no path is also in
	// Assets, and none is guarded by code. They are not roots.
	Retired   []Retired
	Redirects []Redirect
	Headers   []HeaderRule
	Serving   Serving
	// Routing is that of the code that was deployed with it; nil if unknown.
	Routing *Routing
	// Adopted has the nonces of the overlay's writes that are part of this manifest,
	// by pathname. An entry of the overlay with that nonce is ignored. nil if there
	// are none.
	Adopted map[string]Nonce
}

// At is the asset at a pathname, or nil.
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
	// Until is how long it is kept at least, in seconds since 1970 UTC.
	Until int64
	// Left is for how many more deployments it is kept at least.
	Left int
}

// Serving configures how pathnames are matched.
type Serving struct {
	// HTMLHandling is "auto-trailing-slash" (also if empty),
	// "force-trailing-slash", "drop-trailing-slash" or "none".
	HTMLHandling string `json:"html_handling,omitempty"`
	// NotFound is "404-page" (also if empty), "single-page-application" or "none".
	NotFound string `json:"not_found_handling,omitempty"`
	// EdgeCache is for how many seconds Workers Caching may keep a response; 0 turns
	// it off.
	EdgeCache int `json:"edge_cache,omitempty"`
	// Overlay serves what was written at run time instead of the assets it covers.
	Overlay bool `json:"overlay,omitempty"`
}

// Dir is a directory of a commit: its pathname ("/" or "/docs") and the id of
// its git tree in hexadecimal.
type Dir struct {
	Path string
	Tree string
}
