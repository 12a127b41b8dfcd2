package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kv-sync/kv-sync/internal/boundary"
	"github.com/kv-sync/kv-sync/internal/git/objects"
	"github.com/kv-sync/kv-sync/internal/git/worktree"
	"github.com/kv-sync/kv-sync/internal/source/rules"
)

// maxTreeFile bounds a file that is read through [Commit.Tree]. It is the size limit of a Worker.
const maxTreeFile = 64 << 20

// Top returns the root of the work tree, or "" for a bare repository.
func (c *Commit) Top() string {
	if c.repo.Top == "" {
		return ""
	}
	return worktree.RealPath(c.repo.Top)
}

// Tree returns all files of the commit. It is for files that are not assets: configuration and
// the Worker's code. A file of a submodule, or one whose symlink leaves the repository, does not
// exist in it ([fs.ErrNotExist]). It is safe for concurrent use until the source is closed; its
// reads end with ctx.
func (c *Commit) Tree(ctx context.Context) fs.FS {
	return &treeFS{
		ctx: ctx, objects: c.objects, root: c.commit.Tree, time: c.commit.Time,
		trees: map[string][]objects.Entry{},
	}
}

// treeFS is a commit's tree as a file system.
type treeFS struct {
	ctx     context.Context //nolint:containedctx // io/fs passes none
	objects *objects.Reader
	root    string
	time    time.Time

	// trees caches directories, because bundling looks up many names that do not exist.
	mu    sync.Mutex
	trees map[string][]objects.Entry
}

var (
	_ fs.StatFS     = (*treeFS)(nil)
	_ fs.ReadFileFS = (*treeFS)(nil)
	_ fs.ReadDirFS  = (*treeFS)(nil)
)

func (t *treeFS) entries(id string) ([]objects.Entry, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if list, ok := t.trees[id]; ok {
		return list, nil
	}
	list, err := t.objects.Tree(t.ctx, id)
	if err == nil {
		t.trees[id] = list
	}
	return list, err
}

// find follows a name, through symlinks, to a file or a directory.
func (t *treeFS) find(op, name string) (objects.Entry, error) {
	fail := func(err error) (objects.Entry, error) {
		return objects.Entry{}, &fs.PathError{Op: op, Path: name, Err: err}
	}
	if !fs.ValidPath(name) {
		return fail(fs.ErrInvalid)
	}
	at, rest, links := []objects.Entry{{Name: ".", Mode: objects.ModeDir, ID: t.root}}, name, 0
	where := "" // the path of the last element of at
	for rest != "" && rest != "." {
		var part string
		part, rest, _ = strings.Cut(rest, "/")
		list, err := t.entries(at[len(at)-1].ID)
		if err != nil {
			return fail(err)
		}
		i := slices.IndexFunc(list, func(e objects.Entry) bool { return e.Name == part })
		if i < 0 {
			return fail(fs.ErrNotExist)
		}
		switch e := list[i]; e.Kind() {
		case objects.ModeDir:
			at, where = append(at, e), path.Join(where, part)
		case objects.ModeFile:
			if rest != "" {
				return fail(fs.ErrNotExist)
			}
			return e, nil
		case objects.ModeLink:
			text, err := blobText(t.ctx, t.objects, e.ID)
			if err != nil {
				return fail(err)
			}
			target, ok := rules.ResolveLink(path.Join(where, part), string(text))
			if links++; !ok || links > rules.MaxLinks {
				return fail(fs.ErrNotExist)
			}
			at, where, rest = at[:1], "", path.Join(target, rest)
		default:
			return fail(fs.ErrNotExist)
		}
	}
	return at[len(at)-1], nil
}

