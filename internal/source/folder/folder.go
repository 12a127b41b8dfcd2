package folder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kv-sync/kv-sync/internal/boundary"
	"github.com/kv-sync/kv-sync/internal/source/rules"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// Folder is a source that reads a directory as it is on disk.
type Folder struct {
	options Options
	now     func() time.Time // the time that files' times are compared with
	// path is absolute and free of symlinks.
	path string
	root *os.Root
	id   string // set by Files
	// State of the last Files, for Remember.
	cache *statCache
	seen  map[string]found // by pathname
	// saving is the stat cache being written in the background.
	saving sync.WaitGroup
	// ahead is the walk that was begun when the folder was opened, until the first Files takes
	// it.
	ahead chan walked
}

// walked is the result of a walk, and the stat cache to read the files with.
type walked struct {
	*folderWalk
	cache *statCache
	err   error
}

// WalkAhead begins to list the folder in the background, so that the first Files need not wait
// for the walk.
func (f *Folder) WalkAhead(ctx context.Context) {
	f.ahead = make(chan walked, 1)
	go func() { f.ahead <- f.walk(ctx) }()
}

func (f *Folder) walk(ctx context.Context) walked {
	w := &folderWalk{Folder: f, Listing: rules.NewListing()}
	cache := make(chan *statCache, 1)
	go func() { cache <- openCache(f.options.CacheDir, f.path) }()
	err := w.walk(ctx)
	return walked{w, <-cache, err}
}

// listed returns the walk that was begun, once, else a new one.
func (f *Folder) listed(ctx context.Context) walked {
	if f.ahead == nil {
		return f.walk(ctx)
	}
	defer func() { f.ahead = nil }()
	select {
	case w := <-f.ahead:
		return w
	case <-ctx.Done():
		return walked{err: ctx.Err()}
	}
}

var _ manifest.Source = (*Folder)(nil)

// found is a file that is to be published.
type found struct {
	rel string // its name in the folder
	// open is the name of the file to read: rel, or the target of the symlink rel.
	open string
	stamp
	mtime time.Time
}

// Kind is the kind of a folder's origin.
const Kind = "folder"

// Options say what to read.
type Options struct {
	// Path is the folder.
	Path string
	// Name is the folder's name in the origin: a path relative to the project.
	Name string
	// Patterns are configured lines as in .assetsignore, which they precede.
	Patterns []string
	// HTMLHandling is [kvsync.Serving.HTMLHandling]; a redirect's loop depends on it.
	HTMLHandling string
	// Boundary is where the folder, and the files that decide what is published, may be.
	Boundary *boundary.Boundary
	// CacheDir holds the stat caches; "" is no cache.
	CacheDir string
	Log      *slog.Logger
}

// Open returns a folder as a source. Close ends it.
func Open(options Options) (*Folder, error) {
	if err := checkFolder(options); err != nil {
		return nil, err
	}
	path, err := filepath.Abs(options.Path)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no folder %s; build the site first, or name its folder (--dir)", options.Path)
	}
	if err != nil {
		return nil, fmt.Errorf("open folder: %w; build the site first, or name its folder (--dir)", err)
	}
	root, err := options.Boundary.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("open folder: %w; name the folder of the site (--dir)", err)
	}
	return &Folder{now: time.Now, options: options, path: path, root: root}, nil
}

// checkFolder refuses a folder that is outside the boundary or git's own, by its name or
// through a symlink.
func checkFolder(options Options) error {
	err := options.Boundary.Check(options.Path)
	outside := (*boundary.Error)(nil)
	switch {
	case err == nil || isNotExist(err):
		return nil
	case errors.As(err, &outside) && !outside.Git:
		return fmt.Errorf("the folder %s may not be published: %w; publish one that is inside, "+
			"or name the other one itself (--dir, the Action's input directory)", options.Path, err)
	}
	return fmt.Errorf("the folder %s may not be published: %w", options.Path, err)
}

// Close releases what the source holds open. Its files cannot be opened any more.
func (f *Folder) Close() error {
	f.saving.Wait()
	return f.root.Close()
}

// Origin implements [manifest.Source]. Before Files, and while hashes are not
// known, its ID is "".
func (f *Folder) Origin(context.Context) (manifest.Origin, error) {
	return manifest.Origin{
		Kind:  Kind,
		ID:    f.id,
		Rules: rules.Hash(f.options.Patterns, f.options.HTMLHandling, ""),
		Dir:   cmp.Or(f.options.Name, "."),
	}, nil
}

// Compare implements [manifest.Source]. A folder has no commits, so different ones are unknown.
func (f *Folder) Compare(_ context.Context, active, next string) (manifest.Relation, error) {
	if active == next && active != "" {
		return manifest.RelationSame, nil
	}
	return manifest.RelationUnknown, nil
}

// Files implements [manifest.Source].
func (f *Folder) Files(ctx context.Context, base *manifest.Manifest) (*manifest.Listing, error) {
	started := f.now()
	w := f.listed(ctx)
	if w.err != nil {
		return nil, w.err
	}
	origin, err := f.Origin(ctx)
	if err != nil {
		return nil, err
	}
	f.saving.Wait()
	if f.cache == nil {
		f.cache = w.cache
	}
	known := rules.NewLive(base)
	if err := w.read(ctx, known); err != nil {
		return nil, err
	}
	w.Configure(w.redirects, w.headers, f.options.HTMLHandling)
	w.SetPulled(w.pulled)
	l, err := w.Finish()
	if err != nil {
		return nil, err
	}
	l.Origin = origin
	f.id = manifest.FolderID(l)
	l.Origin.ID = f.id
	f.saving.Go(func() { f.save(l.Files, started) })
	return l, nil
}

