package pathname

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Manifest is the manifest of handleAssetRequest in @cloudflare/worker-bundler, which
// reads it as a Map of its members.
type Manifest struct {
	// Entries describes the files by their pathnames.
	Entries map[string]Entry
	// Unsettled lists, ascending, the pathnames whose keys an unfinished run may have
	// written or deleted. Their entries may be wrong, and a pathname without an entry
	// may have a key.
	Unsettled []string
}

// Entry describes a file.
type Entry struct {
	ContentType string `json:"contentType,omitempty"`
	// ETag is the SHA-256 of the bytes if kv-sync wrote it. A file with any other value
	// counts as changed.
	ETag string `json:"etag"`
}

// ownMember is the member that holds the unsettled pathnames. It is not a pathname,
// so no request finds it. It has the members of an entry for readers that read
// every member.
const ownMember = "kv-sync"

type ownEntry struct {
	ContentType string   `json:"contentType"`
	ETag        string   `json:"etag"`
	Unsettled   []string `json:"unsettled"`
}

// Encode returns the manifest as JSON. Equal manifests have equal bytes.
func (m *Manifest) Encode() []byte {
	out := make(map[string]any, len(m.Entries)+1)
	for path, e := range m.Entries {
		out[path] = e
	}
	if len(m.Unsettled) > 0 {
		out[ownMember] = ownEntry{Unsettled: m.Unsettled}
	}
	b, _ := json.Marshal(out) // strings always encode
	return b
}

// Decode reads a manifest of this layout, whichever tool wrote it.
func Decode(b []byte) (*Manifest, error) {
	var members map[string]struct {
		Entry
		Unsettled []string `json:"unsettled"`
	}
	if err := json.Unmarshal(b, &members); err != nil {
		return nil, err
	}
	if members == nil {
		return nil, errors.New("it is null")
	}
	m := &Manifest{Entries: make(map[string]Entry, len(members))}
	for path, e := range members {
		switch {
		case path == ownMember:
			m.Unsettled = e.Unsettled
		case strings.HasPrefix(path, "/"):
			m.Entries[path] = e.Entry
		default:
			return nil, fmt.Errorf("its member %.100q is not a pathname", path)
		}
	}
	m.Unsettled = sorted(m.Unsettled)
	for _, path := range m.Unsettled {
		if !strings.HasPrefix(path, "/") {
			return nil, fmt.Errorf("it lists %.100q as unsettled, which is not a pathname", path)
		}
	}
	return m, nil
}

// DuringWrite returns the manifest for the time in which the paths are written. Each of
// them gets an ETag of its own, which is neither that of the old bytes nor that of the
// new ones. So a client that receives a file in that time revalidates it later.
func (m *Manifest) DuringWrite(paths []string, run manifest.Nonce) *Manifest {
	out := &Manifest{Entries: maps.Clone(m.Entries), Unsettled: sorted(slices.Concat(m.Unsettled, paths))}
	for i, path := range paths {
		if e, ok := out.Entries[path]; ok {
			e.ETag = fmt.Sprintf("%s-%d", run, i)
			out.Entries[path] = e
		}
	}
	return out
}

func sorted(paths []string) []string {
	slices.Sort(paths)
	return slices.Compact(paths)
}
