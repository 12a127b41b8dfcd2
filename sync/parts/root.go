package parts

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

const (
	rootMagic   = "KVSR"
	rootVersion = 1
	rootHeader  = 64
	linkBytes   = 48
)

// head is the part of a manifest that does not grow with the site.
type head struct {
	Site string `json:"site"`
	manifest.Serving
	Origin    manifest.StoredOrigin     `json:"origin"`
	Routing   *manifest.Routing         `json:"routing,omitempty"`
	Redirects []manifest.Redirect       `json:"redirects,omitempty"`
	Headers   []manifest.HeaderRule     `json:"headers,omitempty"`
	Adopted   map[string]manifest.Nonce `json:"adopted,omitempty"`
	// Number is that of the deployment: 1 more than the number of the one before.
	Number uint32 `json:"number"`
}

// Root lists the parts of a manifest.
type Root struct {
	head      head
	sequences [len(kinds)]sequence
}

// sequence is what a root has of the entries of one kind.
type sequence struct {
	links      []link
	difference []byte // an encoded part, or nil
	count      int    // of entries, with the difference
}

// link names a part.
type link struct {
	first string
	count int
	ref   manifest.Ref
}

// Refs are the parts that the root names.
func (r *Root) Refs() (refs []manifest.Ref) {
	for _, s := range r.sequences {
		for _, l := range s.links {
			refs = append(refs, l.ref)
		}
	}
	return refs
}

// encode encodes the root.
func (r *Root) encode() ([]byte, error) {
	meta, err := manifest.EncodeJSON(r.head)
	if err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	b := make([]byte, rootHeader)
	copy(b, rootMagic)
	binary.LittleEndian.PutUint16(b[4:], rootVersion)
	binary.LittleEndian.PutUint32(b[8:], uint32(len(meta)))
	for i, s := range r.sequences {
		end := 0
		for _, l := range s.links {
			end += len(l.first)
			b = binary.LittleEndian.AppendUint32(b, uint32(end))
			b = binary.LittleEndian.AppendUint32(b, uint32(l.count))
			b = append(append(b, l.ref.Hash[:]...), l.ref.Nonce[:]...)
		}
		for _, l := range s.links {
			b = append(b, l.first...)
		}
		b = append(b, s.difference...)
		for at, v := range []int{len(s.links), end, len(s.difference), s.count} {
			binary.LittleEndian.PutUint32(b[16+16*i+4*at:], uint32(v))
		}
	}
	b = append(b, meta...)
	binary.LittleEndian.PutUint32(b[12:], uint32(len(b)))
	return b, nil
}

// Decode reads a root. It returns an error for incomplete or damaged bytes.
func Decode(b []byte) (*Root, error) {
	if len(b) < rootHeader || string(b[:4]) != rootMagic {
		return nil, errors.New("decode manifest: these bytes are not a root")
	}
	version, flags := binary.LittleEndian.Uint16(b[4:]), binary.LittleEndian.Uint16(b[6:])
	if version != rootVersion || flags != 0 {
		return nil, fmt.Errorf("decode manifest: format version %d, flags %#x: %w", version, flags, manifest.ErrNewer)
	}
	if word(b, 12) != len(b) {
		return nil, errors.New("decode manifest: it is cut short")
	}
	r, rest := &Root{}, b[rootHeader:]
	for i, kind := range kinds {
		var err error
		if r.sequences[i], rest, err = decodeSequence(b[16+16*i:], rest); err != nil {
			return nil, fmt.Errorf("decode manifest: the %s: %w", kind, err)
		}
	}
	if len(rest) != word(b, 8) {
		return nil, errors.New("decode manifest: its sections do not fill it")
	}
	if err := json.Unmarshal(rest, &r.head); err != nil {
		return nil, fmt.Errorf("decode manifest: its meta section: %w", err)
	}
	return r, nil
}

// decodeSequence reads a sequence from the beginning of b, and returns what follows it.
func decodeSequence(header, b []byte) (s sequence, rest []byte, err error) {
	links, paths, difference := word(header, 0), word(header, 4), word(header, 8)
	if links > len(b)/linkBytes || links*linkBytes+paths+difference > len(b) {
		return s, nil, errors.New("it is cut short")
	}
	table := b[:links*linkBytes]
	names := string(b[len(table) : len(table)+paths])
	b = b[len(table)+paths:]
	s.links, s.count = make([]link, links), word(header, 12)
	from := 0
	for i := range s.links {
		l, at := &s.links[i], table[linkBytes*i:]
		end := word(at, 0)
		if end < from || end > len(names) {
			return s, nil, errors.New("a path is out of bounds")
		}
		l.first, l.count, from = names[from:end], word(at, 4), end
		copy(l.ref.Hash[:], at[8:40])
		copy(l.ref.Nonce[:], at[40:48])
		if !utf8.ValidString(l.first) || i > 0 && compare(s.links[i-1].first, l.first) >= 0 {
			return s, nil, errors.New("its parts are not in order")
		}
	}
	if from != len(names) {
		return s, nil, errors.New("bytes follow its last path")
	}
	if difference > 0 {
		s.difference = b[:difference]
	}
	return s, b[difference:], nil
}
