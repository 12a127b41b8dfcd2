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

// WorkTree is a [Tree] in a folder of this machine. It does not follow symlinks that lead out of
// the folder.
type WorkTree struct {
	dir  string
	root *os.Root // nil while the folder does not exist
	// hidden has the reasons of Hide by pathname.
	hidden map[string]string
	// listed has the names in the folders that were read.
	listed map[string]names
	// exclusive says that Exclusive runs.
	exclusive bool
}

// OpenWorkTree opens a folder. If the folder does not exist, the first Put creates it. The caller
// closes the WorkTree.
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

// Close closes the work tree.
func (t *WorkTree) Close() error {
	if t.root == nil {
		return nil
	}
	return t.root.Close()
}

// Hide sets the pathnames whose files in the work tree are not those in git, with the reasons.
// For example, git ignores them, or a sparse checkout omits them. An edit of such a pathname is a
// conflict.
func (t *WorkTree) Hide(reasons map[string]string) { t.hidden = reasons }

// create creates the folder if it does not exist.
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

// names returns the names in a folder, or none if the folder does not exist.
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
	for _, name := range t.removeUnfinished(dir, list) {
		n.add(name)
	}
	t.listed[dir] = n
	return n, nil
}

// Find returns the file name of a pathname, relative to the folder, for an existing or a new
// file. If no file can be there, blocked says why.
func (t *WorkTree) Find(pathname string) (name, blocked string, err error) {
	parts := strings.Split(pathname[1:], "/")
	whole := filepath.FromSlash(pathname[1:])
	if !filepath.IsLocal(whole) || runtime.GOOS == "windows" && invalidOnWindows(whole) != "" {
		return whole, "this system does not allow a file with this name", nil
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
		have, variant := in.find(part)
		if variant != "" {
			return "", variantReason(variant), nil
		}
		name = filepath.Join(name, cmp.Or(have, part))
		if have == "" || i == len(parts)-1 {
			return filepath.Join(append([]string{name}, parts[i+1:]...)...), "", nil
		}
		if blocked, err := t.blocksFiles(name); blocked != "" || err != nil {
			return "", blocked, err
		}
	}
	return name, "", nil
}

// blocksFiles returns why no file can be below dir, or "".
func (t *WorkTree) blocksFiles(dir string) (string, error) {
	info, err := t.root.Lstat(dir)
	switch {
	case err != nil:
		return "", err
	case info.Mode()&fs.ModeSymlink != 0:
		return "its folder is a symlink to another folder", nil
	case !info.IsDir():
		return fileInTheWay, nil
	}
	if _, err := t.root.Lstat(filepath.Join(dir, ".git")); err == nil {
		return inSubmodule, nil
	}
	return "", nil
}

// State implements [Tree]. If a file has CR LF line endings, the second hash is that of the
// content with LF, which git stores.
func (t *WorkTree) State(pathname string) (FileState, error) {
	name, blocked, err := t.Find(pathname)
	if blocked = cmp.Or(blocked, t.hidden[pathname]); err != nil || blocked != "" {
		return FileState{Blocked: blocked}, err
	}
	if t.root == nil {
		return FileState{}, nil
	}
	info, err := t.root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return FileState{}, nil
	case err != nil:
		return FileState{}, err
	case info.IsDir():
		return FileState{Blocked: isFolder}, nil
	case !info.Mode().IsRegular():
		return FileState{Blocked: notRegular}, nil
	}
	f, err := t.root.Open(name)
	if err != nil {
		return FileState{}, err
	}
	defer f.Close()
	whole := manifest.NewHasher(info.Size())
	text := &unixLines{}
	if _, err := io.Copy(io.MultiWriter(whole, text), f); err != nil {
		return FileState{}, err
	}
	state := FileState{Hashes: []manifest.Hash{whole.Sum()}}
	if text.differs {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return FileState{}, err
		}
		unix := manifest.NewHasher(text.written)
		if _, err := io.Copy(&unixLines{to: unix}, f); err != nil {
			return FileState{}, err
		}
		state.Hashes = append(state.Hashes, unix.Sum())
	}
	return state, nil
}

// Put implements [Tree]. An existing file keeps its mode. Put fails if another process changes
// the file before the new content is complete.
func (t *WorkTree) Put(pathname string, write func(io.Writer) error) (err error) {
	if err := t.create(); err != nil {
		return err
	}
	name, blocked, err := t.Find(pathname)
	if err != nil || blocked != "" {
		return cmp.Or(err, errors.New(blocked))
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
	temporary := filepath.Join(dir, unfinished+rand.Text())
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
		return errors.New("another process changed the file during the pull; pull again")
	}
	if err := t.root.Rename(temporary, name); err != nil {
		return err
	}
	t.added(name)
	return nil
}

// unchanged reports whether two Lstat results are of the same unchanged file. nil means no file.
func unchanged(before, now fs.FileInfo) bool {
	if before == nil || now == nil {
		return before == nil && now == nil
	}
	return os.SameFile(before, now) && before.Size() == now.Size() && before.ModTime().Equal(now.ModTime())
}

// added adds a new file and its folders to listed.
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

// Remove implements [Tree].
func (t *WorkTree) Remove(pathname string) error {
	name, blocked, err := t.Find(pathname)
	if err != nil || blocked != "" || t.root == nil {
		return err
	}
	err = t.root.Remove(name)
	// After the file, the loop removes its folders until one is not empty.
	for removed := err == nil; removed && name != "."; removed = name != "." && t.root.Remove(name) == nil {
		dir := filepath.Dir(name)
		t.listed[dir].remove(filepath.Base(name))
		delete(t.listed, name)
		name = dir
	}
	return err
}

// Pulled reads the record of the writes that are in git.
func (t *WorkTree) Pulled() (manifest.Pulled, error) {
	if t.root == nil {
		return manifest.Pulled{}, nil
	}
	text, err := t.root.ReadFile(manifest.PulledName)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return manifest.Pulled{}, err
	}
	return parsePulled(text)
}

// SetPulled replaces the record of the writes that are in git. It removes an empty record.
func (t *WorkTree) SetPulled(pulled manifest.Pulled) error {
	if len(pulled.Writes) > 0 {
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

func parsePulled(text []byte) (manifest.Pulled, error) {
	pulled, bad := manifest.ParsePulled(text)
	if len(bad) > 0 {
		return manifest.Pulled{}, &manifest.RefusedError{Problems: bad}
	}
	return pulled, nil
}

// unixLines is a writer that replaces CR LF by LF, as git add does.
type unixLines struct {
	to io.Writer // nil to count only
	// written is the number of bytes after the replacement.
	written int64
	// cr says that the last byte was a CR, which is not yet written.
	cr bool
	// differs says that there was a CR LF.
	differs bool
}

// Write implements [io.Writer]. It drops a CR at the end of the file.
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
