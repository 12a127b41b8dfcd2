package kv

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
)

// Namespace is one KV namespace. Its methods are safe for concurrent use.
type Namespace struct {
	ID    string `json:"id"`
	Title string `json:"title"`

	mu     sync.RWMutex
	file   *os.File
	end    int64
	keys   map[string]*Entry
	sorted []string        // the keys in order, or nil after a change
	past   map[string]past // by key
}

// past is the state of a key before a recent change, which lists do not show yet.
type past struct {
	before *Entry
	since  time.Time
}

// openNamespace reads a namespace's log, or creates it.
func openNamespace(path string, ns *Namespace) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	keys, end, err := readLog(f)
	if err == nil {
		err = f.Truncate(end)
	}
	if err == nil {
		f, end, err = compact(path, f, keys, end)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	ns.file, ns.end, ns.keys, ns.past = f, end, keys, map[string]past{}
	return nil
}

func (ns *Namespace) close() error { return ns.file.Close() }

// batch is a series of writes and deletes that are appended to the log together.
type batch struct {
	buf     []byte
	keys    []string
	entries []*Entry // nil for a delete
}

// put adds a write. fill appends the value to the buffer.
func (b *batch) put(key string, e Entry, size int, fill func(buf []byte) ([]byte, error)) error {
	e.size = size
	b.buf = appendRecord(b.buf, opPut, key, &e)
	e.offset = int64(len(b.buf)) // the offset in the batch; write adds that of the batch
	before := len(b.buf)
	buf, err := fill(b.buf)
	if err != nil {
		return err
	}
	if len(buf)-before != size {
		return errors.New("the value does not have the expected size")
	}
	b.buf, b.keys, b.entries = buf, append(b.keys, key), append(b.entries, &e)
	return nil
}

func (b *batch) delete(key string) {
	b.buf = appendRecord(b.buf, opDelete, key, &Entry{})
	b.keys, b.entries = append(b.keys, key), append(b.entries, nil)
}

// write appends a batch and makes it visible to reads. Lists show it after the time lag. If it
// fails, nothing of the batch is stored.
func (ns *Namespace) write(b *batch, lag time.Duration) error {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	if _, err := ns.file.WriteAt(b.buf, ns.end); err != nil {
		return fmt.Errorf("write to namespace %s: %w", ns.ID, errors.Join(err, ns.file.Truncate(ns.end)))
	}
	for i, key := range b.keys {
		old, e := ns.keys[key], b.entries[i]
		if lag > 0 {
			if p, ok := ns.past[key]; !ok || time.Since(p.since) >= lag {
				ns.past[key] = past{before: old, since: time.Now()}
			}
		}
		if (old == nil) != (e == nil) {
			ns.sorted = nil
		}
		if e == nil {
			delete(ns.keys, key)
			continue
		}
		e.offset += ns.end
		ns.keys[key] = e
	}
	ns.end += int64(len(b.buf))
	return nil
}

// Get returns a key's entry, or nil if there is none or it has expired. The entry stays
// readable after the key is written again.
func (ns *Namespace) Get(key string) *Entry {
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	return ns.keys[key].Unexpired()
}

// Unexpired returns the entry, or nil if it has expired or is nil.
func (e *Entry) Unexpired() *Entry {
	if e == nil || e.expiration > 0 && e.expiration <= time.Now().Unix() {
		return nil
	}
	return e
}

// value returns a reader of an entry's bytes.
func (ns *Namespace) value(e *Entry) *io.SectionReader {
	return io.NewSectionReader(ns.file, e.offset, int64(e.size))
}

// listed is a key in a list.
type listed struct {
	name string
	*Entry
}

// list returns the page of keys after the cursor, in order. next is the cursor of the next
// page, or "".
func (ns *Namespace) list(prefix, cursor string, limit int, lag time.Duration) (page []listed, next string, err error) {
	after, started := "", false
	if cursor != "" {
		raw, err := base64.RawURLEncoding.DecodeString(cursor)
		if err != nil || len(raw) == 0 || raw[0] != cursorMark {
			return nil, "", errors.New("invalid cursor")
		}
		after, started = string(raw[1:]), true
	}
	names, look := ns.view(lag)
	from := max(prefix, after)
	i, found := slices.BinarySearch(names, from)
	if found && started && from == after {
		i++
	}
	for ; i < len(names) && strings.HasPrefix(names[i], prefix); i++ {
		e := look(names[i])
		if e == nil {
			continue
		}
		if len(page) == limit {
			return page, cursorAfter(page[len(page)-1].name), nil
		}
		page = append(page, listed{names[i], e})
	}
	return page, "", nil
}

// cursorMark is the first byte of a cursor. A text with another first byte is not a cursor.
const cursorMark = 1

// cursorAfter returns the cursor after a key. It is opaque to clients and never empty.
func cursorAfter(key string) string {
	return base64.RawURLEncoding.EncodeToString(append([]byte{cursorMark}, key...))
}

// view returns the names that lists show, in order, and a function that returns the entry of
// a name as lists show it.
func (ns *Namespace) view(lag time.Duration) (names []string, look func(string) *Entry) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	if ns.sorted == nil {
		ns.sorted = make([]string, 0, len(ns.keys))
		for key := range ns.keys {
			ns.sorted = append(ns.sorted, key)
		}
		sort.Strings(ns.sorted)
	}
	hidden := map[string]*Entry{}
	names = ns.sorted
	for key, p := range ns.past {
		if time.Since(p.since) >= lag {
			delete(ns.past, key)
			continue
		}
		hidden[key] = p.before
		if ns.keys[key] == nil {
			if len(names) == len(ns.sorted) {
				names = slices.Clone(names)
			}
			names = append(names, key)
		}
	}
	if len(names) != len(ns.sorted) {
		sort.Strings(names)
	}
	return names, func(key string) *Entry {
		if e, ok := hidden[key]; ok {
			return e.Unexpired()
		}
		return ns.Get(key)
	}
}
