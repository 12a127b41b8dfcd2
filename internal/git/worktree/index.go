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
	// conflict reports whether the entry is one side of a merge conflict.
	conflict bool
	// assumed reports whether the user told git to ignore changes of the file
	// (assume-unchanged).
	assumed bool
	// skipped reports whether a sparse checkout leaves out the file (skip-worktree). If the
	// mode is that of a directory, the entry covers everything in it, and its name ends in a
	// slash.
	skipped bool
	// size, modified and changed describe the file when git last compared it.
	size              uint32
	modified, changed time.Time
}

// errIndex is returned (wrapped) for a corrupt index.
var errIndex = errors.New("the index is corrupt; run git reset, or deploy the folder (source: folder)")

// maxIndexBytes bounds the index file, which is read completely. An entry has some 100 bytes.
const maxIndexBytes = 1 << 30

// readIndex reads the index (git's Documentation/gitformat-index.txt), in undefined order. It
// joins a split index with the shared file beside it. It does not use go-git, which knows neither
// split nor sparse indexes.
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

// readIndexFile reads one file. link is the extension that refers to a shared file.
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
	entryStat   = 40 // size of an entry's fields before the id

	// In version 4 a name can share its beginning with the name before it, so a few bytes can
	// expand to many. These constants bound the total length of the names: 64 MiB, and 16 bytes
	// for each byte of the file, which are some 1,000 bytes a name.
	namesAtLeast = 64 << 20
	namesPerByte = 16

	flagAssumed  = 0x8000
	flagExtended = 0x4000
	flagStage    = 0x3000
	flagSkipped  = 0x4000 // one of the extended flags
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
	// An extension whose name begins with a capital letter does not change the meaning of the
	// entries. A reader must know the others.
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
	packed  bool // version 4: a name omits what it shares with the name before it
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
		e.skipped = binary.BigEndian.Uint16(b[fixed:])&flagSkipped != 0
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
		d.at = start + (d.at-start+7)&^7 // one to eight NULs follow
	}
	return d.at <= len(d.data)
}

// indexVarint reads a number in the encoding of a pack's offset deltas. n is its length, 0 if
// the bytes are no number.
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

// below reports whether an entry is in a directory ("" or with a slash at its end), or is a
// directory that contains it.
func (e *indexEntry) below(dir string) bool {
	return strings.HasPrefix(e.name, dir) || e.kind() == objects.ModeDir && strings.HasPrefix(dir, e.name)
}

// kind returns the part of the mode that says what the entry is.
func (e *indexEntry) kind() uint32 { return e.mode & objects.ModeKind }
