package pull

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// WorkTree is a folder on this machine. Nothing outside of it is reached through a symlink.
type WorkTree struct {
	dir  string
	root *os.Root // nil while the folder does not exist
	// hidden has, by pathname, why git would not take them from here.
	hidden map[string]string
	// listed are the names in the folders that were read.
	listed map[string]names
}

// OpenWorkTree opens a folder, which the first Put makes if needed. Close it.
func OpenWorkTree(dir string) (*WorkTree, error) {
	t := &WorkTree{dir: dir, listed: map[string]names{}}
	root, err := os.OpenRoot(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open the folder %s: %w", dir, err)
	}
	if err == nil {
		t.root = root
	}
	return t, nil
}

// Close closes the folder.
func (t *WorkTree) Close() error {
	if t.root == nil {
		return nil
	}
	return t.root.Close()
}

// Hide sets the pathnames that git would not take into a commit from here, or has and does not
// show here, each with the reason. What is at them says nothing about git, so an edit there is
// a conflict.
func (t *WorkTree) Hide(reasons map[string]string) { t.hidden = reasons }

// create makes the folder.
func (t *WorkTree) create() (err error) {
	if t.root != nil {
		return nil
	}
	if err := os.MkdirAll(t.dir, 0o755); err != nil { //nolint:gosec // a site's files are public
		return fmt.Errorf("make the folder %s: %w", t.dir, err)
	}
	if t.root, err = os.OpenRoot(t.dir); err != nil {
		return fmt.Errorf("open the folder %s: %w", t.dir, err)
	}
	return nil
}

// names lists a folder; one that does not exist is empty.
func (t *WorkTree) names(dir string) (names, error) {
	if n := t.listed[dir]; n != nil {
		return n, nil
	}
	n := names{}
	f, err := t.root.Open(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return n, nil
	case err != nil:
		return nil, err
	}
	defer f.Close()
	list, err := f.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	for _, name := range list {
		n.add(name)
	}
	t.listed[dir] = n
	return n, nil
}

// Find returns the name that the folder has, or would have, for a pathname, and what blocks a
// file there, or "".
func (t *WorkTree) Find(pathname string) (name, other string, err error) {
	parts := strings.Split(pathname[1:], "/")
	whole := filepath.FromSlash(pathname[1:])
	if !filepath.IsLocal(whole) || runtime.GOOS == "windows" && !validOnWindows(whole) {
		return whole, "this system can have no file of that name", nil
	}
	name = "."
	for i, part := range parts {
		if t.root == nil {
			return filepath.Join(parts...), "", nil
		}
		in, err := t.names(name)
		if err != nil {
			return "", "", err
		}
		have, twin := in.find(part)
		if twin != "" {
			return "", twinReason(twin), nil
		}
		name = filepath.Join(name, cmp.Or(have, part))
		if have == "" || i == len(parts)-1 {
			return filepath.Join(append([]string{name}, parts[i+1:]...)...), "", nil
		}
		if other, err := t.blockerIn(name); other != "" || err != nil {
			return "", other, err
		}
	}
	return name, "", nil
}

// blockerIn returns what blocks files below a folder, or "".
func (t *WorkTree) blockerIn(dir string) (string, error) {
	info, err := t.root.Lstat(dir)
	switch {
	case err != nil:
		return "", err
	case info.Mode()&fs.ModeSymlink != 0:
		return "its folder is a symlink, and so shows another one's files", nil
	case !info.IsDir():
		return fileInTheWay, nil
	}
	if _, err := t.root.Lstat(filepath.Join(dir, ".git")); err == nil {
		return "its folder is another repository (a submodule)", nil
	}
	return "", nil
}

// Look implements [Tree]. A text is also hashed with git's line endings.
func (t *WorkTree) Look(pathname string) (Present, error) {
	name, other, err := t.Find(pathname)
	if other = cmp.Or(other, t.hidden[pathname]); err != nil || other != "" {
		return Present{Blocked: other}, err
	}
	if t.root == nil {
		return Present{}, nil
	}
	info, err := t.root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Present{}, nil
	case err != nil:
		return Present{}, err
	case info.IsDir():
		return Present{Blocked: "there is a folder of this name"}, nil
	case !info.Mode().IsRegular():
		return Present{Blocked: "what is there is not a regular file"}, nil
	}
	f, err := t.root.Open(name)
	if err != nil {
		return Present{}, err
	}
	defer f.Close()
	whole := manifest.NewHasher(info.Size())
	text := &unixLines{}
	if _, err := io.Copy(io.MultiWriter(whole, text), f); err != nil {
		return Present{}, err
	}
	l := Present{Hashes: []manifest.Hash{whole.Sum()}}
	if text.differs {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return Present{}, err
		}
		unix := manifest.NewHasher(text.written)
		if _, err := io.Copy(&unixLines{to: unix}, f); err != nil {
			return Present{}, err
		}
		l.Hashes = append(l.Hashes, unix.Sum())
	}
	return l, nil
}

