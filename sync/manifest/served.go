package manifest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
)

// The served encoding of a manifest, in which a Worker looks up pathnames. It is
// deployed with the code that reads it. docs/format.md specifies it; the tests of Go
// and of TypeScript read the vectors in testdata/served.
const (
	servedMagic   = "KVSM"
	servedVersion = 1
	servedHeader  = 64
	servedEntry   = 64

	servedChunked = 1 << 0
	servedRetired = 1 << 2
)

// servedMeta is the part of a manifest that is not looked up by the hash of a pathname.
type servedMeta struct {
	Site         string       `json:"site"`
	Types        []string     `json:"types"`
	HTMLHandling string       `json:"html_handling,omitempty"`
	NotFound     string       `json:"not_found_handling,omitempty"`
	Redirects    []Redirect   `json:"redirects,omitempty"`
	Headers      []HeaderRule `json:"headers,omitempty"`
	EdgeCache    int          `json:"edge_cache,omitempty"`
	MemoryCache  *int64       `json:"memory_cache,omitempty"`
	CacheStatus  bool         `json:"cache_status,omitempty"`
	Overlay      bool         `json:"overlay,omitempty"`

	Adopted map[string]Nonce `json:"adopted,omitempty"`
}

// EncodeServed writes the served encoding of m. Every asset must have its blob.
func EncodeServed(m *Manifest) ([]byte, error) {
	assets := make([]Retired, 0, len(m.Assets)+len(m.Retired))
	for _, a := range m.Assets {
		assets = append(assets, Retired{Asset: a})
	}
	live := len(assets)
	assets = append(assets, m.Retired...)
	flags := make([]uint16, len(assets))
	for i := live; i < len(flags); i++ {
		flags[i] = servedRetired
	}
	order := make([]int, len(assets))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return strings.Compare(assets[i].Path, assets[j].Path) })

	var types table[string]
	var nonces table[Nonce]
	entries := make([][servedEntry]byte, 0, len(assets))
	for _, i := range order {
		a := assets[i]
		if a.Blob.Hash.IsZero() || a.Size < 0 || a.Size > MaxFileBytes {
			return nil, fmt.Errorf("encode manifest: %s has no blob, or a size of %d bytes", a.Path, a.Size)
		}
		typ := types.add(a.ContentType)
		if typ > math.MaxUint16 {
			return nil, fmt.Errorf("encode manifest: %s: more than %d content types", a.Path, math.MaxUint16)
		}
		if a.Chunked() {
			flags[i] |= servedChunked
		}
		var e [servedEntry]byte
		path := sha256.Sum256([]byte(a.Path))
		copy(e[0:16], path[:])
		copy(e[16:48], a.Blob.Hash[:])
		binary.LittleEndian.PutUint32(e[48:], uint32(nonces.add(a.Blob.Nonce)))
		binary.LittleEndian.PutUint32(e[52:], uint32(a.Size))
		binary.LittleEndian.PutUint32(e[56:], uint32(min(max(a.Modified, 0), math.MaxUint32)))
		binary.LittleEndian.PutUint16(e[60:], uint16(typ))
		binary.LittleEndian.PutUint16(e[62:], flags[i])
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b [servedEntry]byte) int { return bytes.Compare(a[:16], b[:16]) })
	for i := 1; i < len(entries); i++ {
		if bytes.Equal(entries[i][:16], entries[i-1][:16]) {
			return nil, fmt.Errorf("encode manifest: two assets have the same pathname")
		}
	}

	meta, err := m.servedMeta(types.list)
	if err != nil {
		return nil, err
	}
	noncesAt := servedHeader + servedEntry*len(entries)
	metaAt := noncesAt + len(Nonce{})*len(nonces.list)
	b := make([]byte, servedHeader, metaAt+len(meta))
	copy(b, servedMagic)
	binary.LittleEndian.PutUint16(b[4:], servedVersion)
	end := metaAt + len(meta)
	for i, v := range []int{len(entries), len(nonces.list), servedHeader, noncesAt, metaAt, len(meta), end} {
		binary.LittleEndian.PutUint32(b[8+4*i:], uint32(v))
	}
	for _, e := range entries {
		b = append(b, e[:]...)
	}
	for _, n := range nonces.list {
		b = append(b, n[:]...)
	}
	return append(b, meta...), nil
}

// servedMeta encodes the part of m that is not looked up by the hash of a pathname.
func (m *Manifest) servedMeta(types []string) ([]byte, error) {
	meta, err := EncodeJSON(servedMeta{
		Site: m.Site, Types: append([]string{}, types...),
		HTMLHandling: m.Serving.HTMLHandling, NotFound: m.Serving.NotFound,
		Redirects: m.Redirects, Headers: m.Headers, EdgeCache: m.Serving.EdgeCache,
		MemoryCache: m.Serving.MemoryCache, CacheStatus: m.Serving.CacheStatus,
		Overlay: m.Serving.Overlay, Adopted: m.Adopted,
	})
	if err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	return meta, nil
}

// ServedSize returns the length of what [EncodeServed] writes. The hashes need not be known yet.
func ServedSize(m *Manifest) (int, error) {
	var types table[string]
	var nonces table[Nonce]
	for _, a := range m.Assets {
		types.add(a.ContentType)
		nonces.add(a.Blob.Nonce)
	}
	for _, r := range m.Retired {
		types.add(r.ContentType)
		nonces.add(r.Blob.Nonce)
	}
	meta, err := m.servedMeta(types.list)
	entries := len(m.Assets) + len(m.Retired)
	return servedHeader + servedEntry*entries + len(Nonce{})*len(nonces.list) + len(meta), err
}
