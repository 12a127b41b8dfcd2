package manifest

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// The stored encoding of a manifest: what the next plan, a rollback and prune
// read. It must stay readable for ever, so it carries a format version and
// must-understand flags. docs/format.md specifies it.
const (
	storedMagic   = "KVSS"
	storedVersion = 1

	// storedChunked must be understood: some assets are chunked, so their blobs
	// are indexes, which keep further blobs alive.
	storedChunked = 1 << 0
)

// storedHead is the part of a stored manifest that does not grow with the site.
type storedHead struct {
	Site      string       `json:"site"`
	Origin    storedOrigin `json:"origin"`
	Types     []string     `json:"types"`
	Serving   Serving      `json:"serving"`
	Routing   *Routing     `json:"routing,omitempty"`
	Redirects []Redirect   `json:"redirects,omitempty"`
	Headers   []HeaderRule `json:"headers,omitempty"`

	Adopted map[string]Nonce `json:"adopted,omitempty"`
}

// storedOrigin is the part of an Origin that the next plan needs.
type storedOrigin struct {
	Kind   string `json:"kind"`
	ID     string `json:"id"`
	Rules  string `json:"rules"`
	Dir    string `json:"dir,omitempty"`
	Commit string `json:"commit,omitempty"`
}

// EncodeStored writes the stored encoding of m.
func EncodeStored(m *Manifest) ([]byte, error) {
	oidSize := 0
	for _, a := range m.Assets {
		if n := len(a.OID) / 2; n != oidSize && oidSize != 0 {
			return nil, fmt.Errorf("encode manifest: %s has an object id of %d bytes beside others of %d", a.Path, n, oidSize)
		} else if n != 0 {
			oidSize = n
		}
	}
	for _, d := range m.Dirs {
		if oidSize == 0 {
			oidSize = len(d.Tree) / 2
		}
	}
	var types, nonces table[string]
	for _, a := range m.Assets {
		types.add(a.ContentType)
		nonces.add(string(a.Blob.Nonce[:]))
	}
	for _, r := range m.Retired {
		types.add(r.ContentType)
		nonces.add(string(r.Blob.Nonce[:]))
	}
	head, err := json.Marshal(storedHead{
		Site: m.Site, Types: types.list, Serving: m.Serving, Routing: m.Routing, Redirects: m.Redirects, Headers: m.Headers, Adopted: m.Adopted,
		Origin: storedOrigin{m.Origin.Kind, m.Origin.ID, m.Origin.Rules, m.Origin.Dir, m.Origin.Commit},
	})
	if err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}

	w := storedWriter{b: make([]byte, 0, len(head)+64+80*(len(m.Assets)+len(m.Retired))+48*len(m.Dirs)), oidSize: oidSize}
	w.b = append(w.b, storedMagic...)
	w.b = binary.LittleEndian.AppendUint16(w.b, storedVersion)
	w.b = binary.LittleEndian.AppendUint16(w.b, m.storedFlags())
	w.bytes(string(head))
	w.uint(uint64(len(nonces.list)))
	for _, n := range nonces.list {
		w.b = append(w.b, n...)
	}
	w.uint(uint64(oidSize))
	w.uint(uint64(len(m.Assets)))
	for _, a := range m.Assets {
		w.asset(a, types.index[a.ContentType], nonces.index[string(a.Blob.Nonce[:])])
		w.oid(a.OID)
	}
	w.path = ""
	w.uint(uint64(len(m.Dirs)))
	for _, d := range m.Dirs {
		w.pathname(d.Path)
		w.oid(d.Tree)
	}
	w.path = ""
	w.uint(uint64(len(m.Retired)))
	for _, r := range m.Retired {
		w.asset(r.Asset, types.index[r.ContentType], nonces.index[string(r.Blob.Nonce[:])])
		w.int(r.Until)
		w.uint(uint64(max(r.Left, 0)))
	}
	if w.err != nil {
		return nil, fmt.Errorf("encode manifest: %w", w.err)
	}
	return w.b, nil
}

// storedFlags are the must-understand flags. A manifest without chunked assets
// has none, so that releases which know of no chunks read it.
func (m *Manifest) storedFlags() uint16 {
	if slices.ContainsFunc(m.Assets, Asset.Chunked) ||
		slices.ContainsFunc(m.Retired, func(r Retired) bool { return r.Chunked() }) {
		return storedChunked
	}
	return 0
}

