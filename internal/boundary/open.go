package boundary

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ErrReplaced is returned (wrapped) for a path that changed while it was opened.
var ErrReplaced = errors.New("it was replaced while it was being opened")

// Open opens a regular file. The file that it returns is the one that was checked: every folder
// on the way is opened from the one above, and must be a real folder there. So a path that is
// replaced meanwhile leads nowhere else. Open never waits for the writer of a FIFO, and opens
// no device. For a path that does not exist the error is [fs.ErrNotExist].
func (b *Boundary) Open(path string) (*os.File, error) {
	base, rel, err := b.locate(path)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: absent(path, err)}
	}
	if Secret(filepath.Base(filepath.Join(base, rel))) {
		return nil, &fs.PathError{Op: "open", Path: path, Err: ErrCredentials}
	}
	f, err := openBelow(base, rel)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: pathless(err)}
	}
	return f, nil
}

// absent returns fs.ErrNotExist for a path that does not exist, wherever it would be: a bare
// repository, all of which is git's, has no configuration.
func absent(path string, err error) error {
	if _, missing := os.Lstat(path); errors.Is(missing, fs.ErrNotExist) {
		return fs.ErrNotExist
	}
	return err
}

// pathless removes the part of the path that the last of several steps was about.
func pathless(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}

func openBelow(base, rel string) (*os.File, error) {
	if rel == "." { // a person named the file
		base, rel = filepath.Dir(base), filepath.Base(base)
	}
	at, err := folderBelow(base, filepath.Dir(rel))
	if err != nil {
		return nil, err
	}
	defer at.Close() //nolint:errcheck // only read
	return openIn(at, filepath.Base(rel))
}

// OpenRoot opens a folder. As with [Boundary.Open], it is the folder that was checked.
func (b *Boundary) OpenRoot(path string) (*os.Root, error) {
	base, rel, err := b.locate(path)
	if err == nil {
		var at *os.Root
		if at, err = folderBelow(base, rel); err == nil {
			return at, nil
		}
	}
	return nil, &fs.PathError{Op: "open", Path: path, Err: pathless(err)}
}

func folderBelow(base, rel string) (*os.Root, error) {
	at, err := os.OpenRoot(base)
	if err != nil || rel == "." {
		return at, err
	}
	for _, name := range strings.Split(rel, string(filepath.Separator)) {
		below, err := Enter(at, name)
		_ = at.Close() // only read
		if err != nil {
			return nil, err
		}
		at = below
	}
	return at, nil
}

// Enter opens a folder in another one, and not the target of a symlink that has replaced it.
func Enter(at *os.Root, name string) (*os.Root, error) {
	below, err := at.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	opened, err := below.Stat(".")
	if err == nil {
		err = same(at, name, opened)
	}
	if err != nil {
		_ = below.Close() // only read
		return nil, err
	}
	return below, nil
}

// openIn opens a regular file of a folder. It checks the kind first, because opening a device
// may have effects.
func openIn(at *os.Root, name string) (*os.File, error) {
	info, err := at.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, ErrIrregular
	}
	f, err := at.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	opened, err := f.Stat()
	if err == nil && !opened.Mode().IsRegular() {
		err = ErrReplaced
	}
	if err == nil {
		err = same(at, name, opened)
	}
	if err != nil {
		_ = f.Close() // only read
		return nil, err
	}
	return f, nil
}

// same is an error unless the opened file is the one that has the name in the folder, not
// through a symlink.
func same(at *os.Root, name string, opened fs.FileInfo) error {
	info, err := at.Lstat(name)
	if err != nil {
		return err
	}
	if !os.SameFile(info, opened) {
		return ErrReplaced
	}
	return nil
}

// ReadFile reads a regular file of at most limit bytes.
func (b *Boundary) ReadFile(path string, limit int64) ([]byte, error) {
	f, err := b.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("it has more than %d bytes", limit)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: path, Err: pathless(err)}
	}
	return data, nil
}

// Stat describes what a path leads to. For a path that does not exist the error is
// [fs.ErrNotExist].
func (b *Boundary) Stat(path string) (fs.FileInfo, error) {
	base, rel, err := b.locate(path)
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: path, Err: absent(path, err)}
	}
	at := filepath.Join(base, rel)
	info, err := os.Lstat(at)
	if err == nil && info.Mode().IsRegular() && Secret(filepath.Base(at)) {
		return nil, &fs.PathError{Op: "stat", Path: path, Err: ErrCredentials}
	}
	return info, err
}
