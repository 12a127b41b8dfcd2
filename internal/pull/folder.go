package pull

import (
	"errors"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/kv-sync/kv-sync/internal/git/attributes"
)

// folder is a folder of the new commit: the folder of the parent commit with the changes so far.
// Only the repository's root can be empty.
type folder struct {
	// id is the folder's id in the parent commit, or zero if the folder is new.
	id      plumbing.Hash
	entries map[string]object.TreeEntry
	names   names
	// subfolders are the subfolders that were read or created. Their hashes in entries are of
	// the parent commit until write sets them.
	subfolders map[string]*folder
	changed    bool
	// scope are the attributes that are in force in the folder, if scoped is set.
	scope  *attributes.Scope
	scoped bool
}

func newFolder() *folder {
	return &folder{entries: map[string]object.TreeEntry{}, names: names{}, subfolders: map[string]*folder{}}
}

// open reads the folder with a tree id.
func (b *Branch) open(id plumbing.Hash) (*folder, error) {
	tree, err := b.repo.TreeObject(id)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return nil, ErrPartial
	}
	if err != nil {
		return nil, err
	}
	f := newFolder()
	f.id = id
	for _, e := range tree.Entries {
		f.entries[e.Name] = e
		f.names.add(e.Name)
	}
	return f, nil
}

func (f *folder) set(e object.TreeEntry) {
	if _, ok := f.entries[e.Name]; !ok {
		f.names.add(e.Name)
	}
	f.entries[e.Name] = e
	f.changed = true
}

func (f *folder) drop(name string) {
	delete(f.entries, name)
	delete(f.subfolders, name)
	f.names.remove(name)
	f.changed = true
}

// place is the position of a file name in the commit.
type place struct {
	// folders are the folders from the repository's root to the file's folder. parts[i] is a name
	// in folders[i]: that of the next folder, and at the end that of the file. Both lists are
	// shorter if the commit does not have one of the folders.
	folders []*folder
	parts   []string
	// exists says that the commit has all the folders.
	exists bool
	// blocked says why no file can be there, or is "".
	blocked string
}

func (p *place) folder() *folder { return p.folders[len(p.folders)-1] }

func (p *place) name() string { return p.parts[len(p.parts)-1] }

// find returns the place of a file name in the repository. With create, it creates missing
// folders.
func (b *Branch) find(name string, create bool) (*place, error) {
	p := &place{folders: []*folder{b.root}}
	parts := strings.Split(name, "/")
	for _, part := range parts[:len(parts)-1] {
		in := p.folder()
		have, variant := in.names.find(part)
		switch e := in.entries[have]; {
		case variant != "":
			p.blocked = variantReason(variant)
			return p, nil
		case have != "" && e.Mode == filemode.Submodule:
			p.blocked = inSubmodule
			return p, nil
		case have != "" && e.Mode != filemode.Dir:
			p.blocked = fileInTheWay
			return p, nil
		case have == "" && !create:
			return p, nil
		case have == "":
			have = part
			in.subfolders[have] = newFolder()
			in.set(object.TreeEntry{Name: have, Mode: filemode.Dir})
		case in.subfolders[have] == nil:
			var err error
			if in.subfolders[have], err = b.open(e.Hash); err != nil {
				return nil, err
			}
		}
		p.folders, p.parts = append(p.folders, in.subfolders[have]), append(p.parts, have)
	}
	last := parts[len(parts)-1]
	have, variant := p.folder().names.find(last)
	if variant != "" {
		p.blocked = variantReason(variant)
	} else if have != "" {
		last = have
	}
	p.parts, p.exists = append(p.parts, last), true
	return p, nil
}

// remove removes the file and the folders that become empty.
func (p *place) remove() {
	for i := len(p.folders) - 1; i >= 0; i-- {
		p.folders[i].drop(p.parts[i])
		if len(p.folders[i].entries) > 0 {
			break
		}
	}
}

// write stores a folder and its subfolders as git objects if they have changed. It returns the
// folder's id.
func (b *Branch) write(f *folder) (plumbing.Hash, error) {
	for name, sub := range f.subfolders {
		id, err := b.write(sub)
		if err != nil {
			return plumbing.ZeroHash, err
		}
		if e := f.entries[name]; e.Hash != id {
			e.Hash = id
			f.set(e)
		}
	}
	if !f.changed {
		return f.id, nil
	}
	tree := &object.Tree{Entries: slices.Collect(maps.Values(f.entries))}
	sort.Sort(object.TreeEntrySorter(tree.Entries))
	return b.encode(tree)
}
