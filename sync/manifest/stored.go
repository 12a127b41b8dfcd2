package manifest

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
)

// The stored encoding of a manifest is read by the next plan, a rollback and a prune.
// All later releases must be able to read it, so it has a format version and
// must-understand flags. docs/format.md specifies it.
const (
	storedMagic   = "KVSS"
	storedVersion = 1

	// storedChunked must be understood: the blobs of some assets are chunk indexes,
	// which keep further blobs alive.
	storedChunked = 1 << 0
)

// storedHead is the part of a stored manifest that does not grow with the site.
type storedHead struct {
	Site      string       `json:"site"`
	Origin    StoredOrigin `json:"origin"`
	Types     []string     `json:"types"`
	Serving   Serving      `json:"serving"`
	Routing   *Routing     `json:"routing,omitempty"`
	Redirects []Redirect   `json:"redirects,omitempty"`
	Headers   []HeaderRule `json:"headers,omitempty"`

	Adopted map[string]Nonce `json:"adopted,omitempty"`
}

// EncodeStored writes the stored encoding of m.
func EncodeStored(m *Manifest) ([]byte, error) {
	oidSize := 0
	for _, a := range m.Assets {
		if n := len(a.OID) / 2; n != oidSize && oidSize != 0 {
			return nil, fmt.Errorf("encode manifest: %s has an object id of %d bytes beside others of %d", a.Path, n, oidSize)
		} else if n != 0 {
			oidSize = n
		}
	}
	for _, d := range m.Dirs {
		if oidSize == 0 {
			oidSize = len(d.Tree) / 2
		}
	}
	var types, nonces table[string]
	for _, a := range m.Assets {
		types.add(a.ContentType)
		nonces.add(string(a.Blob.Nonce[:]))
	}
	for _, r := range m.Retired {
		types.add(r.ContentType)
		nonces.add(string(r.Blob.Nonce[:]))
	}
	head, err := m.storedHead(types.list)
	if err != nil {
		return nil, err
	}

	w := storedWriter{b: make([]byte, 0, len(head)+64+80*(len(m.Assets)+len(m.Retired))+48*len(m.Dirs)), oidSize: oidSize}
	w.b = append(w.b, storedMagic...)
	w.b = binary.LittleEndian.AppendUint16(w.b, storedVersion)
	w.b = binary.LittleEndian.AppendUint16(w.b, m.storedFlags())
	w.bytes(string(head))
	w.uint(uint64(len(nonces.list)))
	for _, n := range nonces.list {
		w.b = append(w.b, n...)
	}
	w.uint(uint64(oidSize))
	w.uint(uint64(len(m.Assets)))
	for _, a := range m.Assets {
		w.asset(a, types.index[a.ContentType], nonces.index[string(a.Blob.Nonce[:])])
		w.oid(a.OID)
	}
	w.path = ""
	w.uint(uint64(len(m.Dirs)))
	for _, d := range m.Dirs {
		w.pathname(d.Path)
		w.oid(d.Tree)
	}
	w.path = ""
	w.uint(uint64(len(m.Retired)))
	for _, r := range m.Retired {
		w.asset(r.Asset, types.index[r.ContentType], nonces.index[string(r.Blob.Nonce[:])])
		w.int(r.Until)
		w.uint(uint64(max(r.Left, 0)))
	}
	if w.err != nil {
		return nil, fmt.Errorf("encode manifest: %w", w.err)
	}
	return w.b, nil
}

// storedHead encodes the part of m that does not grow with the site.
func (m *Manifest) storedHead(types []string) ([]byte, error) {
	head, err := json.Marshal(storedHead{
		Site: m.Site, Types: types, Serving: m.Serving, Routing: m.Routing,
		Redirects: m.Redirects, Headers: m.Headers, Adopted: m.Adopted,
		Origin: m.Origin.Stored(),
	})
	if err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	return head, nil
}

// StoredBound returns an upper bound of the length of what [EncodeStored] writes. It encodes
// no asset, so it is cheap.
func StoredBound(m *Manifest) (int, error) {
	// An entry has its path, a hash, a nonce, an object id of up to 32 bytes, and up to eight
	// numbers of up to 10 bytes each.
	const entry = 32 + 8 + 32 + 8*10
	var types table[string]
	n := 0
	for i := range m.Assets {
		types.add(m.Assets[i].ContentType)
		n += len(m.Assets[i].Path)
	}
	for i := range m.Retired {
		types.add(m.Retired[i].ContentType)
		n += len(m.Retired[i].Path)
	}
	for i := range m.Dirs {
		n += len(m.Dirs[i].Path)
	}
	head, err := m.storedHead(types.list)
	return n + len(head) + entry*(1+len(m.Assets)+len(m.Retired)+len(m.Dirs)), err
}

// storedFlags returns the must-understand flags. A manifest without chunked assets
// has none, so that releases that do not know chunks can read it.
func (m *Manifest) storedFlags() uint16 {
	if slices.ContainsFunc(m.Assets, Asset.Chunked) ||
		slices.ContainsFunc(m.Retired, func(r Retired) bool { return r.Chunked() }) {
		return storedChunked
	}
	return 0
}

// table numbers distinct values in the order of their first appearance.
type table[T comparable] struct {
	list  []T
	index map[T]int
}

func (t *table[T]) add(v T) int {
	i, ok := t.index[v]
	if !ok {
		if t.index == nil {
			t.index = make(map[T]int)
		}
		i = len(t.list)
		t.index[v] = i
		t.list = append(t.list, v)
	}
	return i
}

type storedWriter struct {
	b        []byte
	path     string // of the previous entry: a path omits the prefix that it shares with it
	modified int64  // of the previous entry
	oidSize  int
	err      error
}

func (w *storedWriter) uint(v uint64) { w.b = binary.AppendUvarint(w.b, v) }
func (w *storedWriter) int(v int64)   { w.b = binary.AppendVarint(w.b, v) }

func (w *storedWriter) bytes(s string) {
	w.uint(uint64(len(s)))
	w.b = append(w.b, s...)
}

func (w *storedWriter) pathname(p string) {
	shared := 0
	for shared < len(p) && shared < len(w.path) && p[shared] == w.path[shared] {
		shared++
	}
	w.uint(uint64(shared))
	w.bytes(p[shared:])
	w.path = p
}

func (w *storedWriter) asset(a Asset, typ, nonce int) {
	w.pathname(a.Path)
	w.b = append(w.b, a.Blob.Hash[:]...)
	w.uint(uint64(nonce))
	w.uint(uint64(a.Size))
	w.uint(uint64(typ))
	w.int(a.Modified - w.modified)
	w.modified = a.Modified
}

func (w *storedWriter) oid(id string) {
	if w.oidSize == 0 && id == "" {
		return
	}
	raw, err := hex.DecodeString(id)
	if err != nil || len(raw) != w.oidSize {
		w.err = fmt.Errorf("%s: object id %.80q is not %d bytes in hexadecimal", w.path, id, w.oidSize)
		return
	}
	w.b = append(w.b, raw...)
}
