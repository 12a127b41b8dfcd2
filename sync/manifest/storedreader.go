package manifest

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// DecodeStored reads what EncodeStored of this or an earlier release wrote. It returns
// an error for incomplete or damaged bytes, never a shorter manifest.
func DecodeStored(b []byte) (*Manifest, error) {
	if len(b) < 8 || string(b[:4]) != storedMagic {
		return nil, errors.New("decode manifest: these bytes are not a stored manifest")
	}
	if v := binary.LittleEndian.Uint16(b[4:]); v != storedVersion {
		return nil, fmt.Errorf("decode manifest: format version %d, and this release reads %d: %w",
			v, storedVersion, ErrNewer)
	}
	flags := binary.LittleEndian.Uint16(b[6:])
	if f := flags &^ storedChunked; f != 0 {
		return nil, fmt.Errorf("decode manifest: it needs a feature (flags %#x): %w", f, ErrNewer)
	}
	r := storedReader{b: b[8:]}
	m := r.manifest()
	if r.err != nil {
		return nil, fmt.Errorf("decode manifest: %w", r.err)
	}
	if len(r.b) != 0 {
		return nil, fmt.Errorf("decode manifest: %d bytes follow its end", len(r.b))
	}
	if flags != m.storedFlags() {
		return nil, errors.New("decode manifest: its flags and the sizes of its assets disagree")
	}
	return m, nil
}

type storedReader struct {
	b        []byte
	texts    arena
	path     string
	modified int64
	oidSize  int
	types    []string
	nonces   []Nonce
	err      error
}

func (r *storedReader) fail(what string) {
	if r.err == nil {
		r.err = errors.New(what)
	}
	r.b = nil
}

func (r *storedReader) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail("a number is cut short")
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *storedReader) int() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail("a number is cut short")
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *storedReader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.fail("it is cut short")
		return nil
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}

// count reads how many entries follow. Each takes at least size bytes, so a count
// that does not fit into the rest is refused before memory is allocated for it.
func (r *storedReader) count(size int) int {
	n := r.uint()
	if n > uint64(len(r.b)/size) {
		r.fail("it is cut short")
		return 0
	}
	return int(n)
}

func (r *storedReader) manifest() *Manifest {
	var head storedHead
	if raw := r.take(r.uint()); r.err == nil {
		if err := json.Unmarshal(raw, &head); err != nil {
			r.fail("its head is not a JSON object: " + err.Error())
		}
	}
	r.types = head.Types
	m := &Manifest{
		Site: head.Site, Serving: head.Serving, Routing: head.Routing,
		Redirects: head.Redirects, Headers: head.Headers,
		Origin: head.Origin.Origin(),
	}
	if len(head.Adopted) > 0 {
		m.Adopted = head.Adopted
	}
	r.nonces = make([]Nonce, r.count(len(Nonce{})))
	for i := range r.nonces {
		copy(r.nonces[i][:], r.take(uint64(len(Nonce{}))))
	}
	oidSize := r.uint()
	if oidSize != 0 && oidSize != 20 && oidSize != 32 {
		r.fail("object ids have an unknown size")
		return m
	}
	r.oidSize = int(oidSize)
	if n := r.count(38 + r.oidSize); n > 0 {
		m.Assets = make([]Asset, n)
	}
	for i := range m.Assets {
		m.Assets[i] = r.asset()
		m.Assets[i].OID = r.oid()
		if i > 0 && r.err == nil && m.Assets[i].Path <= m.Assets[i-1].Path {
			r.fail("its paths are not in order")
		}
	}
	r.path = ""
	if n := r.count(2 + r.oidSize); n > 0 {
		m.Dirs = make([]Dir, n)
	}
	for i := range m.Dirs {
		m.Dirs[i] = Dir{Path: r.pathname(), Tree: r.oid()}
	}
	r.path = ""
	if n := r.count(40); n > 0 {
		m.Retired = make([]Retired, n)
	}
	for i := range m.Retired {
		m.Retired[i] = Retired{Asset: r.asset(), Until: r.int(), Left: int(min(r.uint(), math.MaxInt32))}
	}
	return m
}

func (r *storedReader) pathname() string {
	shared := r.uint()
	suffix := r.take(r.uint())
	if shared > uint64(len(r.path)) {
		r.fail("a path shares more than the path before it has")
		return ""
	}
	r.path = r.texts.join(r.path[:shared], suffix)
	if !utf8.ValidString(r.path) { // worker/ cannot read it
		r.fail("a path is not UTF-8")
	}
	return r.path
}

func (r *storedReader) asset() Asset {
	a := Asset{Path: r.pathname()}
	copy(a.Blob.Hash[:], r.take(uint64(len(a.Blob.Hash))))
	nonce, size, typ := r.uint(), r.uint(), r.uint()
	r.modified += r.int()
	a.Modified = r.modified
	if r.err != nil {
		return a
	}
	if nonce >= uint64(len(r.nonces)) || typ >= uint64(len(r.types)) || size > MaxFileBytes {
		r.fail("an entry points outside a table, or is larger than a file can be")
		return a
	}
	a.Blob.Nonce, a.Size, a.ContentType = r.nonces[nonce], int64(size), r.types[typ]
	return a
}

func (r *storedReader) oid() string {
	if r.oidSize == 0 {
		return ""
	}
	return r.texts.hex(r.take(uint64(r.oidSize)))
}

// arena holds the texts of a manifest, many in one allocation: a manifest of 100,000
// files has 200,000 texts with the same lifetime.
type arena struct{ strings.Builder }

const arenaBytes = 64 << 10

// reserve makes n bytes available without moving texts that were written before, and
// returns where they begin.
func (a *arena) reserve(n int) int {
	if a.Cap()-a.Len() < n {
		a.Reset() // the texts keep the memory that was used before
		a.Grow(max(n, arenaBytes))
	}
	return a.Len()
}

func (a *arena) join(head string, tail []byte) string {
	from := a.reserve(len(head) + len(tail))
	a.WriteString(head)
	a.Write(tail)
	return a.String()[from:]
}

func (a *arena) hex(id []byte) string {
	var digits [64]byte
	from := a.reserve(hex.EncodedLen(len(id)))
	a.Write(hex.AppendEncode(digits[:0], id))
	return a.String()[from:]
}
