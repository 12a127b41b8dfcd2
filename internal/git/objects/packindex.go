package objects

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// Offsets in an index of version 2.
const (
	indexFanout = 8
	indexIDs    = indexFanout + 256*4
	indexMagic  = "\xfftOc\x00\x00\x00\x02"
)

// find returns the offset of an object, 0 if the pack does not have it.
func (p *pack) find(id objectID) (int64, error) {
	low, high := int64(0), p.fanout[id[0]]
	if id[0] > 0 {
		low = p.fanout[id[0]-1]
	}
	// A binary search narrows the range until it is cheaper to read the rest at once.
	const few = 64
	var buffer [few * SHA1Bytes]byte
	for high-low > few {
		middle := (low + high) / 2
		at := buffer[:SHA1Bytes]
		if _, err := p.index.ReadAt(at, indexIDs+middle*SHA1Bytes); err != nil {
			return 0, err
		}
		if bytes.Compare(at, id[:]) <= 0 {
			low = middle
		} else {
			high = middle
		}
	}
	ids := buffer[:(high-low)*SHA1Bytes]
	if _, err := p.index.ReadAt(ids, indexIDs+low*SHA1Bytes); err != nil {
		return 0, err
	}
	for ; len(ids) > 0; ids = ids[SHA1Bytes:] {
		if objectID(ids[:SHA1Bytes]) == id {
			return p.offset(low)
		}
		low++
	}
	return 0, nil
}

// offset returns the offset of the n-th object of the index.
func (p *pack) offset(n int64) (int64, error) {
	count := p.fanout[255]
	offsets := indexIDs + count*(SHA1Bytes+4) // ids, then checksums
	var b [8]byte
	if _, err := p.index.ReadAt(b[:4], offsets+4*n); err != nil {
		return 0, err
	}
	at := int64(binary.BigEndian.Uint32(b[:4]))
	if far := at &^ (1 << 31); far != at {
		if _, err := p.index.ReadAt(b[:], offsets+4*count+8*far); err != nil {
			return 0, err
		}
		at = int64(binary.BigEndian.Uint64(b[:])) //nolint:gosec // checked next
	}
	if at <= 0 || at >= p.end {
		return 0, errCorrupt
	}
	return at, nil
}

// withPrefix lists the objects whose ids begin with a prefix of at least two digits.
func (d *objectDirectory) withPrefix(prefix string) ([]string, error) {
	var ids []string
	entries, err := os.ReadDir(filepath.Join(d.path, prefix[:2]))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list objects: %w", err)
	}
	for _, e := range entries {
		if id := prefix[:2] + e.Name(); strings.HasPrefix(id, prefix) && IsID(id) {
			ids = append(ids, id)
		}
	}
	err = d.search(func(p *pack) (bool, error) {
		more, err := p.withPrefix(prefix)
		ids = append(ids, more...)
		return false, err
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

func (p *pack) withPrefix(prefix string) (ids []string, err error) {
	var low objectID
	if _, err := hex.Decode(low[:], []byte(prefix+strings.Repeat("0", 2*SHA1Bytes-len(prefix)))); err != nil {
		return nil, err
	}
	count := int(p.fanout[255])
	var id objectID
	at := func(n int) objectID {
		if _, e := p.index.ReadAt(id[:], indexIDs+int64(n)*SHA1Bytes); e != nil && err == nil {
			err = e
		}
		return id
	}
	first := sort.Search(count, func(n int) bool { got := at(n); return bytes.Compare(got[:], low[:]) >= 0 })
	for n := first; n < count; n++ {
		got := at(n)
		name := hex.EncodeToString(got[:])
		if err != nil || !strings.HasPrefix(name, prefix) {
			break
		}
		ids = append(ids, name)
	}
	return ids, err
}
