package objects

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// bytes returns the decompressed content of an entry.
func (p *pack) bytes(e packEntry) ([]byte, error) {
	if e.size > maxMeta {
		return nil, errDeltaTooLarge(e.size)
	}
	c, err := p.stream(e)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	data := make([]byte, e.size)
	if _, err := io.ReadFull(c, data); err != nil {
		return nil, err
	}
	_, err = c.Read(nil)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return data, err
}

func errDeltaTooLarge(size int64) error {
	return fmt.Errorf("%d bytes are too many for an object that git stored as a delta; "+
		"install git, or deploy the folder (source: folder)", size)
}

// chain follows a delta to its base, that base to its own base, and so on, up to an entry that
// is known or is not a delta. It reads only headers. It returns the deltas in this order, and
// the entry at the end.
func (p *pack) chain(e packEntry, known func(offset int64) bool) (deltas []packEntry, end packEntry, err error) {
	for e.kind == "" && !known(e.offset) {
		// git writes chains of at most 4095 deltas. A longer one is a cycle.
		if deltas = append(deltas, e); len(deltas) > 4095 {
			return nil, e, errCorrupt
		}
		if e, err = p.entry(e.base); err != nil {
			return nil, e, err
		}
	}
	return deltas, e, nil
}

// resolve returns the object that a delta produces. It caches the intermediate objects, because
// the next delta is likely to need them.
func (p *pack) resolve(e packEntry, bases *baseCache) (resolved, error) {
	var m resolved
	found := false
	deltas, end, err := p.chain(e, func(offset int64) bool {
		m, found = bases.get(p.number, offset)
		return found
	})
	if err != nil {
		return m, err
	}
	if !found {
		if m, found = bases.get(p.number, end.offset); !found {
			if m.data, err = p.bytes(end); err != nil {
				return m, err
			}
			m.kind = end.kind
			bases.put(p.number, end.offset, m)
		}
	}
	for i := len(deltas) - 1; i >= 0; i-- {
		delta, err := p.bytes(deltas[i])
		if err != nil {
			return m, err
		}
		switch size, err := deltaTarget(delta); {
		case err != nil:
			return m, errCorrupt
		case size > maxMeta:
			return m, errDeltaTooLarge(size)
		}
		if m.data, err = packfile.PatchDelta(m.data, delta); err != nil {
			return m, fmt.Errorf("%w: %w", errCorrupt, err)
		}
		bases.put(p.number, deltas[i].offset, m)
	}
	return m, nil
}

// deltaSize returns the size of the object that a delta produces. It reads only the delta's
// first bytes.
func (p *pack) deltaSize(e packEntry) (int64, error) {
	c, err := p.stream(e)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	var head [20]byte
	n, err := io.ReadFull(c, head[:])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, err
	}
	return deltaTarget(head[:n])
}

// deltaTarget returns the size of a delta's result. It is the second number of the delta; the
// first is the size of the base.
func deltaTarget(delta []byte) (int64, error) {
	_, n := binary.Uvarint(delta)
	if n <= 0 {
		return 0, errCorrupt
	}
	size, m := binary.Uvarint(delta[n:])
	if m <= 0 || size > 1<<40 {
		return 0, errCorrupt
	}
	return int64(size), nil
}

// kind returns the kind of the object that a delta produces.
func (p *pack) kind(e packEntry) (string, error) {
	_, end, err := p.chain(e, func(int64) bool { return false })
	return end.kind, err
}
