package config

import (
	"io/fs"
	"path/filepath"

	"github.com/kv-sync/kv-sync/internal/boundary"
)

// files are the project's files: those of a commit if there is one, else those on the
// disk.
type files struct {
	commit fs.FS  // nil: the disk alone
	root   string // the folder that is the root of commit
	disk   *boundary.Boundary
}

// inCommit returns the name of a file in the commit.
func (f files) inCommit(file string) (name string, ok bool) {
	if f.commit == nil {
		return "", false
	}
	// Only the folder's links are resolved: the file itself may differ on the disk.
	rel, err := filepath.Rel(existing(f.root), filepath.Join(existing(filepath.Dir(file)), filepath.Base(file)))
	return filepath.ToSlash(rel), err == nil && filepath.IsLocal(rel)
}

// stat looks a file up in the commit, then on the disk, and reports where it is.
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

// among returns the names that are files in a folder. If the commit has one of them, the
// others on the disk belong to another commit and are ignored.
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

// isFile and isDir look at what would be published: only at the commit, if there is one.
func (f files) isFile(file string) bool { return f.has(file, fs.FileMode.IsRegular) }
func (f files) isDir(file string) bool  { return f.has(file, fs.FileMode.IsDir) }

func (f files) has(file string, kind func(fs.FileMode) bool) bool {
	info, committed, err := f.stat(file)
	return err == nil && (committed || f.commit == nil) && kind(info.Mode())
}

// readSmall reads an optional file. It returns nil if the file cannot be used.
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