// Put implements [Tree]. An existing file keeps its mode. A file that somebody saves meanwhile
// is not replaced.
func (t *WorkTree) Put(pathname string, write func(io.Writer) error) (err error) {
	if err := t.create(); err != nil {
		return err
	}
	name, other, err := t.Find(pathname)
	if err != nil || other != "" {
		return cmp.Or(err, errors.New(other))
	}
	dir := filepath.Dir(name)
	if err := t.root.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	before, _ := t.root.Lstat(name)
	if before != nil {
		mode = before.Mode().Perm()
	}
	temporary := filepath.Join(dir, ".kv-sync-"+rand.Text())
	f, err := t.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = t.root.Remove(temporary)
		}
	}()
	err = write(f)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	if now, _ := t.root.Lstat(name); !unchanged(before, now) {
		return errors.New("somebody changed the file meanwhile; pull again")
	}
	if err := t.root.Rename(temporary, name); err != nil {
		return err
	}
	t.added(name)
	return nil
}

// unchanged compares a file with what it was; nil is no file.
func unchanged(before, now fs.FileInfo) bool {
	if before == nil || now == nil {
		return before == nil && now == nil
	}
	return os.SameFile(before, now) && before.Size() == now.Size() && before.ModTime().Equal(now.ModTime())
}

// added updates what is listed.
func (t *WorkTree) added(name string) {
	for dir := filepath.Dir(name); ; name, dir = dir, filepath.Dir(dir) {
		n, base := t.listed[dir], filepath.Base(name)
		if n != nil && !slices.Contains(n[folded(base)], base) {
			n.add(base)
		}
		if dir == "." {
			return
		}
	}
}

// Remove implements [Tree]. It also removes folders that become empty, as git has none.
func (t *WorkTree) Remove(pathname string) error {
	name, other, err := t.Find(pathname)
	if err != nil || other != "" || t.root == nil {
		return err
	}
	err = t.root.Remove(name)
	// An error of the later removals means that the folder is not empty.
	for gone := err == nil; gone && name != "."; gone = name != "." && t.root.Remove(name) == nil {
		dir := filepath.Dir(name)
		t.listed[dir].remove(filepath.Base(name))
		delete(t.listed, name)
		name = dir
	}
	return err
}

// Pulled reads which writes are in git.
func (t *WorkTree) Pulled() (map[string]manifest.Nonce, error) {
	if t.root == nil {
		return nil, nil
	}
	text, err := t.root.ReadFile(manifest.PulledName)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return pulledOf(text)
}

// SetPulled records which writes are in git.
func (t *WorkTree) SetPulled(pulled map[string]manifest.Nonce) error {
	if len(pulled) > 0 {
		return t.Put("/"+manifest.PulledName, func(w io.Writer) error {
			_, err := w.Write(manifest.FormatPulled(pulled))
			return err
		})
	}
	if t.root == nil {
		return nil
	}
	err := t.root.Remove(manifest.PulledName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func pulledOf(text []byte) (map[string]manifest.Nonce, error) {
	pulled, bad := manifest.ParsePulled(text)
	if len(bad) > 0 {
		return nil, &manifest.RefusedError{Problems: bad}
	}
	return pulled, nil
}

// unixLines passes text on and replaces CR LF by LF, as git does when a file is added. It
// counts the bytes.
type unixLines struct {
	to      io.Writer // or nil
	written int64
	cr      bool // a CR is pending
	differs bool
}

// Write implements [io.Writer]. It drops a CR at the very end of a file; text files do not end
// in one.
func (u *unixLines) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if u.cr {
			u.cr = false
			if p[0] == '\n' {
				u.differs = true
			} else if err := u.pass([]byte{'\r'}); err != nil {
				return 0, err
			}
		}
		i := bytes.IndexByte(p, '\r')
		if i < 0 {
			return n, u.pass(p)
		}
		if err := u.pass(p[:i]); err != nil {
			return 0, err
		}
		u.cr, p = true, p[i+1:]
	}
	return n, nil
}

func (u *unixLines) pass(p []byte) error {
	u.written += int64(len(p))
	if u.to == nil {
		return nil
	}
	_, err := u.to.Write(p)
	return err
}
