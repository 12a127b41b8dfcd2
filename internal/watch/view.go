package watch

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// view is where the paths of a set are at one moment. Its names are real paths, without
// symlinks.
type view struct {
	// entries are the paths of the set and the symlinks on the way to them. A change of these
	// themselves counts.
	entries map[string]bool
	// trees are the entries that are folders.
	trees []string
	// folders are all folders to listen to: those of the entries, or the nearest existing one
	// above, and all folders in the trees.
	folders map[string]bool
	// stamps has every file, if the view was made with stamps.
	stamps map[string]stamp
}

// stamp is what changes when a file is written.
type stamp struct {
	mode     fs.FileMode
	size     int64
	modified time.Time
}

// stampOf leaves out the times of folders: what changes in a folder shows in its files.
func stampOf(info fs.FileInfo) stamp {
	if info.IsDir() {
		return stamp{mode: info.Mode()}
	}
	return stamp{info.Mode(), info.Size(), info.ModTime()}
}

// look makes a view. enter is called for each folder before it is read. stamps reports whether
// the stamps of the folder's files are needed.
func (s Set) look(enter func(folder string), stamps func(folder string) bool) *view {
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
			listen(nearest(filepath.Dir(e)))
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
			wanted := stamps(folder)
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

// walk visits a folder and the folders below that are not skipped. list reads the folder, once:
// visit calls it after the work that must be done before.
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

// inside reports whether a path is in a folder of the set.
func (v *view) inside(path string) bool {
	for _, tree := range v.trees {
		if strings.HasPrefix(path, tree+string(filepath.Separator)) {
			return true
		}
	}
	return false
}

// leads reports whether a path is an entry or on the way to one.
func (v *view) leads(path string) bool {
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

// maxLinks bounds how many symlinks are followed for one path, as systems do.
const maxLinks = 40

// resolve follows the symlinks in a path, as far as it exists, and lists them. Symlinks at the
// root of the file system, such as /tmp on macOS, are assumed not to change.
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
		var way []string
		at, way = split(target)
		names = append(way, names[1:]...)
	}
	return at, links
}

// nearest returns the folder, or the nearest one above that exists.
func nearest(folder string) string {
	for {
		if info, err := os.Stat(folder); err == nil && info.IsDir() || folder == filepath.Dir(folder) {
			return folder
		}
		folder = filepath.Dir(folder)
	}
}
