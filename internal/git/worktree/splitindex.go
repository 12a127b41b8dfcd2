package worktree

import (
	"encoding/binary"
	"math"
)

// joinIndex applies the changes of a split index to the shared entries (base). The first bitmap
// marks the shared entries that are deleted, the second one those that are replaced. The first
// changes have no name: they are the replacements, in the order of base. The other changes are
// added.
func joinIndex(base, changes []indexEntry, bitmaps []byte) ([]indexEntry, error) {
	if len(bitmaps) == 0 {
		return append(base, changes...), nil
	}
	deleted, rest, err := decodeEWAH(bitmaps, len(base))
	if err != nil {
		return nil, err
	}
	replaced, _, err := decodeEWAH(rest, len(base))
	if err != nil {
		return nil, err
	}
	next := 0
	for i := range base {
		if !replaced[i] {
			continue
		}
		if next == len(changes) || changes[next].name != "" {
			return nil, errIndex
		}
		changes[next].name = base[i].name
		base[i] = changes[next]
		next++
	}
	added := map[string]bool{}
	for _, e := range changes[next:] {
		if e.name == "" {
			return nil, errIndex
		}
		added[e.name] = true
	}
	all := changes[next:]
	for i, e := range base {
		if !deleted[i] && !added[e.name] {
			all = append(all, e)
		}
	}
	return all, nil
}

// decodeEWAH reads a compressed bitmap of at most size bits, and returns what follows it. The
// bitmap is a sequence of runs of equal words, each followed by a number of literal words.
func decodeEWAH(data []byte, size int) (set []bool, rest []byte, err error) {
	if len(data) < 8 {
		return nil, nil, errIndex
	}
	bits, count := binary.BigEndian.Uint32(data), uint64(binary.BigEndian.Uint32(data[4:]))
	data = data[8:]
	if uint64(bits) > uint64(size) || count*8+4 > uint64(len(data)) { //nolint:gosec // a length
		return nil, nil, errIndex
	}
	words, rest := data[:count*8], data[count*8+4:]
	set = make([]bool, size)
	at := uint64(0)
	next := func() (word uint64) {
		word = binary.BigEndian.Uint64(words)
		words = words[8:]
		return word
	}
	for len(words) > 0 {
		marker := next()
		ones, run, literals := marker&1 == 1, marker>>1&math.MaxUint32, marker>>33
		if run > uint64(bits)/64+1 || literals*8 > uint64(len(words)) {
			return nil, nil, errIndex
		}
		for range run * 64 {
			if ones && at < uint64(bits) {
				set[at] = true
			}
			at++
		}
		for range literals {
			for word, bit := next(), uint64(0); bit < 64; bit++ {
				if word>>bit&1 == 1 {
					if at+bit >= uint64(bits) {
						return nil, nil, errIndex
					}
					set[at+bit] = true
				}
			}
			at += 64
		}
		if at > uint64(bits)+64 {
			return nil, nil, errIndex
		}
	}
	return set, rest, nil
}
