package site

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/parts"
	"github.com/kv-sync/kv-sync/sync/version"
	"golang.org/x/sync/errgroup"
)

// Stored is a manifest as it is stored.
type Stored struct {
	*manifest.Manifest
	// Tree is the manifest in parts; nil if it is stored whole.
	Tree *parts.Tree
	// Keys are the keys of its values. The first value is the manifest or its root.
	Keys []string
	// Deployment is the id of the deployment.
	Deployment string
}

// Manifest reads the stored manifest of a version, from the cache or from KV. A value whose hash
// differs from its name is an error.
func (c *Client) Manifest(ctx context.Context, m *version.Meta) (*manifest.Manifest, error) {
	s, err := c.Stored(ctx, m)
	if err != nil {
		return nil, err
	}
	return s.Manifest, nil
}

// Stored is [Client.Manifest] with the keys of the values. A manifest takes one request, and one
// in parts as many as it has parts that the cache does not have, and one more.
func (c *Client) Stored(ctx context.Context, m *version.Meta) (*Stored, error) {
	s, err := c.Open(ctx, m, m.Manifest)
	if err == nil {
		err = s.Read((*parts.Tree).ReadAll)
	}
	return s, err
}

// Open reads a manifest of a version by its name, and no part of one in parts.
func (c *Client) Open(ctx context.Context, m *version.Meta, name string) (*Stored, error) {
	s, err := c.open(ctx, m.Namespace, name)
	if err != nil {
		return nil, fmt.Errorf("read the manifest of deployment %s: %w", m.Deployment, err)
	}
	if s.Site != c.ID() {
		return nil, fmt.Errorf("the manifest of deployment %s belongs to the site %.80q", m.Deployment, s.Site)
	}
	s.Deployment = m.Deployment
	return s, nil
}

// Read reads parts with a method of the tree. A whole manifest needs none.
func (s *Stored) Read(read func(*parts.Tree) error) error {
	if s.Tree == nil {
		return nil
	}
	if err := read(s.Tree); err != nil {
		return fmt.Errorf("read the manifest of deployment %s: %w", s.Deployment, err)
	}
	s.Manifest = s.Tree.Manifest()
	return nil
}

// ReadUnlike reads the files of two manifests. If both are in parts, it reads only those that may differ.
func (s *Stored) ReadUnlike(o *Stored) error {
	if s.Tree == nil || o.Tree == nil {
		return errors.Join(s.Read((*parts.Tree).ReadAll), o.Read((*parts.Tree).ReadAll))
	}
	err := o.Read(func(t *parts.Tree) error { return parts.ReadUnlike(s.Tree, t) })
	return errors.Join(err, s.Read(func(*parts.Tree) error { return nil }))
}

// seenAfter is the time after which KV shows a new value everywhere.
// Source: https://developers.cloudflare.com/kv/concepts/how-kv-works/ (60 seconds or more)
const seenAfter = 2 * time.Minute

// Base reads the manifest of the live version as the base of the next one: its next root if that
// is old enough and all its parts exist. Of one in parts it reads only those of the changed
// directories, or all if src is nil.
func (c *Client) Base(ctx context.Context, m *version.Meta, src manifest.Source) (*Stored, error) {
	read := func(name string) (*Stored, error) {
		s, err := c.Open(ctx, m, name)
		if err == nil {
			err = s.Read(func(t *parts.Tree) error { return readChanged(ctx, t, src) })
		}
		return s, err
	}
	_, ref, _, err := c.Keys().Named(m.Next)
	if err != nil || c.Time().Sub(ref.Nonce.Time()) < seenAfter {
		return read(m.Manifest)
	}
	s, err := read(m.Next)
	whole := false
	if err == nil { // it may be from the cache
		whole, err = c.Exist(ctx, c.Account.Store(m.Namespace), s.Keys)
	}
	if errors.Is(err, cloud.ErrNotFound) || errors.Is(err, manifest.ErrDamaged) || err == nil && !whole {
		return read(m.Manifest)
	}
	return s, err
}

