package inspect

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// asset is one file of a manifest.
type asset struct {
	path    string
	ref     string // hash.nonce
	size    uint64
	typ     string
	chunked bool
	retired bool
	// tombstone is set if the overlay has deleted the page.
	tombstone bool
}

// maxValue is the size of the largest value of Workers KV. A larger file is in chunks.
const maxValue = 25 << 20

// storedManifest is the value of {site}/m/{hash}.{nonce}.
type storedManifest struct {
	site    string
	assets  []asset
	retired []asset
}

// fields reads the fields of a stored manifest. After the first error it reads zeros.
type fields struct {
	left []byte
	err  error
}

var errShort = errors.New("it is cut short")

func (f *fields) take(n uint64) []byte {
	if f.err == nil && n > uint64(len(f.left)) {
		f.err = errShort
	}
	if f.err != nil {
		return make([]byte, min(n, 64))
	}
	out := f.left[:n]
	f.left = f.left[n:]
	return out
}

func (f *fields) uint() uint64 {
	v, n := binary.Uvarint(f.left)
	if n <= 0 && f.err == nil {
		f.err = errShort
	}
	if f.err != nil {
		return 0
	}
	f.left = f.left[n:]
	return v
}

func (f *fields) int() int64 {
	v := f.uint()
	return int64(v>>1) ^ -int64(v&1)
}

// path is front-coded against the one before it.
func (f *fields) path(before string) string {
	shared := f.uint()
	if shared > uint64(len(before)) {
		f.err = errors.New("a path shares more than there is")
		return ""
	}
	return before[:shared] + string(f.take(f.uint()))
}

func readStored(b []byte) (*storedManifest, error) {
	f := &fields{left: b}
	if !bytes.Equal(f.take(4), []byte("KVSS")) || binary.LittleEndian.Uint16(f.take(2)) != 1 {
		return nil, errors.New("no stored manifest of version 1")
	}
	flags := binary.LittleEndian.Uint16(f.take(2))
	var head struct {
		Site  string
		Types []string
	}
	if err := json.Unmarshal(f.take(f.uint()), &head); err != nil && f.err == nil {
		f.err = err
	}
	nonces := make([]string, min(f.uint(), 1<<16))
	for i := range nonces {
		nonces[i] = hex.EncodeToString(f.take(8))
	}
	m := &storedManifest{site: head.Site}
	oid := f.uint()
	one := func(before string) (a asset) {
		a.path = f.path(before)
		hash, nonce := hex.EncodeToString(f.take(32)), f.uint()
		a.size = f.uint()
		a.chunked = a.size > maxValue
		typ := f.uint()
		f.int() // modified
		if f.err == nil && (nonce >= uint64(len(nonces)) || typ >= uint64(len(head.Types))) {
			f.err = errors.New("an index is out of range")
		}
		if f.err == nil {
			a.ref, a.typ = hash+"."+nonces[nonce], head.Types[typ]
		}
		return a
	}
	var before string
	for range f.uint() {
		a := one(before)
		f.take(oid)
		if f.err != nil || a.path <= before {
			return nil, errors.Join(f.err, fmt.Errorf("after %q comes %q", before, a.path))
		}
		m.assets, before = append(m.assets, a), a.path
	}
	before = ""
	for range f.uint() { // directories
		before = f.path(before)
		f.take(oid)
		if f.err != nil {
			return nil, f.err
		}
	}
	before = ""
	for range f.uint() {
		a := one(before)
		a.retired = true
		f.int()
		f.uint()
		if f.err != nil {
			return nil, f.err
		}
		m.retired, before = append(m.retired, a), a.path
	}
	chunked := uint16(0)
	if slices.ContainsFunc(slices.Concat(m.assets, m.retired), func(a asset) bool { return a.chunked }) {
		chunked = 1
	}
	switch {
	case f.err == nil && len(f.left) > 0:
		f.err = fmt.Errorf("%d bytes follow it", len(f.left))
	case f.err == nil && flags != chunked:
		f.err = fmt.Errorf("its flags are %d, not %d", flags, chunked)
	}
	return m, f.err
}
