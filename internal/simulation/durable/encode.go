package durable

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// record is the value of {site}/o/record.
func (o *Object) record() []byte {
	type entry struct {
		Path  string    `json:"path"`
		Nonce string    `json:"nonce"`
		Hash  string    `json:"hash,omitempty"`
		Size  int       `json:"size,omitempty"`
		Type  string    `json:"type,omitempty"`
		Time  time.Time `json:"time"`
		Was   []*string `json:"was"`
	}
	all := []entry{}
	for _, path := range slices.Sorted(maps.Keys(o.entries)) {
		e := o.entries[path]
		out := entry{Path: path, Nonce: e.Nonce, Time: e.Time.UTC(), Was: []*string{}}
		if c := e.Content; c != nil {
			out.Hash, out.Size, out.Type = c.Hash, c.Size, c.Type
		}
		for _, hash := range e.Was {
			if hash == "" {
				out.Was = append(out.Was, nil)
			} else {
				out.Was = append(out.Was, &hash)
			}
		}
		all = append(all, out)
	}
	return encode(map[string]any{"format": 1, "site": o.Site, "revision": o.revision, "entries": all})
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

const (
	headerBytes   = 64
	entryBytes    = 64
	flagTombstone = 8
)

// manifest is the value of {site}/o/current: a served manifest with the flag of an overlay.
func (o *Object) manifest() []byte {
	all := slices.SortedFunc(maps.Values(o.entries), func(a, b Entry) int {
		return cmp.Or(bytes.Compare(pathHash(a.Path), pathHash(b.Path)), cmp.Compare(a.Path, b.Path))
	})
	var types []string
	var entries, nonces []byte
	for i, e := range all {
		one := make([]byte, entryBytes)
		copy(one, pathHash(e.Path))
		binary.LittleEndian.PutUint32(one[48:], uint32(i)) //nolint:gosec // an overlay has few entries
		if c := e.Content; c == nil {
			binary.LittleEndian.PutUint16(one[62:], flagTombstone)
		} else {
			copy(one[16:], fromHex(c.Hash))
			binary.LittleEndian.PutUint32(one[52:], uint32(c.Size))                 //nolint:gosec // as above
			binary.LittleEndian.PutUint32(one[56:], uint32(e.Time.Unix()))          //nolint:gosec // before 2106
			binary.LittleEndian.PutUint16(one[60:], uint16(typeOf(&types, c.Type))) //nolint:gosec // as above
		}
		entries, nonces = append(entries, one...), append(nonces, fromHex(e.Nonce)...)
	}
	meta := encode(map[string]any{"site": o.Site + "/o", "types": append([]string{}, types...), "revision": o.revision})
	return slices.Concat(header(len(all), len(meta)), entries, nonces, meta)
}

// header is that of a manifest with n entries, each of which has a nonce of its own.
func header(n, meta int) []byte {
	b := make([]byte, headerBytes)
	copy(b, "KVSM")
	binary.LittleEndian.PutUint16(b[4:], 1)
	binary.LittleEndian.PutUint16(b[6:], 1) // an overlay
	at := headerBytes + n*entryBytes
	for i, v := range []int{n, n, headerBytes, at, at + 8*n, meta, at + 8*n + meta} {
		binary.LittleEndian.PutUint32(b[8+4*i:], uint32(v)) //nolint:gosec // an overlay is small
	}
	return b
}

// typeOf is the index of a content type, which it adds if need be.
func typeOf(types *[]string, name string) int {
	if i := slices.Index(*types, name); i >= 0 {
		return i
	}
	*types = append(*types, name)
	return len(*types) - 1
}

func pathHash(path string) []byte {
	sum := sha256.Sum256([]byte(path))
	return sum[:16]
}

func fromHex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}