// table numbers distinct values in the order of their first appearance.
type table[T comparable] struct {
	list  []T
	index map[T]int
}

func (t *table[T]) add(v T) int {
	i, ok := t.index[v]
	if !ok {
		if t.index == nil {
			t.index = make(map[T]int)
		}
		i = len(t.list)
		t.index[v] = i
		t.list = append(t.list, v)
	}
	return i
}

type storedWriter struct {
	b        []byte
	path     string // of the entry before: paths are front-coded
	modified int64  // of the entry before
	oidSize  int
	err      error
}

func (w *storedWriter) uint(v uint64) { w.b = binary.AppendUvarint(w.b, v) }
func (w *storedWriter) int(v int64)   { w.b = binary.AppendVarint(w.b, v) }

func (w *storedWriter) bytes(s string) {
	w.uint(uint64(len(s)))
	w.b = append(w.b, s...)
}

func (w *storedWriter) pathname(p string) {
	shared := 0
	for shared < len(p) && shared < len(w.path) && p[shared] == w.path[shared] {
		shared++
	}
	w.uint(uint64(shared))
	w.bytes(p[shared:])
	w.path = p
}

func (w *storedWriter) asset(a Asset, typ, nonce int) {
	w.pathname(a.Path)
	w.b = append(w.b, a.Blob.Hash[:]...)
	w.uint(uint64(nonce))
	w.uint(uint64(a.Size))
	w.uint(uint64(typ))
	w.int(a.Modified - w.modified)
	w.modified = a.Modified
}

func (w *storedWriter) oid(id string) {
	if w.oidSize == 0 && id == "" {
		return
	}
	raw, err := hex.DecodeString(id)
	if err != nil || len(raw) != w.oidSize {
		w.err = fmt.Errorf("%s: object id %.80q is not %d bytes in hexadecimal", w.path, id, w.oidSize)
		return
	}
	w.b = append(w.b, raw...)
}

// DecodeStored reads what EncodeStored wrote, of this or any earlier release.
// Bytes that it cannot read whole are an error, never a shorter manifest.
func DecodeStored(b []byte) (*Manifest, error) {
	if len(b) < 8 || string(b[:4]) != storedMagic {
		return nil, errors.New("decode manifest: these bytes are not a stored manifest")
	}
	if v := binary.LittleEndian.Uint16(b[4:]); v != storedVersion {
		return nil, fmt.Errorf("decode manifest: format version %d is newer than this kv-sync reads (%d); update kv-sync", v, storedVersion)
	}
	flags := binary.LittleEndian.Uint16(b[6:])
	if f := flags &^ storedChunked; f != 0 {
		return nil, fmt.Errorf("decode manifest: it needs a feature (flags %#x) that this kv-sync does not know; update kv-sync", f)
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

// count reads how many entries follow. Each takes at least size bytes, so a
// count that the rest cannot hold is refused before anything is allocated.
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
			r.fail("its head is no JSON object: " + err.Error())
		}
	}
	r.types = head.Types
	o := head.Origin
	m := &Manifest{
		Site: head.Site, Serving: head.Serving, Routing: head.Routing, Redirects: head.Redirects, Headers: head.Headers,
		Origin: Origin{Kind: o.Kind, ID: o.ID, Rules: o.Rules, Dir: o.Dir, Commit: o.Commit},
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

// arena holds the texts of a manifest, many to an allocation: a manifest of
// 100,000 files has 200,000 of them, which live and die together.
type arena struct{ strings.Builder }

const arenaBytes = 64 << 10

// room sees to it that n bytes can be written where no text moves, and returns
// where they begin.
func (a *arena) room(n int) int {
	if a.Cap()-a.Len() < n {
		a.Reset() // what was written stays with the texts made of it
		a.Grow(max(n, arenaBytes))
	}
	return a.Len()
}

func (a *arena) join(head string, tail []byte) string {
	from := a.room(len(head) + len(tail))
	a.WriteString(head)
	a.Write(tail)
	return a.String()[from:]
}

func (a *arena) hex(id []byte) string {
	var digits [64]byte
	from := a.room(hex.EncodedLen(len(id)))
	a.Write(hex.AppendEncode(digits[:0], id))
	return a.String()[from:]
}
