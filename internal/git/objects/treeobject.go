package objects

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
)

// Modes of tree entries. ModeKind masks the bits that distinguish the kinds.
const (
	ModeKind    = 0o170000
	ModeDir     = 0o040000
	ModeFile    = 0o100000
	ModeLink    = 0o120000
	ModeGitlink = 0o160000 // a submodule
)

// Entry is one entry of a tree.
type Entry struct {
	Name string
	Mode uint32
	ID   string
}

// Kind returns the part of the mode that says what the entry is, such as ModeDir.
func (e Entry) Kind() uint32 { return e.Mode & ModeKind }

// parseTree decodes a tree object. It does not check the names.
func parseTree(data []byte, idBytes int) ([]Entry, error) {
	var entries []Entry
	for len(data) > 0 {
		mode, rest, ok := bytes.Cut(data, []byte{' '})
		if !ok || len(mode) > 7 {
			return nil, errors.New("the tree is corrupt")
		}
		bits, err := strconv.ParseUint(string(mode), 8, 32)
		if err != nil {
			return nil, errors.New("the tree is corrupt")
		}
		name, rest, ok := bytes.Cut(rest, []byte{0})
		if !ok || len(rest) < idBytes {
			return nil, errors.New("the tree is corrupt")
		}
		entries = append(entries, Entry{string(name), uint32(bits), hex.EncodeToString(rest[:idBytes])})
		data = rest[idBytes:]
	}
	return entries, nil
}

// Subtree finds the tree of a directory below a tree, and reads it. The path has slashes; "."
// is the tree itself. The id is "" if there is no such directory. seen, which may be nil, gets the
// entries of each tree on the way and of the directory itself; the root's path is "".
func (r *Reader) Subtree(
	ctx context.Context, tree, path string, seen func(dir string, entries []Entry),
) (id string, entries []Entry, err error) {
	if seen == nil {
		seen = func(string, []Entry) {}
	}
	if entries, err = r.Tree(ctx, tree); err != nil {
		return tree, entries, err
	}
	seen("", entries)
	if path == "." {
		return tree, entries, nil
	}
	dir := ""
	for name := range strings.SplitSeq(path, "/") {
		id = ""
		for _, e := range entries {
			if e.Name == name && e.Kind() == ModeDir {
				id = e.ID
			}
		}
		if id == "" {
			return "", nil, nil
		}
		if entries, err = r.Tree(ctx, id); err != nil {
			return "", nil, err
		}
		dir = strings.TrimPrefix(dir+"/"+name, "/")
		seen(dir, entries)
	}
	return id, entries, nil
}
