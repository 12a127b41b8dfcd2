package worktree

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/git/objects"
)

// indexEntry is a file that is checked out or staged.
type indexEntry struct {
	name string
	id   string
	mode uint32
	// staged apart: one side of a merge conflict.
	conflict bool
	// assumed: git was told not to look at the file.
	assumed bool
	// left: the file is left out of a sparse checkout. The entry is a directory's
	// if the mode is; its name then ends in a slash.
	left bool
	// size, modified and changed stamp the file as it was when it was compared.
	size              uint32
	modified, changed time.Time
}

// errIndex is returned (wrapped) for an index that is no index.
var errIndex = errors.New("the index is corrupt; run git reset, or deploy the folder (source: folder)")

// maxIndexBytes bounds an index, which is read whole: some 100 bytes a file.
const maxIndexBytes = 1 << 30

// readIndex reads the index (git's Documentation/gitformat-index.txt), with what
// a split one has in the shared file beside it. go-git knows neither split nor
// sparse indexes. Entries come in no order.
func readIndex(file string, idBytes int) ([]indexEntry, error) {
	entries, link, err := readIndexFile(file, idBytes)
	if err != nil || len(link) < idBytes || bytes.Count(link[:idBytes], []byte{0}) == idBytes {
		return entries, err
	}
	name := "sharedindex." + hex.EncodeToString(link[:idBytes])
	base, other, err := readIndexFile(filepath.Join(filepath.Dir(file), name), idBytes)
	if err != nil {
		return nil, err
	}
	if len(other) > 0 {
		return nil, fmt.Errorf("%s: %w", name, errIndex)
	}
	return joinIndex(base, entries, link[idBytes:])
}

// readIndexFile reads one file, and returns the extension that links it to a
// shared one.
func readIndexFile(file string, idBytes int) (entries []indexEntry, link []byte, err error) {
	if st, err := os.Stat(file); err == nil && st.Size() > maxIndexBytes {
		return nil, nil, fmt.Errorf("read index: %d bytes are too many", st.Size())
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, fmt.Errorf("read index: %w", err)
	}
	entries, link, err = decodeIndex(data, idBytes)
	if err != nil {
		return nil, nil, fmt.Errorf("read index %s: %w", filepath.Base(file), err)
	}
	return entries, link, nil
}

const (
	indexHeader = 12
	entryStat   = 40 // an entry's fields before the id

	// In version 4 a name takes its beginning from the one before, so that a few
	// bytes can stand for many: names together are bounded by what is plausible,
	// some 1,000 bytes each beside the first ones.
	namesAtLeast = 64 << 20
	namesPerByte = 16

	flagAssumed  = 0x8000
	flagExtended = 0x4000
	flagStage    = 0x3000
	flagLeft     = 0x4000 // of the extended flags
)

func decodeIndex(data []byte, idBytes int) (entries []indexEntry, link []byte, err error) {
	if len(data) < indexHeader+idBytes || string(data[:4]) != "DIRC" {
		return nil, nil, errIndex
	}
	version, count := binary.BigEndian.Uint32(data[4:]), binary.BigEndian.Uint32(data[8:])
	if version < 2 || version > 4 {
		return nil, nil, fmt.Errorf("version %d is not supported", version)
	}
	d := indexDecoder{data: data[:len(data)-idBytes], at: indexHeader, idBytes: idBytes, packed: version == 4}
	if uint64(count) > uint64(len(data)/(entryStat+idBytes)) {
		return nil, nil, errIndex
	}
	entries = make([]indexEntry, count)
	previous, names := "", 0
	for i := range entries {
		if !d.entry(&entries[i], previous) {
			return nil, nil, errIndex
		}
		previous = entries[i].name
		if names += len(previous); names > namesAtLeast+namesPerByte*len(data) {
			return nil, nil, errIndex
		}
	}
	// Of the extensions only those with a small first letter change what entries mean.
	for len(d.data)-d.at >= 8 {
		name, size := string(d.data[d.at:d.at+4]), binary.BigEndian.Uint32(d.data[d.at+4:])
		d.at += 8
		if uint64(size) > uint64(len(d.data)-d.at) {
			return nil, nil, errIndex
		}
		body := d.data[d.at : d.at+int(size)]
		d.at += int(size)
		switch {
		case name == "link":
			link = body
		case name == "sdir" || name[0] >= 'A' && name[0] <= 'Z':
		default:
			return nil, nil, fmt.Errorf("the extension %q is not supported", name)
		}
	}
	return entries, link, nil
}

type indexDecoder struct {
	data    []byte
	at      int
	idBytes int
	packed  bool // version 4: names without what they share with the one before
}

// entry decodes the next entry, and reports whether there is one.
func (d *indexDecoder) entry(e *indexEntry, previous string) bool {
	start, b := d.at, d.data[d.at:]
	fixed := entryStat + d.idBytes + 2
	if len(b) < fixed {
		return false
	}
	stamp := func(at int) time.Time {
		return time.Unix(int64(binary.BigEndian.Uint32(b[at:])), int64(binary.BigEndian.Uint32(b[at+4:])))
	}
	e.changed, e.modified = stamp(0), stamp(8)
	e.mode, e.size = binary.BigEndian.Uint32(b[24:]), binary.BigEndian.Uint32(b[36:])
	e.id = hex.EncodeToString(b[entryStat : entryStat+d.idBytes])
	flags := binary.BigEndian.Uint16(b[entryStat+d.idBytes:])
	e.assumed, e.conflict = flags&flagAssumed != 0, flags&flagStage != 0
	if flags&flagExtended != 0 {
		if len(b) < fixed+2 {
			return false
		}
		e.left = binary.BigEndian.Uint16(b[fixed:])&flagLeft != 0
		fixed += 2
	}
	b = b[fixed:]
	d.at += fixed
	if d.packed {
		cut, n := indexVarint(b)
		if n == 0 || cut > uint64(len(previous)) {
			return false
		}
		e.name = previous[:len(previous)-int(cut)] //nolint:gosec // compared above
		b = b[n:]
		d.at += n
	}
	end := bytes.IndexByte(b, 0)
	if end < 0 {
		return false
	}
	e.name += string(b[:end])
	d.at += end + 1
	if !d.packed {
		d.at = start + (d.at-start+7)&^7 // one to eight NULs
	}
	return d.at <= len(d.data)
}

// indexVarint reads a number as in an offset delta; n is 0 if there is none.
func indexVarint(b []byte) (value uint64, n int) {
	for n < len(b) && n < 9 {
		c := b[n]
		n++
		value |= uint64(c & 0x7f)
		if c&0x80 == 0 {
			return value, n
		}
		value = (value + 1) << 7
	}
	return 0, 0
}

// below reports whether a name of the index lies in a directory ("" or with a
// slash at its end), or is a directory that holds it.
func (e *indexEntry) below(dir string) bool {
	return strings.HasPrefix(e.name, dir) || e.mode&objects.ModeKind == objects.ModeDir && strings.HasPrefix(dir, e.name)
}
