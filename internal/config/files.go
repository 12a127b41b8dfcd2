package config

import (
	"io/fs"
	"path/filepath"

	"github.com/kv-sync/kv-sync/internal/boundary"
)

// files are those of the project: in a commit, where one is given, else on the
// disk.
type files struct {
	commit fs.FS  // nil: the disk alone
	root   string // the folder that the commit's names begin at
	disk   *boundary.Boundary
}

// inCommit is what the commit calls a file.
func (f files) inCommit(file string) (name string, ok bool) {
	if f.commit == nil {
		return "", false
	}
	// The file itself need not be on the disk, nor be the same link there.
	rel, err := filepath.Rel(existing(f.root), filepath.Join(existing(filepath.Dir(file)), filepath.Base(file)))
	return filepath.ToSlash(rel), err == nil && filepath.IsLocal(rel)
}

// stat looks a file up in the commit, then on the disk, and says where it is.
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
	return f.disk.ReadFile(file, maxFileBytes)
}

// among says which of the names are files in a folder. If the commit has one of
// them, those of the disk are of another time and do not count.
func (f files) among(dir string, names []string) []string {
	var there, committed []string
	for _, name := range names {
		info, inCommit, err := f.stat(filepath.Join(dir, name))
		if !isOutside(err) && (err != nil || !info.Mode().IsRegular()) {
			continue
		}
		there = append(there, name)
		if inCommit {
			committed = append(committed, name)
		}
	}
	if len(committed) > 0 {
		return committed
	}
	return there
}

// isFile and isDir look at what would be published: at the commit alone, where
// one is given.
func (f files) isFile(file string) bool {
	info, ok := f.source(file)
	return ok && info.Mode().IsRegular()
}

func (f files) isDir(file string) bool {
	info, ok := f.source(file)
	return ok && info.IsDir()
}

func (f files) source(file string) (fs.FileInfo, bool) {
	info, committed, err := f.stat(file)
	return info, err == nil && (committed || f.commit == nil)
}

// readSmall reads a file that helps, but need not be there.
func (f files) readSmall(file string) []byte {
	info, committed, err := f.stat(file)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxFileBytes {
		return nil
	}
	data, err := f.read(file, committed)
	if err != nil {
		return nil
	}
	return data
}
