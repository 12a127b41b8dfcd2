package manifest

import (
	"slices"
	"strings"
)

// Manifest is the immutable set of assets of one deployment.
type Manifest struct {
	Site string
	// Origin says what the assets were read from. Its Rules decide whether a
	// directory whose tree is unchanged may be taken over unread.
	Origin Origin
	// Assets is sorted by Path, bytewise, without duplicates.
	Assets []Asset
	// Dirs is sorted by Path; empty for a folder.
	Dirs []Dir
	// Retired lists assets that are gone from this deployment but named by a
	// retained earlier one, so that open tabs still find them. Sorted by Path;
	// no path is also in Assets, and code guards none of them. They root nothing.
	Retired   []Retired
	Redirects []Redirect
	Headers   []HeaderRule
	Serving   Serving
	// Routing is that of the code which was deployed with it; nil where it is
	// unknown.
	Routing *Routing
	// Adopted names writes of the overlay that this manifest already has, by
	// pathname: while the overlay's entry there has that nonce, it is not looked
	// at. nil where there are none.
	Adopted map[string]Nonce
}

// at is the asset at a pathname, or nil.
func (m *Manifest) At(path string) *Asset {
	i, ok := slices.BinarySearchFunc(m.Assets, path, func(a Asset, path string) int { return strings.Compare(a.Path, path) })
	if !ok {
		return nil
	}
	return &m.Assets[i]
}

// Retired is an asset of an earlier deployment that stays reachable.
type Retired struct {
	Asset
	// Until is the time, in seconds since 1970 UTC, until which it is kept at least.
	Until int64
	// Left counts for how many more deployments it is kept at least.
	Left int
}

// Serving configures how pathnames are matched.
type Serving struct {
	// HTMLHandling is "auto-trailing-slash" (also if empty),
	// "force-trailing-slash", "drop-trailing-slash" or "none".
	HTMLHandling string `json:"html_handling,omitempty"`
	// NotFound is "404-page" (also if empty), "single-page-application" or "none".
	NotFound string `json:"not_found_handling,omitempty"`
	// EdgeCache is for how many seconds Workers Caching may keep a response; 0
	// where it is not used.
	EdgeCache int `json:"edge_cache,omitempty"`
	// Overlay says that what was written at run time lies over the assets.
	Overlay bool `json:"overlay,omitempty"`
}

// Dir is a directory of a commit: its pathname ("/" or "/docs") and the id of
// its git tree in hexadecimal.
type Dir struct {
	Path string
	Tree string
}
