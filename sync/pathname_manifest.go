package kvsync

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/upload"
)

// maxKeyBytes is the length of a key in Workers KV.
// Source: https://developers.cloudflare.com/kv/platform/limits/
const maxKeyBytes = 512

// A project's keys in the pathname layout; the value is "project/{id}":
//
//	project/{id}/assets{pathname}   a file's bytes
//	project/{id}/manifest           a pathnameManifest
type pathnameKeys string

func (k pathnameKeys) manifest() string         { return string(k) + "/manifest" }
func (k pathnameKeys) assets() string           { return string(k) + "/assets" }
func (k pathnameKeys) asset(path string) string { return k.assets() + path }

// item writes a file's bytes under its pathname.
func (k pathnameKeys) item(f manifest.File) *upload.Item {
	key := k.asset(f.Path)
	return &upload.Item{
		Name: f.Path, Size: f.Size, Want: f.Blob.Hash, Open: f.Open,
		Key: func(manifest.Hash) string { return key }, KeyBytes: upload.KeyBytes(key),
	}
}

// check says what is wrong with a file, as far as this layout has limits of its own.
func (k pathnameKeys) check(f manifest.File) (finding.Case, finding.Facts) {
	switch n := len(k.asset(f.Path)); {
	case !utf8.ValidString(f.Path):
		return CasePathEncoding, finding.Facts{}
	case n > maxKeyBytes:
		return CaseKeyLength, finding.Facts{Path: k.assets() + " and the path", Count: n, Of: maxKeyBytes}
	case f.Size > manifest.MaxValueBytes:
		return CaseFileSize, finding.Facts{What: mebibytes(f.Size), Name: pathnameName}
	}
	return "", finding.Facts{}
}

// pathnameManifest is what handleAssetRequest of @cloudflare/worker-bundler
// takes for a manifest, once its members are put into a Map.
type pathnameManifest struct {
	entries map[string]pathnameEntry
	// unsettled lists, ascending, the pathnames whose keys a run that is under
	// way, or died, may have written or deleted: what their entries say of them
	// is not to be believed, and without an entry they may be there all the same.
	unsettled []string
}

type pathnameEntry struct {
	ContentType string `json:"contentType,omitempty"`
	// ETag is the SHA-256 of the bytes where kv-sync wrote it. Any other value
	// makes the file one that changed.
	ETag string `json:"etag"`
}

// pathnameOwn is the member that holds what is unsettled. No pathname is so
// called, so no request finds it, and it has an entry's members for those who
// read them all.
const pathnameOwn = "kv-sync"

type pathnameOwnEntry struct {
	ContentType string   `json:"contentType"`
	ETag        string   `json:"etag"`
	Unsettled   []string `json:"unsettled"`
}

// encode returns the manifest as JSON, the same bytes for the same manifest.
func (m *pathnameManifest) encode() []byte {
	out := make(map[string]any, len(m.entries)+1)
	for path, e := range m.entries {
		out[path] = e
	}
	if len(m.unsettled) > 0 {
		out[pathnameOwn] = pathnameOwnEntry{Unsettled: m.unsettled}
	}
	b, _ := json.Marshal(out) // strings always encode
	return b
}

// decodePathnameManifest reads a manifest of this layout, whoever wrote it.
func decodePathnameManifest(b []byte) (*pathnameManifest, error) {
	var members map[string]struct {
		pathnameEntry
		Unsettled []string `json:"unsettled"`
	}
	if err := json.Unmarshal(b, &members); err != nil {
		return nil, err
	}
	if members == nil {
		return nil, errors.New("it is null")
	}
	m := &pathnameManifest{entries: make(map[string]pathnameEntry, len(members))}
	for path, e := range members {
		switch {
		case path == pathnameOwn:
			m.unsettled = e.Unsettled
		case strings.HasPrefix(path, "/"):
			m.entries[path] = e.pathnameEntry
		default:
			return nil, fmt.Errorf("its member %.100q is no pathname", path)
		}
	}
	slices.Sort(m.unsettled)
	m.unsettled = slices.Compact(m.unsettled)
	for _, path := range m.unsettled {
		if !strings.HasPrefix(path, "/") {
			return nil, fmt.Errorf("it calls %.100q unsettled, which is no pathname", path)
		}
	}
	return m, nil
}

// announce returns the manifest as it is while the paths are being written.
// Their ETags are neither those of the old bytes nor those of the new ones, nor
// of each other: whoever is served a file meanwhile asks again later, whichever
// bytes came.
func (m *pathnameManifest) announce(paths []string, run manifest.Nonce) *pathnameManifest {
	out := &pathnameManifest{entries: maps.Clone(m.entries), unsettled: slices.Concat(m.unsettled, paths)}
	slices.Sort(out.unsettled)
	out.unsettled = slices.Compact(out.unsettled)
	for i, path := range paths {
		if e, ok := out.entries[path]; ok {
			e.ETag = fmt.Sprintf("%s-%d", run, i)
			out.entries[path] = e
		}
	}
	return out
}