// Exist reports whether the keys of a manifest in parts exist. It lists all parts of the site, 1,000 with
// a request. A listing may be outdated, so a key that it lacks is read.
func (c *Client) Exist(ctx context.Context, store cloud.Store, keys []string) (bool, error) {
	there, err := c.KeysBelow(ctx, store, c.Keys().Parts())
	if err != nil {
		return false, fmt.Errorf("list the parts of a manifest: %w", err)
	}
	for _, key := range keys {
		if there[key] {
			continue
		}
		if _, err := store.Get(ctx, key); errors.Is(err, cloud.ErrNotFound) {
			return false, nil
		} else if err != nil {
			return false, fmt.Errorf("read a part of a manifest: %w", err)
		}
	}
	return true, nil
}

// readChanged reads the parts of the directories that changed.
func readChanged(ctx context.Context, t *parts.Tree, src manifest.Source) error {
	if src == nil {
		return t.ReadAll()
	}
	if err := t.ReadSmall(); err != nil {
		return err
	}
	changed, ok, err := src.Changed(ctx, t.Origin(), t.Directories())
	switch {
	case err != nil:
		return err
	case !ok:
		return t.ReadAll()
	}
	return t.ReadFiles(changed)
}

// Named lists the keys of the values of a manifest. It reads the root, and no part.
func (c *Client) Named(ctx context.Context, namespace, name string) (keys []string, err error) {
	key, ref, inParts, err := c.Keys().Named(name)
	if err != nil || !inParts {
		return []string{key}, err
	}
	var root *parts.Root
	err = c.read(ctx, namespace, key, ref, func(b []byte) (err error) {
		root, err = readRoot(b, ref)
		return err
	})
	if err != nil {
		return nil, err
	}
	return c.keysOf(key, root), nil
}

func (c *Client) keysOf(key string, r *parts.Root) []string {
	keys := []string{key}
	for _, ref := range r.Refs() {
		keys = append(keys, c.Keys().Part(ref))
	}
	return keys
}

func (c *Client) open(ctx context.Context, namespace, name string) (*Stored, error) {
	key, ref, inParts, err := c.Keys().Named(name)
	if err != nil {
		return nil, err
	}
	s := &Stored{Keys: []string{key}}
	var root *parts.Root
	err = c.read(ctx, namespace, key, ref, func(b []byte) (err error) {
		if inParts {
			root, err = readRoot(b, ref)
		} else if b, err = ref.Hash.Whole(b); err == nil {
			s.Manifest, err = manifest.DecodeStored(b)
		}
		return err
	})
	if err != nil || !inParts {
		return s, err
	}
	s.Keys = c.keysOf(key, root)
	s.Tree, err = parts.Open(root, func(refs []manifest.Ref, decode func(i int, value []byte) error) error {
		return c.readParts(ctx, namespace, refs, decode)
	})
	if err != nil {
		return nil, err
	}
	s.Manifest = s.Tree.Manifest()
	return s, nil
}

func readRoot(b []byte, ref manifest.Ref) (*parts.Root, error) {
	if _, err := ref.Hash.Whole(b); err != nil {
		return nil, err
	}
	return parts.Decode(b)
}

// readParts reads parts side by side.
func (c *Client) readParts(ctx context.Context, namespace string, refs []manifest.Ref,
	decode func(i int, value []byte) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(c.Parallel)
	for i, ref := range refs {
		g.Go(func() error {
			return c.read(ctx, namespace, c.Keys().Part(ref), ref, func(b []byte) error { return decode(i, b) })
		})
	}
	return g.Wait()
}

// read reads a value that never changes, from the cache or with one request. decode refuses a value
// that is not whole.
func (c *Client) read(ctx context.Context, namespace, key string, ref manifest.Ref, decode func([]byte) error) error {
	if c.Cache != nil {
		if b, ok := c.Cache.Get(ref.String()); ok && decode(b) == nil {
			return nil
		}
	}
	value, err := cloud.ReadAs(ctx, c.Account.Store(namespace), key, func(b []byte) ([]byte, error) {
		return b, decode(b)
	})
	if err == nil {
		c.Remember(ref, value)
	}
	return err
}

// Remember keeps a value that never changes for later runs.
func (c *Client) Remember(ref manifest.Ref, value []byte) {
	if c.Cache != nil {
		c.Cache.Put(ref.String(), value)
	}
}