// ReadFile implements [fs.ReadFileFS].
func (t *treeFS) ReadFile(name string) ([]byte, error) {
	e, err := t.find("read", name)
	if err != nil {
		return nil, err
	}
	fail := func(err error) ([]byte, error) { return nil, &fs.PathError{Op: "read", Path: name, Err: err} }
	if e.Kind() == objects.ModeDir {
		return fail(errors.New("it is a directory"))
	}
	if boundary.Secret(e.Name) { // the name of the file itself, not of a symlink to it
		return fail(boundary.ErrCredentials)
	}
	content, err := t.objects.Blob(t.ctx, e.ID)
	if err != nil {
		return fail(err)
	}
	defer content.Close()
	data, err := io.ReadAll(io.LimitReader(content, maxTreeFile+1))
	if err == nil && len(data) > maxTreeFile {
		err = fmt.Errorf("it has more than %d MiB", maxTreeFile>>20)
	}
	if err != nil {
		return fail(err)
	}
	return data, nil
}

// Stat implements [fs.StatFS].
func (t *treeFS) Stat(name string) (fs.FileInfo, error) {
	e, err := t.find("stat", name)
	if err != nil {
		return nil, err
	}
	e.Name = path.Base(name)
	return t.info(e)
}

// info describes an entry. It does not follow symlinks.
func (t *treeFS) info(e objects.Entry) (fs.FileInfo, error) {
	i := treeInfo{Entry: e, time: t.time}
	if k := e.Kind(); k == objects.ModeFile || k == objects.ModeLink {
		var err error
		if i.size, err = t.objects.BlobSize(t.ctx, e.ID); err != nil {
			return nil, &fs.PathError{Op: "stat", Path: e.Name, Err: err}
		}
	}
	return i, nil
}

// ReadDir implements [fs.ReadDirFS]. It leaves out entries with invalid names.
func (t *treeFS) ReadDir(name string) ([]fs.DirEntry, error) {
	e, err := t.find("readdir", name)
	if err != nil {
		return nil, err
	}
	if e.Kind() != objects.ModeDir {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errors.New("it is not a directory")}
	}
	entries, err := t.entries(e.ID)
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	list := make([]fs.DirEntry, 0, len(entries))
	for _, e := range entries {
		if rules.CheckName(e.Name) == (rules.Problem{}) {
			list = append(list, treeDirEntry{t, e})
		}
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list, nil
}

// Open implements [fs.FS].
func (t *treeFS) Open(name string) (fs.File, error) {
	info, err := t.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		list, err := t.ReadDir(name)
		return &treeDir{info: info, left: list}, err
	}
	data, err := t.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return &treeFile{bytes.NewReader(data), info}, nil
}

// treeInfo describes an entry. git does not keep the time of a file, so it is the commit's.
type treeInfo struct {
	objects.Entry
	size int64
	time time.Time
}

func (i treeInfo) Name() string       { return i.Entry.Name }
func (i treeInfo) Size() int64        { return i.size }
func (i treeInfo) ModTime() time.Time { return i.time }
func (i treeInfo) IsDir() bool        { return i.Mode().IsDir() }
func (i treeInfo) Sys() any           { return nil }
func (i treeInfo) Mode() fs.FileMode {
	switch i.Kind() {
	case objects.ModeDir, objects.ModeGitlink:
		return fs.ModeDir | 0o755
	case objects.ModeLink:
		return fs.ModeSymlink | 0o777
	}
	return fs.FileMode(i.Entry.Mode & 0o777) // git keeps only the executable bit
}

// treeDirEntry reads a file's size only if Info is called.
type treeDirEntry struct {
	fs *treeFS
	objects.Entry
}

func (d treeDirEntry) Name() string      { return d.Entry.Name }
func (d treeDirEntry) IsDir() bool       { return d.Type().IsDir() }
func (d treeDirEntry) Type() fs.FileMode { return treeInfo{Entry: d.Entry}.Mode().Type() }

func (d treeDirEntry) Info() (fs.FileInfo, error) { return d.fs.info(d.Entry) }

type treeFile struct {
	*bytes.Reader
	info fs.FileInfo
}

func (f *treeFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *treeFile) Close() error               { return nil }

type treeDir struct {
	info fs.FileInfo
	left []fs.DirEntry
}

func (d *treeDir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *treeDir) Close() error               { return nil }
func (d *treeDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.info.Name(), Err: errors.New("it is a directory")}
}
func (d *treeDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		n = len(d.left)
	} else if len(d.left) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(d.left))
	list := d.left[:n:n]
	d.left = d.left[n:]
	return list, nil
}
