package model

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Observer is notified of each change.
type Observer interface {
	// Put is called after a write. before are the earlier writes to the key, oldest first.
	Put(by string, n *Namespace, key string, value []byte, before []Write)
	// Deleted is called after a deletion of a key that existed.
	Deleted(by string, n *Namespace, key string)
	// Activated is called after an activation.
	Activated(by string, s *Script, d *Deployment)
}

// Cloud is one account.
type Cloud struct {
	// Observer may be nil.
	Observer Observer
	// Listed is how many deployments of a script the API lists.
	Listed int
	// KeepsExpired is set if expired keys still exist. Workers KV may delete them late.
	KeepsExpired bool

	namespaces []*Namespace
	scripts    map[string]*Script
}

// New returns an empty account.
func New() *Cloud { return &Cloud{Listed: 10, scripts: make(map[string]*Script)} }

// Clone returns an account with the same contents and no observer. Later changes of one do not
// reach the other.
func (c *Cloud) Clone() *Cloud {
	out := &Cloud{Listed: c.Listed, KeepsExpired: c.KeepsExpired, scripts: make(map[string]*Script, len(c.scripts))}
	for _, n := range c.namespaces {
		keys := make(map[string][]Write, len(n.keys))
		for key, writes := range n.keys {
			keys[key] = slices.Clip(writes)
		}
		out.namespaces = append(out.namespaces, &Namespace{ID: n.ID, Title: n.Title, cloud: out, created: n.created,
			keys: keys})
	}
	for name, s := range c.scripts {
		next := *s
		next.cloud, next.Versions, next.Deployments = out, slices.Clip(s.Versions), slices.Clip(s.Deployments)
		next.Migrated = slices.Clip(s.Migrated)
		out.scripts[name] = &next
	}
	return out
}

// Namespaces lists the namespaces.
func (c *Cloud) Namespaces() []*Namespace { return c.namespaces }

// Namespace returns the namespace with this id, or nil.
func (c *Cloud) Namespace(id string) *Namespace {
	for _, n := range c.namespaces {
		if n.ID == id {
			return n
		}
	}
	return nil
}

// CreateNamespace creates a namespace. ok is false if the title is taken.
func (c *Cloud) CreateNamespace(title string) (n *Namespace, ok bool) {
	if slices.ContainsFunc(c.namespaces, func(n *Namespace) bool { return n.Title == title }) {
		return nil, false
	}
	n = &Namespace{ID: fmt.Sprintf("%032x", len(c.namespaces)+1), Title: title, cloud: c, created: time.Now(),
		keys: make(map[string][]Write)}
	c.namespaces = append(c.namespaces, n)
	return n, true
}

// Script returns the script with this name, or nil.
func (c *Cloud) Script(name string) *Script { return c.scripts[name] }

// IsActive reports whether a version has part of the traffic.
func (c *Cloud) IsActive(version string) bool {
	for _, s := range c.scripts {
		if d := s.Active(); d != nil && slices.ContainsFunc(d.Shares, func(v Share) bool { return v.Version == version }) {
			return true
		}
	}
	return false
}

// Scripts lists the scripts by name.
func (c *Cloud) Scripts() []*Script {
	var all []*Script
	for _, s := range c.scripts {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *Script) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// Write is what a key was set to.
type Write struct {
	At    time.Time
	Value []byte
	// Gone is set if the key was deleted.
	Gone bool
	// Until is when it expires; zero if never.
	Until time.Time
}

// Namespace is a namespace of Workers KV with all that was ever written to it.
type Namespace struct {
	ID, Title string

	cloud   *Cloud
	created time.Time
	keys    map[string][]Write
}

// Put writes a value. A ttl of 0 is none.
func (n *Namespace) Put(by, key string, value []byte, ttl time.Duration) {
	before := n.keys[key]
	w := Write{At: time.Now(), Value: value}
	if ttl > 0 {
		w.Until = w.At.Add(ttl)
	}
	n.keys[key] = append(before, w)
	if o := n.cloud.Observer; o != nil {
		o.Put(by, n, key, value, before)
	}
}

// Delete deletes a key, which need not exist.
func (n *Namespace) Delete(by, key string) {
	if _, ok := n.Get(key); !ok {
		return
	}
	n.keys[key] = append(n.keys[key], Write{At: time.Now(), Gone: true})
	if o := n.cloud.Observer; o != nil {
		o.Deleted(by, n, key)
	}
}

// Get reads a value as it is.
func (n *Namespace) Get(key string) ([]byte, bool) { return n.GetAt(key, time.Now()) }

// GetAt reads a value as it was.
func (n *Namespace) GetAt(key string, at time.Time) ([]byte, bool) {
	w, ok := last(n.keys[key], func(w Write) bool { return !w.At.After(at) })
	if !ok || w.Gone || !w.Until.IsZero() && !at.Before(w.Until) && !n.cloud.KeepsExpired {
		return nil, false
	}
	return w.Value, true
}

func last(all []Write, is func(Write) bool) (Write, bool) {
	for _, w := range slices.Backward(all) {
		if is(w) {
			return w, true
		}
	}
	return Write{}, false
}

// KeysAt lists the keys as they were, ascending.
func (n *Namespace) KeysAt(prefix string, at time.Time) []string {
	var all []string
	for key := range n.keys {
		if len(key) < len(prefix) || key[:len(prefix)] != prefix {
			continue
		}
		if _, ok := n.GetAt(key, at); ok {
			all = append(all, key)
		}
	}
	slices.Sort(all)
	return all
}

// EverBelow lists the keys with a prefix that were ever written, ascending.
func (n *Namespace) EverBelow(prefix string) (all []string) {
	for key := range n.keys {
		if strings.HasPrefix(key, prefix) {
			all = append(all, key)
		}
	}
	slices.Sort(all)
	return all
}

// LastValue is what was last written to a key, also if it was deleted since.
func (n *Namespace) LastValue(key string) ([]byte, bool) {
	w, ok := last(n.keys[key], func(w Write) bool { return !w.Gone })
	return w.Value, ok
}

// Changed is when a key was last written or deleted.
func (n *Namespace) Changed(key string) time.Time {
	w, _ := last(n.keys[key], func(Write) bool { return true })
	return w.At
}

// FirstWritten is when a key was first written, since it was last deleted.
func (n *Namespace) FirstWritten(key string) (at time.Time, ok bool) {
	for _, w := range slices.Backward(n.keys[key]) {
		if w.Gone {
			break
		}
		at, ok = w.At, true
	}
	return at, ok
}
