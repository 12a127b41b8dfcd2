package config

import (
	"io/fs"
	"path/filepath"

	"github.com/kv-sync/kv-sync/internal/boundary"
	"github.com/kv-sync/kv-sync/internal/config/tree"
	"github.com/kv-sync/kv-sync/internal/realpath"
)

// files reads the project's files, from a commit and from the disk.
type files struct {
	commit fs.FS  // nil if files are read only from the disk
	root   string // the folder on the disk that corresponds to the root of commit
	disk   *boundary.Boundary
}

// inCommit returns the name of a file in the commit.
func (f files) inCommit(file string) (name string, ok bool) {
	if f.commit == nil {
		return "", false
	}
	dir, name := filepath.Split(file)
	if dir = filepath.Clean(dir); dir == f.root && name != "" {
		return name, filepath.IsLocal(name)
	}
	// Only the symlinks of the folder are resolved: the file itself may differ on the disk.
	rel, err := filepath.Rel(realpath.Resolve(f.root), filepath.Join(realpath.Resolve(dir), name))
	return filepath.ToSlash(rel), err == nil && filepath.IsLocal(rel)
}

// stat looks for a file in the commit and then on the disk. committed reports whether it is in
// the commit.
func (f files) stat(file string) (info fs.FileInfo, committed bool, err error) {
	if name, ok := f.inCommit(file); ok {
		if info, err := fs.Stat(f.commit, name); err == nil {
			return info, true, nil
		}
	}
	info, err = f.disk.Stat(file)
	return info, false, err
}

func (f files) read(file string, committed bool) ([]byte, error) {
	if name, ok := f.inCommit(file); ok && committed {
		return fs.ReadFile(f.commit, name)
	}
	return f.disk.ReadFile(file, tree.MaxFileBytes)
}

// existingFiles returns those of the names that are files in a folder. If the commit has one,
// files that are only on the disk are ignored: they belong to another commit.
func (f files) existingFiles(dir string, names []string) []string {
	var all, committed []string
	for _, name := range names {
		info, inCommit, err := f.stat(filepath.Join(dir, name))
		if !isOutside(err) && (err != nil || !info.Mode().IsRegular()) {
			continue
		}
		all = append(all, name)
		if inCommit {
			committed = append(committed, name)
		}
	}
	if len(committed) > 0 {
		return committed
	}
	return all
}

// isFile and isDir look only at the commit if there is one: they decide what is published.
func (f files) isFile(file string) bool { return f.has(file, fs.FileMode.IsRegular) }
func (f files) isDir(file string) bool  { return f.has(file, fs.FileMode.IsDir) }

func (f files) has(file string, kind func(fs.FileMode) bool) bool {
	stat := f.disk.Stat
	if f.commit != nil {
		name, ok := f.inCommit(file)
		if !ok {
			return false
		}
		stat = func(string) (fs.FileInfo, error) { return fs.Stat(f.commit, name) }
	}
	info, err := stat(file)
	return err == nil && kind(info.Mode())
}

// readSmall reads an optional file. It returns nil if the file cannot be used.
func (f files) readSmall(file string) []byte {
	info, committed, err := f.stat(file)
	if err != nil || !info.Mode().IsRegular() || info.Size() > tree.MaxFileBytes {
		return nil
	}
	data, err := f.read(file, committed)
	if err != nil {
		return nil
	}
	return data
}
