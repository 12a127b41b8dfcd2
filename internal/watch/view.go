package watch

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/realpath"
)

// view describes the files of a set at one time. Its paths have no symlinks.
type view struct {
	// entries are the paths of the set and the symlinks in these paths.
	entries map[string]bool
	// trees are the entries that are folders.
	trees []string
	// folders are the folders to listen to: the parent folder of each entry (or the nearest one
	// that exists), the trees, and all folders in the trees.
	folders map[string]bool
	// stamps has the entries, and the files in the folders whose stamps scan was to read.
	stamps map[string]stamp
}

// stamp has the properties of a file that a write changes.
type stamp struct {
	mode     fs.FileMode
	size     int64
	modified time.Time
}

// stampOf returns the stamp of a file or folder. The stamp of a folder has only the mode, because
// changes in a folder are found by its files.
func stampOf(info fs.FileInfo) stamp {
	if info.IsDir() {
		return stamp{mode: info.Mode()}
	}
	return stamp{info.Mode(), info.Size(), info.ModTime()}
}

// scan makes a view. It calls enter for each folder before it reads the folder. wantStamps says
// whether it reads the stamps of a folder's files.
func (s Set) scan(enter func(folder string), wantStamps func(folder string) bool) *view {
	v := &view{entries: map[string]bool{}, folders: map[string]bool{}, stamps: map[string]stamp{}}
	listen := func(folder string) {
		if !v.folders[folder] {
			v.folders[folder] = true
			enter(folder)
		}
	}
	for _, path := range s.Paths {
		real, links := resolve(path)
		for _, e := range append(links, real) {
			v.entries[e] = true
			listen(realpath.NearestFolder(filepath.Dir(e)))
			if info, err := os.Lstat(e); err == nil {
				v.stamps[e] = stampOf(info)
			}
		}
		if info, err := os.Lstat(real); err != nil || !info.IsDir() {
			continue
		}
		v.trees = append(v.trees, real)
		s.walk(real, func(folder string, list func() []fs.DirEntry) {
			listen(folder)
			wanted := wantStamps(folder)
			for _, e := range list() {
				if !wanted || e.IsDir() {
					continue
				}
				if info, err := e.Info(); err == nil {
					v.stamps[filepath.Join(folder, e.Name())] = stampOf(info)
				}
			}
		})
	}
	return v
}

// walk calls visit for a folder and the folders below that are not skipped. visit must call list
// once, which reads the folder.
func (s Set) walk(folder string, visit func(folder string, list func() []fs.DirEntry)) {
	var entries []fs.DirEntry
	visit(folder, func() []fs.DirEntry {
		entries, _ = os.ReadDir(folder) // a removed or unreadable folder has no entries
		return entries
	})
	for _, e := range entries {
		if below := filepath.Join(folder, e.Name()); e.IsDir() && !s.skips(below) {
			s.walk(below, visit)
		}
	}
}

func (s Set) skips(folder string) bool { return s.Skip != nil && s.Skip(folder) }

// inside reports whether a path is below one of the trees.
func (v *view) inside(path string) bool {
	for _, tree := range v.trees {
		if strings.HasPrefix(path, tree+string(filepath.Separator)) {
			return true
		}
	}
	return false
}

// leadsToEntry reports whether a path is an entry or a parent folder of one.
func (v *view) leadsToEntry(path string) bool {
	if v.entries[path] {
		return true
	}
	for e := range v.entries {
		if strings.HasPrefix(e, path+string(filepath.Separator)) {
			return true
		}
	}
	return false
}

// maxLinks is the number of symlinks that resolve follows in one path. Systems have such limits
// too, because of loops.
const maxLinks = 40

// resolve returns a path without symlinks, and the symlinks in it. A part of the path that does
// not exist stays as it is. links has no symlinks in the root folder, such as /tmp on macOS,
// because these do not change.
func resolve(path string) (real string, links []string) {
	separator := string(filepath.Separator)
	split := func(path string) (root string, names []string) {
		path = filepath.Clean(path)
		root = filepath.VolumeName(path) + separator
		return root, strings.FieldsFunc(path[len(root)-1:], func(r rune) bool { return r == filepath.Separator })
	}
	at, names := split(path)
	for followed := 0; len(names) > 0; {
		next := filepath.Join(at, names[0])
		info, err := os.Lstat(next)
		if err != nil || info.Mode()&fs.ModeSymlink == 0 || followed == maxLinks {
			at, names = next, names[1:]
			continue
		}
		target, err := os.Readlink(next)
		if err != nil {
			at, names = next, names[1:]
			continue
		}
		followed++
		if filepath.Dir(at) != at {
			links = append(links, next)
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(at, target)
		}
		var targetNames []string
		at, targetNames = split(target)
		names = append(targetNames, names[1:]...)
	}
	return at, links
}
