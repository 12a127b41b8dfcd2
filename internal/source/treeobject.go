package source

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
)

// Modes of tree entries, with the bits that tell kinds apart.
const (
	modeKind    = 0o170000
	modeDir     = 0o040000
	modeFile    = 0o100000
	modeLink    = 0o120000
	modeGitlink = 0o160000 // a submodule
)

// treeEntry is one line of a tree.
type treeEntry struct {
	name string
	mode uint32
	id   string
}

func (e treeEntry) kind() uint32 { return e.mode & modeKind }

// parseTree decodes a tree object. What names say is for the caller to judge.
func parseTree(data []byte, idBytes int) ([]treeEntry, error) {
	var entries []treeEntry
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
		entries = append(entries, treeEntry{string(name), uint32(bits), hex.EncodeToString(rest[:idBytes])})
		data = rest[idBytes:]
	}
	return entries, nil
}

// folder finds the tree of a directory below a tree, and reads it. The path has
// slashes; "." is the tree itself. The id is "" if there is no such directory.
func (o *objects) folder(ctx context.Context, tree, path string) (id string, entries []treeEntry, err error) {
	if entries, err = o.tree(ctx, tree); err != nil || path == "." {
		return tree, entries, err
	}
	for name := range strings.SplitSeq(path, "/") {
		id = ""
		for _, e := range entries {
			if e.name == name && e.kind() == modeDir {
				id = e.id
			}
		}
		if id == "" {
			return "", nil, nil
		}
		if entries, err = o.tree(ctx, id); err != nil {
			return "", nil, err
		}
	}
	return id, entries, nil
}
