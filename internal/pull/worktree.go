package pull

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"

	kvsync "github.com/kv-sync/kv-sync/sync"
)

// WorkTree is a folder on this machine. Nothing outside of it is reached, by
// whatever symlink.
type WorkTree struct{ root *os.Root }

// OpenWorkTree opens a folder, which is made if need be. Close it.
func OpenWorkTree(dir string) (*WorkTree, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // a site's files are public
		return nil, fmt.Errorf("make the folder %s: %w", dir, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the folder %s: %w", dir, err)
	}
	return &WorkTree{root}, nil
}

// Close lets go of the folder.
func (t *WorkTree) Close() error { return t.root.Close() }

func local(pathname string) string { return filepath.FromSlash(pathname[1:]) }

// Lies implements [Tree]. A text is also looked at with git's line endings.
func (t *WorkTree) Lies(pathname string) (Lying, error) {
	name := local(pathname)
	info, err := t.root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Lying{}, nil
	case errors.Is(err, syscall.ENOTDIR):
		return Lying{Other: "there is a file where its folder should be"}, nil
	case err != nil:
		return Lying{}, err
	case info.IsDir():
		return Lying{Other: "there is a folder of this name"}, nil
	case !info.Mode().IsRegular():
		return Lying{Other: "what is there is no regular file"}, nil
	}
	f, err := t.root.Open(name)
	if err != nil {
		return Lying{}, err
	}
	defer f.Close()
	whole := kvsync.NewHasher(info.Size())
	text := &unixLines{}
	if _, err := io.Copy(io.MultiWriter(whole, text), f); err != nil {
		return Lying{}, err
	}
	l := Lying{Hashes: []kvsync.Hash{whole.Sum()}}
	if text.differs {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return Lying{}, err
		}
		unix := kvsync.NewHasher(text.written)
		if _, err := io.Copy(&unixLines{to: unix}, f); err != nil {
			return Lying{}, err
		}
		l.Hashes = append(l.Hashes, unix.Sum())
	}
	return l, nil
}

// Put implements [Tree]. The file is there whole or not at all, and an existing
// one keeps its mode.
func (t *WorkTree) Put(pathname string, _ int64, write func(io.Writer) error) (err error) {
	name := local(pathname)
	dir := filepath.Dir(name)
	if err := t.root.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if info, err := t.root.Lstat(name); err == nil {
		mode = info.Mode().Perm()
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
	return t.root.Rename(temporary, name)
}

// Remove implements [Tree]. Folders that are empty then go too, as git has none.
func (t *WorkTree) Remove(pathname string) error {
	err := t.root.Remove(local(pathname))
	emptied := err == nil
	for dir := path.Dir(pathname); emptied && dir != "/"; dir = path.Dir(dir) {
		emptied = t.root.Remove(local(dir)) == nil // else it is not empty
	}
	return err
}

// Pulled reads which writes are in git.
func (t *WorkTree) Pulled() (map[string]kvsync.Nonce, error) {
	text, err := t.root.ReadFile(kvsync.PulledName)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return pulledOf(text)
}

// SetPulled writes it.
func (t *WorkTree) SetPulled(pulled map[string]kvsync.Nonce) error {
	if len(pulled) == 0 {
		err := t.root.Remove(kvsync.PulledName)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	return t.Put("/"+kvsync.PulledName, 0, func(w io.Writer) error {
		_, err := w.Write(kvsync.FormatPulled(pulled))
		return err
	})
}

func pulledOf(text []byte) (map[string]kvsync.Nonce, error) {
	pulled, bad := kvsync.ParsePulled(text)
	if len(bad) > 0 {
		return nil, &kvsync.RefusedError{Problems: bad}
	}
	return pulled, nil
}

// unixLines passes text on with each CR LF made an LF, as git does when a file
// is added, and counts.
type unixLines struct {
	to      io.Writer // or nil
	written int64
	cr      bool // a CR is held back
	differs bool
}

// Write implements [io.Writer]. A CR at the very end of a file is not passed on,
// which no text file has.
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
