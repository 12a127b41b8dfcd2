package folder

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/kv-sync/kv-sync/internal/atomicfile"
	"github.com/kv-sync/kv-sync/internal/filestat"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// statCache keeps the hashes of a folder's files between runs, as git's index does. It assumes
// that a file with the same stamp has the same content.
type statCache struct {
	path    string
	entries map[string]cached // by name in the folder
}

// stamp has the properties of a file that change when its content changes.
type stamp struct {
	Size, Mtime, Ctime int64
	Inode              uint64
}

type cached struct {
	stamp
	hash manifest.Hash
}

func stampOf(info fs.FileInfo) stamp {
	ctime, inode := filestat.ChangeTime(info)
	return stamp{info.Size(), info.ModTime().UnixNano(), ctime, inode}
}

// settleTime is how long a file must be unchanged before its stamp is trusted. A second write
// within the granularity of the file system's clock would leave the same stamp. It is up to two
// seconds on network and FAT file systems.
const settleTime = 2 * time.Second

// settled reports whether the file has been unchanged for settleTime.
func (s stamp) settled(now time.Time) bool {
	limit := now.Add(-settleTime).UnixNano()
	return s.Mtime < limit && s.Ctime < limit
}

// cacheMagic begins a cache file. It must change with the format, and with the checks of a
// file's content, because cached files are not checked again.
const cacheMagic = "kv-sync stat cache 2\n"

// openCache reads the cache of the folder. It is empty if it cannot be read, or if Options.Rehash
// is set.
func (f *Folder) openCache() *statCache {
	c, dir, folder := &statCache{entries: map[string]cached{}}, f.options.CacheDir, f.path
	if dir == "" {
		return c
	}
	name := sha256.Sum256([]byte(folder))
	c.path = filepath.Join(dir, "stat", hex.EncodeToString(name[:16]))
	if f.options.Rehash {
		return c
	}
	if data, err := os.ReadFile(c.path); err == nil {
		if entries, err := decodeCache(data, folder); err == nil {
			c.entries = entries
		}
	}
	return c
}

// save replaces the cache. All entries must have settled.
func (c *statCache) save(folder string, entries map[string]cached) error {
	if c.path == "" {
		return nil
	}
	c.entries = entries
	return atomicfile.Write(c.path, encodeCache(folder, entries), 0o600)
}

var errCache = errors.New("the stat cache is corrupt")

// encodeCache writes the magic, the folder, the name, stamp and hash of each entry, and a SHA-256
// of all these bytes. The length of a text precedes it.
func encodeCache(folder string, entries map[string]cached) []byte {
	names := make([]string, 0, len(entries))
	for name := range entries {
		names = append(names, name)
	}
	slices.Sort(names)
	data := append(make([]byte, 0, 128*len(entries)+256), cacheMagic...)
	text := func(s string) {
		data = binary.LittleEndian.AppendUint32(data, uint32(len(s)))
		data = append(data, s...)
	}
	text(folder)
	for _, name := range names {
		e := entries[name]
		text(name)
		for _, n := range []uint64{uint64(e.Size), uint64(e.Mtime), uint64(e.Ctime), e.Inode} {
			data = binary.LittleEndian.AppendUint64(data, n)
		}
		data = append(data, e.hash[:]...)
	}
	sum := sha256.Sum256(data)
	return append(data, sum[:]...)
}

func decodeCache(data []byte, folder string) (map[string]cached, error) {
	if len(data) < len(cacheMagic)+sha256.Size {
		return nil, errCache
	}
	body, sum := data[:len(data)-sha256.Size], data[len(data)-sha256.Size:]
	if want := sha256.Sum256(body); !bytes.Equal(sum, want[:]) || string(body[:len(cacheMagic)]) != cacheMagic {
		return nil, errCache
	}
	body = body[len(cacheMagic):]
	text := func() (string, bool) {
		if len(body) < 4 {
			return "", false
		}
		n := uint64(binary.LittleEndian.Uint32(body))
		if body = body[4:]; uint64(len(body)) < n {
			return "", false
		}
		s := string(body[:n])
		body = body[n:]
		return s, true
	}
	if of, ok := text(); !ok || of != folder {
		return nil, errCache
	}
	const fixed = 4*8 + len(manifest.Hash{})
	entries := make(map[string]cached, len(body)/(fixed+4))
	for len(body) > 0 {
		name, ok := text()
		if !ok || len(body) < fixed {
			return nil, errCache
		}
		var n [4]uint64
		for i := range n {
			n[i] = binary.LittleEndian.Uint64(body[8*i:])
		}
		e := cached{stamp: stamp{int64(n[0]), int64(n[1]), int64(n[2]), n[3]}}
		copy(e.hash[:], body[32:fixed])
		entries[name] = e
		body = body[fixed:]
	}
	return entries, nil
}
