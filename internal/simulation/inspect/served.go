package inspect

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// servedManifest is the module kv-sync-manifest.bin, or the overlay manifest.
type servedManifest struct {
	site    string
	overlay bool
	types   []string
	adopted map[string]string
	entries map[[16]byte]asset // without a path
}

const (
	headerBytes = 64
	entryBytes  = 64
	flagChunked = 1
	flagRetired = 4
	flagDeleted = 8
)

// readServed reads a served manifest. That of an overlay has a flag.
func readServed(b []byte, overlay bool) (*servedManifest, error) {
	if len(b) < headerBytes || !bytes.Equal(b[:4], []byte("KVSM")) {
		return nil, errors.New("no served manifest")
	}
	u16 := func(at int) int { return int(binary.LittleEndian.Uint16(b[at:])) }
	u32 := func(at int) int { return int(binary.LittleEndian.Uint32(b[at:])) }
	flags := 0
	if overlay {
		flags = 1
	}
	n, nonces, meta := u32(8), u32(12), u32(24)
	switch {
	case u16(4) != 1 || u16(6) != flags:
		return nil, fmt.Errorf("version %d, flags %d", u16(4), u16(6))
	case u32(16) != headerBytes || u32(20) != headerBytes+n*entryBytes || meta != u32(20)+8*nonces ||
		meta+u32(28) != u32(32) || u32(32) != len(b):
		return nil, errors.New("its parts do not follow each other")
	}
	var in struct {
		Site    string
		Types   []string
		Overlay bool
		Adopted map[string]string
	}
	if err := json.Unmarshal(b[meta:], &in); err != nil {
		return nil, err
	}
	m := &servedManifest{site: in.Site, overlay: in.Overlay, types: in.Types, adopted: in.Adopted,
		entries: make(map[[16]byte]asset, n)}
	var before [16]byte
	for i := range n {
		at := headerBytes + i*entryBytes
		key := [16]byte(b[at:])
		if i > 0 && bytes.Compare(before[:], key[:]) >= 0 {
			return nil, errors.New("its entries are not in order")
		}
		before = key
		nonce, typ, deleted := u32(at+48), u16(at+60), u16(at+62)&flagDeleted != 0
		if nonce >= nonces || typ >= len(in.Types) && !deleted || deleted && !overlay {
			return nil, errors.New("an index is out of range")
		}
		a := asset{
			ref:  hex.EncodeToString(b[at+16:at+48]) + "." + hex.EncodeToString(b[u32(20)+8*nonce:][:8]),
			size: uint64(u32(at + 52)), tombstone: deleted,
			chunked: u16(at+62)&flagChunked != 0, retired: u16(at+62)&flagRetired != 0,
		}
		if !deleted {
			a.typ = in.Types[typ]
		}
		m.entries[key] = a
	}
	return m, nil
}

func pathHash(path string) [16]byte {
	sum := sha256.Sum256([]byte(path))
	return [16]byte(sum[:])
}

func (m *servedManifest) find(path string) (asset, bool) {
	a, ok := m.entries[pathHash(path)]
	a.path = path
	return a, ok
}
