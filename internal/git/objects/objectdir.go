package objects

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// objectDirectory is an object directory of a repository: its own, or an alternate. It is safe
// for concurrent use.
type objectDirectory struct {
	path  string
	bases *baseCache

	mu     sync.RWMutex
	packs  []*pack
	closed bool
}

// packCount counts the packs of all object directories that share a cache, and the bytes read
// from them. A pack's number is its identity in the cache.
type packCount struct {
	n    int
	read atomic.Int64
}

// rescan adds the packs that appeared since the last scan, for example by a concurrent fetch or
// gc, and reports whether there are any.
func (d *objectDirectory) rescan(count *packCount) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	names, err := listPacks(d.path)
	if err != nil || d.closed {
		return false, err
	}
	known := map[string]bool{}
	for _, p := range d.packs {
		known[p.name] = true
	}
	before := len(d.packs)
	for _, name := range names {
		if !known[name] {
			count.n++
			d.packs = append(d.packs[:len(d.packs):len(d.packs)], &pack{number: count.n, name: name, read: &count.read})
		}
	}
	return len(d.packs) > before, nil
}

// search calls look for each pack until one of the calls reports that it found the object.
func (d *objectDirectory) search(look func(*pack) (found bool, err error)) error {
	d.mu.RLock()
	packs := d.packs
	d.mu.RUnlock()
	for _, p := range packs {
		if err := p.opened(); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				continue // a concurrent gc removed it
			}
			return err
		}
		found, err := look(p)
		if err != nil {
			return fmt.Errorf("search pack %s: %w", filepath.Base(p.name), err)
		}
		if found {
			break
		}
	}
	return nil
}

// locate finds an object in the packs. The pack is nil if none has it.
func (d *objectDirectory) locate(id objectID) (in *pack, offset int64, err error) {
	err = d.search(func(p *pack) (bool, error) {
		at, err := p.find(id)
		if at > 0 && err == nil {
			in, offset = p, at
		}
		return in != nil, err
	})
	return in, offset, err
}

// object is an object that was found.
type object struct {
	kind string
	size int64
	// content is nil if only the header was read.
	content io.ReadCloser
}

// get returns an object: its kind and size, and with whole also its content. The error is
// ErrNoObject if the directory does not have it.
func (d *objectDirectory) get(id string, whole bool) (o object, err error) {
	bin, err := parseID(id)
	if err != nil {
		return o, err
	}
	p, offset, err := d.locate(bin)
	if err != nil {
		return o, err
	}
	if p == nil {
		return d.loose(id, whole)
	}
	e, err := p.entry(offset)
	if err != nil {
		return o, err
	}
	if e.kind != "" {
		o.kind, o.size = e.kind, e.size
		if whole {
			o.content, err = p.stream(e)
		}
		return o, err
	}
	if !whole {
		if o.size, err = p.deltaSize(e); err == nil {
			o.kind, err = p.kind(e)
		}
		return o, err
	}
	m, err := p.resolve(e, d.bases)
	if err != nil {
		return o, err
	}
	return object{m.kind, int64(len(m.data)), io.NopCloser(bytes.NewReader(m.data))}, nil
}

// loose reads an object from a file of its own.
func (d *objectDirectory) loose(id string, whole bool) (o object, err error) {
	f, err := os.Open(filepath.Join(d.path, id[:2], id[2:]))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = ErrNoObject
		}
		return o, err
	}
	z, err := inflate(f)
	if err != nil {
		return o, errors.Join(err, f.Close())
	}
	c := &content{z: z, closer: f}
	if o.kind, o.size, err = looseHeader(z.zlib); err != nil || !whole {
		return o, errors.Join(err, c.Close())
	}
	c.left, o.content = o.size, c
	return o, nil
}

// looseHeader reads a header such as "blob 123\x00".
func looseHeader(r io.Reader) (kind string, size int64, err error) {
	var line [32]byte
	for i := range line {
		if _, err := io.ReadFull(r, line[i:i+1]); err != nil {
			return "", 0, fmt.Errorf("%w: %w", errCorrupt, err)
		}
		if line[i] != 0 {
			continue
		}
		kind, digits, _ := strings.Cut(string(line[:i]), " ")
		size, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || size < 0 {
			return "", 0, errCorrupt
		}
		return kind, size, nil
	}
	return "", 0, errCorrupt
}

func (d *objectDirectory) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for _, p := range d.packs {
		p.close()
	}
}
