package pull

import (
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// folder is a folder of the commit that is being made: the parent's, with the changes so far.
// Only the repository's root can be empty.
type folder struct {
	id      plumbing.Hash // zero if it is new
	entries map[string]object.TreeEntry
	names   names
	// below are the subfolders that were read. Their entries keep their old ids.
	below   map[string]*folder
	changed bool
}

func newFolder() *folder {
	return &folder{entries: map[string]object.TreeEntry{}, names: names{}, below: map[string]*folder{}}
}

// open reads a folder.
func (b *Branch) open(id plumbing.Hash) (*folder, error) {
	tree, err := b.repo.TreeObject(id)
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
	delete(f.below, name)
	f.names.remove(name)
	f.changed = true
}

// place is where a pathname is in the commit.
type place struct {
	// above are the folders down to the one that the file is in, from the repository's root on.
	// parts are the names that lead from each to the next, at the end the file's. Both end
	// early where the commit has no folder.
	above []*folder
	parts []string
	// exists reports whether all folders exist; blocked says what blocks the path.
	exists  bool
	blocked string
}

func (p *place) folder() *folder { return p.above[len(p.above)-1] }

func (p *place) name() string { return p.parts[len(p.parts)-1] }

// find walks to a name within the repository. With create, missing folders are made.
func (b *Branch) find(name string, create bool) (*place, error) {
	p := &place{above: []*folder{b.root}}
	parts := strings.Split(name, "/")
	for _, part := range parts[:len(parts)-1] {
		in := p.folder()
		have, twin := in.names.find(part)
		switch e := in.entries[have]; {
		case twin != "":
			p.blocked = twinReason(twin)
			return p, nil
		case have != "" && e.Mode == filemode.Submodule:
			p.blocked = "its folder is another repository (a submodule)"
			return p, nil
		case have != "" && e.Mode != filemode.Dir:
			p.blocked = fileInTheWay
			return p, nil
		case have == "" && !create:
			return p, nil
		case have == "":
			have = part
			in.below[have] = newFolder()
			in.set(object.TreeEntry{Name: have, Mode: filemode.Dir})
		case in.below[have] == nil:
			var err error
			if in.below[have], err = b.open(e.Hash); err != nil {
				return nil, err
			}
		}
		p.above, p.parts = append(p.above, in.below[have]), append(p.parts, have)
	}
	last := parts[len(parts)-1]
	have, twin := p.folder().names.find(last)
	if twin != "" {
		p.blocked = twinReason(twin)
	} else if have != "" {
		last = have
	}
	p.parts, p.exists = append(p.parts, last), true
	return p, nil
}

// remove removes the file, and folders that become empty.
func (p *place) remove() {
	for i := len(p.above) - 1; i >= 0; i-- {
		p.above[i].drop(p.parts[i])
		if len(p.above[i].entries) > 0 {
			break
		}
	}
}

// write stores the folders that have changed, and returns the tree.
func (b *Branch) write(f *folder) (plumbing.Hash, error) {
	for name, sub := range f.below {
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
	return b.store(tree)
}
