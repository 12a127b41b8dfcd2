// Package worktree is the folder of a site in somebody's clone, in memory, as a pull changes it.
package worktree

import (
	"bytes"
	"io"
	"maps"

	"github.com/kv-sync/kv-sync/internal/pull"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Tree implements [pull.Tree].
type Tree struct {
	// Files are contents by pathname.
	Files map[string]string
	// Pulled is the record of pulled edits.
	Pulled manifest.Pulled
	// Dead reports whether the process that changes it is dead. Its changes have no effect.
	Dead func() bool
}

var _ pull.Tree = (*Tree)(nil)

// New returns a tree with files, which it may change.
func New(files map[string]string) *Tree { return &Tree{Files: maps.Clone(files)} }

// Clone returns a tree with the same files. Later changes of one do not reach the other.
func (t *Tree) Clone() *Tree {
	if t == nil {
		return nil
	}
	return &Tree{Files: maps.Clone(t.Files), Pulled: t.Pulled}
}

// State implements [pull.Tree].
func (t *Tree) State(path string) (pull.FileState, error) {
	body, ok := t.Files[path]
	if !ok {
		return pull.FileState{}, nil
	}
	return pull.FileState{Hashes: []manifest.Hash{manifest.HashOf([]byte(body))}}, nil
}

// Put implements [pull.Tree].
func (t *Tree) Put(path string, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	if !t.Dead() {
		t.Files[path] = b.String()
	}
	return nil
}

// Remove implements [pull.Tree].
func (t *Tree) Remove(path string) error {
	if !t.Dead() {
		delete(t.Files, path)
	}
	return nil
}

// SetPulled replaces the record.
func (t *Tree) SetPulled(p manifest.Pulled) {
	if !t.Dead() {
		t.Pulled = p
	}
}

// Discard makes the files those of a commit again. The record stays, because git does not track
// it yet. It returns the pathnames of the record whose writes do not count any more: those whose
// file is not what the pull left.
func (t *Tree) Discard(files map[string]string) map[string]bool {
	t.Files = maps.Clone(files)
	out := make(map[string]bool)
	for path, mark := range t.Pulled.Contents {
		state, _ := t.State(path) // it never fails
		if has := len(state.Hashes) > 0; has != (mark != "") || has && !state.Holds(mark) {
			out[path] = true
		}
	}
	return out
}
