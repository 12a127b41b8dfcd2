package watch

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// view is where the paths of a set lie in the file system at the moment. Its names
// are real: no symlink is on the way to them.
type view struct {
	// entries are what the set names, and the symlinks on the way there: what becomes
	// of them themselves counts.
	entries map[string]bool
	// trees are those of them that are folders.
	trees []string
	// folders are all that have to be listened to: those of the entries, or where
	// they are not there the nearest above, and all in the trees.
	folders map[string]bool
	// stamps are of every file, where a view was made with them.
	stamps map[string]stamp
}

// stamp is what changes about a file when somebody writes it.
type stamp struct {
	mode     fs.FileMode
	size     int64
	modified time.Time
}

// stampOf leaves out the times of folders: what happens in one that matters is seen
// by what is in it.
func stampOf(info fs.FileInfo) stamp {
	if info.IsDir() {
		return stamp{mode: info.Mode()}
	}
	return stamp{info.Mode(), info.Size(), info.ModTime()}
}

// look makes a view. enter is called for each folder before what is in it is read;
// stamps asks for those of the files in it.
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

// walk visits a folder and those below that matter. list reads the folder, once:
// visit does what has to be done before that, and calls it.
func (s Set) walk(folder string, visit func(folder string, list func() []fs.DirEntry)) {
	var entries []fs.DirEntry
	visit(folder, func() []fs.DirEntry {
		entries, _ = os.ReadDir(folder) // one that went, or may not be read, has nothing to tell of
		return entries
	})
	for _, e := range entries {
		if below := filepath.Join(folder, e.Name()); e.IsDir() && !s.skips(below) {
			s.walk(below, visit)
		}
	}
}

func (s Set) skips(folder string) bool { return s.Skip != nil && s.Skip(folder) }

// inside reports whether a path lies in a folder of the set.
func (v *view) inside(path string) bool {
	for _, tree := range v.trees {
		if strings.HasPrefix(path, tree+string(filepath.Separator)) {
			return true
		}
	}
	return false
}

// leads reports whether a path is an entry or lies on the way to one.
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

// resolve follows the symlinks in a path, as far as it is there, and lists them. Those
// at the root of the file system, as /tmp is on macOS, are taken to stay as they are.
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

// nearest is the folder, or the nearest above that is there.
func nearest(folder string) string {
	for {
		if info, err := os.Stat(folder); err == nil && info.IsDir() || folder == filepath.Dir(folder) {
			return folder
		}
		folder = filepath.Dir(folder)
	}
}
