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

// Open opens a regular file. It returns the file that it checked, even if somebody replaces a
// part of the path at the same time: it opens each folder of the path from the parent folder,
// and fails if the folder has become a symlink. Open never waits for the writer of a FIFO, and
// opens no device. For a path that does not exist the error is [fs.ErrNotExist].
func (b *Boundary) Open(path string) (*os.File, error) { return b.open(path, false) }

// open opens a regular file. Only credentials allows one whose name says that it has credentials.
func (b *Boundary) open(path string, credentials bool) (*os.File, error) {
	base, rel, err := b.find(path)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	if !credentials && Secret(filepath.Base(filepath.Join(base, rel))) {
		return nil, &fs.PathError{Op: "open", Path: path, Err: ErrCredentials}
	}
	f, err := openBelow(base, rel)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: cause(err)}
	}
	return f, nil
}

// find locates a path that has to exist. For one that does not exist the error is fs.ErrNotExist, also
// if it may not be read: all paths in a bare repository are git's own, and a caller that looks for a
// configuration file there needs to know whether the file exists. Callers look for many files that do
// not exist, so this is the first question: locate looks at each folder of the path.
func (b *Boundary) find(path string) (base, rel string, err error) {
	if _, err := os.Lstat(filepath.Clean(path)); errors.Is(err, fs.ErrNotExist) {
		return "", "", fs.ErrNotExist
	}
	return b.locate(path)
}

// cause returns the cause of a [fs.PathError] without its path, which is only the last part
// of the path that the caller asked for.
func cause(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}

func openBelow(base, rel string) (*os.File, error) {
	if rel == "." { // base is an allowed file
		base, rel = filepath.Dir(base), filepath.Base(base)
	}
	at, err := folderBelow(base, filepath.Dir(rel))
	if err != nil {
		return nil, err
	}
	defer at.Close() //nolint:errcheck // only read
	return openIn(at, filepath.Base(rel))
}

// OpenRoot opens a folder. Like [Boundary.Open], it returns the folder that it checked.
func (b *Boundary) OpenRoot(path string) (*os.Root, error) {
	base, rel, err := b.locate(path)
	if err == nil {
		var at *os.Root
		if at, err = folderBelow(base, rel); err == nil {
			return at, nil
		}
	}
	return nil, &fs.PathError{Op: "open", Path: path, Err: cause(err)}
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

// Enter opens a folder in another folder. It fails if the name is a symlink, or becomes one
// at the same time.
func Enter(at *os.Root, name string) (*os.Root, error) {
	below, err := at.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	opened, err := below.Stat(".")
	if err == nil {
		err = checkSame(at, name, opened)
	}
	if err != nil {
		_ = below.Close() // only read
		return nil, err
	}
	return below, nil
}

// openIn opens a regular file in a folder. It checks the type of the file before it opens the
// file, because opening a device may have effects.
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
		err = checkSame(at, name, opened)
	}
	if err != nil {
		_ = f.Close() // only read
		return nil, err
	}
	return f, nil
}

// checkSame returns an error unless the name in the folder is the opened file itself, and not
// a symlink to it.
func checkSame(at *os.Root, name string, opened fs.FileInfo) error {
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
	return b.read(path, limit, false)
}

// ReadCredentials reads a regular file of at most limit bytes, also one whose name says that it
// has credentials, such as .dev.vars. Its content must not be published.
func (b *Boundary) ReadCredentials(path string, limit int64) ([]byte, error) {
	return b.read(path, limit, true)
}

func (b *Boundary) read(path string, limit int64, credentials bool) ([]byte, error) {
	f, err := b.open(path, credentials)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("it has more than %d bytes", limit)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: path, Err: cause(err)}
	}
	return data, nil
}

// Stat describes the file or folder that a path leads to. For a path that does not exist the
// error is [fs.ErrNotExist].
func (b *Boundary) Stat(path string) (fs.FileInfo, error) {
	base, rel, err := b.find(path)
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	at := filepath.Join(base, rel)
	info, err := os.Lstat(at)
	if err == nil && info.Mode().IsRegular() && Secret(filepath.Base(at)) {
		return nil, &fs.PathError{Op: "stat", Path: path, Err: ErrCredentials}
	}
	return info, err
}
