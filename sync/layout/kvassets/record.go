package kvassets

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Record says which files are in KV: an index, and the SHA-256 of each file in the
// order of the index. In its value in KV the hashes follow the index. Its key has
// the hash of the index alone, because the index alone is compiled into the Worker.
type Record struct {
	Ref    manifest.Ref
	Index  Index
	Hashes []manifest.Hash
}

// Encode returns the record as a value of KV.
func (r *Record) Encode() []byte {
	b := EncodeIndex(r.Index)
	for _, h := range r.Hashes {
		b = append(b, h[:]...)
	}
	return b
}

// indexOfRecord returns a record's value without the hashes.
func indexOfRecord(b []byte) []byte {
	if len(b) < 8 {
		return b
	}
	n := binary.LittleEndian.Uint64(b)
	if n > uint64(len(b)/sha256.Size) {
		return b
	}
	return b[:len(b)-int(n)*sha256.Size]
}

// DecodeRecord reads the record with that reference. It returns
// [manifest.ErrDamaged] for bytes that do not hash to it.
func DecodeRecord(ref manifest.Ref, b []byte) (*Record, error) {
	encoded := indexOfRecord(b)
	if manifest.HashOf(encoded) != ref.Hash {
		return nil, manifest.ErrDamaged
	}
	index, err := DecodeIndex(encoded)
	if err != nil {
		return nil, err
	}
	r := &Record{Ref: ref, Index: index}
	for h := range slices.Chunk(b[len(encoded):], sha256.Size) {
		r.Hashes = append(r.Hashes, manifest.Hash(h))
	}
	return r, nil
}

// Contents returns the hash of the value of each key that the record names.
func (r *Record) Contents() map[string]manifest.Hash {
	m := make(map[string]manifest.Hash, len(r.Index))
	for i, e := range r.Index {
		m[e.Key] = r.Hashes[i]
	}
	return m
}

// Served returns the hash of each file, by pathname.
func (r *Record) Served() map[string]manifest.Hash {
	m := make(map[string]manifest.Hash, len(r.Index))
	for i, e := range r.Index {
		m["/"+e.Path] = r.Hashes[i]
	}
	return m
}

// KeepTimes sets the time of files that did not change to the time in an earlier index,
// because in a fresh checkout the times of the files mean nothing. The record in KV has
// priority over the local index, which may be old.
func (r *Record) KeepTimes(before *Record, local []byte) {
	times := map[Entry]uint64{}
	known, _ := DecodeIndex(local) // local may not be an index: then known is nil
	for _, e := range slices.Concat(known, before.Index) {
		at := e.Modified
		e.Modified = 0
		times[e] = at
	}
	for i := range r.Index {
		e := r.Index[i]
		e.Modified = 0
		if at, ok := times[e]; ok {
			r.Index[i].Modified = at
		}
	}
}

// Obsolete counts the keys that next does not name.
func (r *Record) Obsolete(next *Record) int {
	left := r.Contents()
	for _, e := range next.Index {
		delete(left, e.Key)
	}
	return len(left)
}

// And returns a record of all files that are in either record.
func (r *Record) And(other *Record) *Record {
	return &Record{Index: slices.Concat(r.Index, other.Index), Hashes: slices.Concat(r.Hashes, other.Hashes)}
}

// PathsWhere returns the pathnames of the marked entries.
func (r *Record) PathsWhere(marked []bool) (paths []string) {
	for i, e := range r.Index {
		if marked[i] {
			paths = append(paths, "/"+e.Path)
		}
	}
	return paths
}

// Mark adds the keys of the index to a set.
func (index Index) Mark(set map[string]bool) {
	for _, e := range index {
		set[e.Key] = true
	}
}
