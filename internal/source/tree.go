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
)

// maxTreeFile bounds a file that is read through [Commit.Tree]: more than the
// 64 MiB that a whole Worker may have is no file of one.
const maxTreeFile = 64 << 20

// Top is the folder on this machine that the commit's root stands for, the work
// tree's root, or "" for a bare repository.
func (c *Commit) Top() string {
	if c.repo.top == "" {
		return ""
	}
	return evalExisting(c.repo.top)
}

// Tree is the whole repository as it is in the commit, for what is no asset:
// configuration and the Worker's code. A file of a submodule, or behind a
// symlink that leaves the repository, is not there ([fs.ErrNotExist]). It is
// safe for concurrent use until the source is closed; its reads end with ctx.
func (c *Commit) Tree(ctx context.Context) fs.FS {
	return &treeFS{ctx: ctx, objects: c.objects, root: c.commit.tree, time: c.commit.time, trees: map[string][]treeEntry{}}
}

// treeFS is a commit's tree as a file system.
type treeFS struct {
	ctx     context.Context //nolint:containedctx // io/fs passes none
	objects *objects
	root    string
	time    time.Time

	// Bundling asks for many names that are not there; a directory is read once.
	mu    sync.Mutex
	trees map[string][]treeEntry
}

var (
	_ fs.StatFS     = (*treeFS)(nil)
	_ fs.ReadFileFS = (*treeFS)(nil)
	_ fs.ReadDirFS  = (*treeFS)(nil)
)

func (t *treeFS) entries(id string) ([]treeEntry, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if list, ok := t.trees[id]; ok {
		return list, nil
	}
	list, err := t.objects.tree(t.ctx, id)
	if err == nil {
		t.trees[id] = list
	}
	return list, err
}

// find follows a name, through symlinks, to a file or a directory.
func (t *treeFS) find(op, name string) (treeEntry, error) {
	fail := func(err error) (treeEntry, error) {
		return treeEntry{}, &fs.PathError{Op: op, Path: name, Err: err}
	}
	if !fs.ValidPath(name) {
		return fail(fs.ErrInvalid)
	}
	at, rest, links := []treeEntry{{".", modeDir, t.root}}, name, 0
	where := "" // what at has come to, by name
	for rest != "" && rest != "." {
		var part string
		part, rest, _ = strings.Cut(rest, "/")
		list, err := t.entries(at[len(at)-1].id)
		if err != nil {
			return fail(err)
		}
		i := slices.IndexFunc(list, func(e treeEntry) bool { return e.name == part })
		if i < 0 {
			return fail(fs.ErrNotExist)
		}
		switch e := list[i]; e.kind() {
		case modeDir:
			at, where = append(at, e), path.Join(where, part)
		case modeFile:
			if rest != "" {
				return fail(fs.ErrNotExist)
			}
			return e, nil
		case modeLink:
			text, err := blobText(t.ctx, t.objects, e.id)
			if err != nil {
				return fail(err)
			}
			target, ok := resolveLink(path.Join(where, part), string(text))
			if links++; !ok || links > maxLinks {
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
	if e.kind() == modeDir {
		return fail(errors.New("it is a directory"))
	}
	if boundary.Secret(e.name) { // the file's own name, not that of a symlink to it
		return fail(boundary.ErrCredentials)
	}
	content, err := t.objects.blob(t.ctx, e.id)
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
	e.name = path.Base(name)
	return t.info(e)
}

// info describes an entry; a symlink is itself.
func (t *treeFS) info(e treeEntry) (fs.FileInfo, error) {
	i := treeInfo{treeEntry: e, time: t.time}
	if k := e.kind(); k == modeFile || k == modeLink {
		var err error
		if i.size, err = t.objects.blobSize(t.ctx, e.id); err != nil {
			return nil, &fs.PathError{Op: "stat", Path: e.name, Err: err}
		}
	}
	return i, nil
}

// ReadDir implements [fs.ReadDirFS]. Entries that cannot be names of files are
// left out.
func (t *treeFS) ReadDir(name string) ([]fs.DirEntry, error) {
	e, err := t.find("readdir", name)
	if err != nil {
		return nil, err
	}
	if e.kind() != modeDir {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errors.New("it is no directory")}
	}
	entries, err := t.entries(e.id)
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	list := make([]fs.DirEntry, 0, len(entries))
	for _, e := range entries {
		if checkName(e.name) == (problem{}) {
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

// treeInfo describes an entry; git keeps no time of a file, so it is the commit's.
type treeInfo struct {
	treeEntry
	size int64
	time time.Time
}

func (i treeInfo) Name() string       { return i.name }
func (i treeInfo) Size() int64        { return i.size }
func (i treeInfo) ModTime() time.Time { return i.time }
func (i treeInfo) IsDir() bool        { return i.Mode().IsDir() }
func (i treeInfo) Sys() any           { return nil }
func (i treeInfo) Mode() fs.FileMode {
	switch i.kind() {
	case modeDir, modeGitlink:
		return fs.ModeDir | 0o755
	case modeLink:
		return fs.ModeSymlink | 0o777
	}
	return fs.FileMode(i.mode & 0o777) // the executable bit is all that git keeps
}

// treeDirEntry looks a file's size up only if somebody asks.
type treeDirEntry struct {
	fs *treeFS
	treeEntry
}

func (d treeDirEntry) Name() string      { return d.name }
func (d treeDirEntry) IsDir() bool       { return d.Type().IsDir() }
func (d treeDirEntry) Type() fs.FileMode { return treeInfo{treeEntry: d.treeEntry}.Mode().Type() }

func (d treeDirEntry) Info() (fs.FileInfo, error) { return d.fs.info(d.treeEntry) }

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