// read finds the hashes of the files: from the stat cache, or from the bytes. Without a live
// manifest the upload finds the hash, because it reads the bytes anyway; a small file is still
// checked for content that must not be published.
func (w *folderWalk) read(ctx context.Context, live *rules.Live) error {
	w.seen = make(map[string]found, len(w.found))
	files := make([]manifest.File, len(w.found))
	problems := make([]rules.Problem, len(w.found))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(2 * runtime.GOMAXPROCS(0))
	for i, f := range w.found {
		files[i] = manifest.File{
			Asset: manifest.Asset{
				Path: rules.Pathname(f.rel), Size: f.Size, ContentType: rules.ContentType(f.rel),
				Modified: max(0, f.mtime.Unix()),
			},
			Open: w.opener(f),
		}
		w.seen[files[i].Path] = f
		problems[i] = rules.CheckFile(f.rel, files[i].Path, f.Size, w.hasAssetsIgnore)
		if problems[i] != (rules.Problem{}) {
			continue
		}
		if c, ok := w.cache.entries[f.rel]; ok && c.stamp == f.stamp && f.open == f.rel {
			files[i].Blob.Hash = c.hash
			continue
		}
		if !live.Exists && f.Size > rules.InspectBytes {
			continue
		}
		group.Go(func() (err error) {
			if err := groupCtx.Err(); err != nil {
				return err
			}
			files[i].Blob.Hash, problems[i], err = w.inspect(groupCtx, f, live.Exists)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i, f := range w.found {
		w.Refuse(f.rel, problems[i])
		live.KeepTime(&files[i].Asset)
		w.Add(f.rel, files[i])
	}
	return nil
}

// inspect checks a file. It reads it whole if the hash is needed, else only its beginning.
func (w *folderWalk) inspect(ctx context.Context, f found, whole bool) (hash manifest.Hash, p rules.Problem, err error) {
	content, err := w.opener(f)()
	if err != nil {
		return hash, p, err
	}
	defer content.Close()
	hash, p, err = rules.Digest(ctx, content, f.Size, whole)
	if err != nil {
		return hash, p, fmt.Errorf("read %s: %w", f.rel, err)
	}
	return hash, p, nil
}

// opener returns the function that opens a file. A file that changed since it was listed is an
// error.
func (f *Folder) opener(file found) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		content, err := f.open(file)
		if isNotExist(err) {
			err = manifest.ErrChanged // it was removed
		}
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", file.rel, err)
		}
		if err := checkListed(content, file.stamp); err != nil {
			return nil, errors.Join(fmt.Errorf("open %s: %w", file.rel, err), content.Close())
		}
		if file.Size > manifest.MaxValueBytes {
			return &checkedAtEnd{file: content, listed: file.stamp}, nil
		}
		return content, nil
	}
}

// checkListed is an error if the file is not as it was listed.
func checkListed(f *os.File, listed stamp) error {
	info, err := f.Stat()
	if err == nil && stampOf(info) != listed {
		err = manifest.ErrChanged
	}
	return err
}

// checkedAtEnd is a file that takes long to read and may change meanwhile. At its end it must
// still be as it was listed.
type checkedAtEnd struct {
	file   *os.File
	listed stamp
}

func (w *checkedAtEnd) Read(p []byte) (int, error) {
	n, err := w.file.Read(p)
	if errors.Is(err, io.EOF) {
		if changed := checkListed(w.file, w.listed); changed != nil {
			return n, changed
		}
	}
	return n, err
}

func (w *checkedAtEnd) Close() error { return w.file.Close() }

// open opens a file that was listed. If its inode is known, the caller's comparison of the
// stamp detects another file, so the path need not be resolved name by name, as os.Root does to
// stay inside.
func (f *Folder) open(file found) (*os.File, error) {
	name := filepath.FromSlash(file.open)
	// A FIFO in its place would block.
	const flags = os.O_RDONLY | syscall.O_NONBLOCK
	if file.Inode != 0 {
		return os.OpenFile(filepath.Join(f.path, name), flags, 0)
	}
	return f.root.OpenFile(name, flags, 0)
}

// Remember keeps the hashes that an upload found, so that the next run need not read these
// files. The files were opened with the stamp that they were listed with, so the hash belongs
// to it. Assets that Files did not list are ignored.
func (f *Folder) Remember(assets []manifest.Asset) {
	f.saving.Wait()
	if f.cache == nil {
		return
	}
	files := make([]manifest.File, 0, len(assets))
	for _, a := range assets {
		if _, ok := f.seen[a.Path]; ok && !a.Blob.Hash.IsZero() {
			files = append(files, manifest.File{Asset: a})
		}
	}
	f.save(files, f.now())
}

// save writes the stat cache, without files that had not settled by the given time. A failure
// costs only time in the next run; it is logged.
func (f *Folder) save(files []manifest.File, now time.Time) {
	entries := make(map[string]cached, len(f.seen))
	for _, seen := range f.seen {
		if c, ok := f.cache.entries[seen.rel]; ok && c.stamp == seen.stamp {
			entries[seen.rel] = c
		}
	}
	changed := len(entries) != len(f.cache.entries)
	for _, file := range files {
		seen := f.seen[file.Path]
		if file.Blob.Hash.IsZero() || seen.open != seen.rel {
			continue
		}
		e := cached{seen.stamp, file.Blob.Hash}
		if entries[seen.rel] != e && e.settled(now) {
			entries[seen.rel] = e
			changed = true
		}
	}
	if !changed {
		return
	}
	if err := f.cache.save(f.path, entries); err != nil {
		f.options.Log.Debug("the stat cache was not written", "error", err)
	}
}

// isNotExist reports that a file was removed, or never existed.
func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
