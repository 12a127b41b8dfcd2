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
	now     func() time.Time // the clock; replaced in tests
	// path is absolute and free of symlinks.
	path string
	root *os.Root
	id   string // set by Files
	// cache and seen are from the last call of Files, for Remember.
	cache *statCache
	seen  map[string]found // by pathname
	// saving counts the background writes of the stat cache.
	saving sync.WaitGroup
	// ahead is the walk that WalkAhead started; nil after the first call of Files.
	ahead chan walkResult
}

// walkResult is the result of a walk, with the stat cache for reading the files.
type walkResult struct {
	*folderWalk
	cache *statCache
	err   error
}

// WalkAhead starts to list the folder in the background. The first call of Files uses the result.
func (f *Folder) WalkAhead(ctx context.Context) {
	f.ahead = make(chan walkResult, 1)
	go func() { f.ahead <- f.walk(ctx) }()
}

func (f *Folder) walk(ctx context.Context) walkResult {
	w := &folderWalk{Folder: f, Listing: rules.NewListing()}
	cache := make(chan *statCache, 1)
	go func() { cache <- f.openCache() }()
	err := w.walk(ctx)
	return walkResult{w, <-cache, err}
}

// listed returns the result of WalkAhead the first time, and that of a new walk after that.
func (f *Folder) listed(ctx context.Context) walkResult {
	if f.ahead == nil {
		return f.walk(ctx)
	}
	defer func() { f.ahead = nil }()
	select {
	case w := <-f.ahead:
		return w
	case <-ctx.Done():
		return walkResult{err: ctx.Err()}
	}
}

var _ manifest.Source = (*Folder)(nil)

// found is a file to publish.
type found struct {
	rel string // its name in the folder
	// open is the name of the file to read: rel, or the target of the symlink rel.
	open string
	stamp
	mtime time.Time
	// ignored reports whether git ignores it.
	ignored bool
}

// Kind is the kind of a folder's origin.
const Kind = "folder"

// Options say what to read.
type Options struct {
	// Path is the folder.
	Path string
	// Name is the folder's name in the origin: a path relative to the project.
	Name string
	// Patterns are configured lines in the syntax of .assetsignore. They come before its lines.
	Patterns []string
	// GitIgnore leaves out the files that git ignores. Without it they are published, and
	// listed as [manifest.Listing].Ignored.
	GitIgnore bool
	// PlainIgnore makes the files .ignore count like .gitignore.
	PlainIgnore bool
	// HTMLHandling is [kvsync.Serving.HTMLHandling]. It decides whether a redirect is a loop.
	HTMLHandling string
	// Excludes are the texts of git's ignore files for the whole work tree; a later one overrides
	// an earlier one. InWorkTree is the folder's path in the work tree, with slashes.
	Excludes   []string
	InWorkTree string
	// Boundary limits where the folder may be, and the files that select what is published.
	Boundary *boundary.Boundary
	// CacheDir holds the stat caches; "" disables them.
	CacheDir string
	// Rehash reads every file, whatever the stat cache has, and writes the cache anew.
	Rehash bool
	// Discarded returns the pathnames of pulled edits whose files somebody has discarded. An
	// uncommitted list of pulled edits stays then. nil means none.
	Discarded func(context.Context, manifest.Pulled) map[string]bool
	Log       *slog.Logger
}

// Open returns a folder as a source. The caller must close it.
func Open(options Options) (*Folder, error) {
	if err := checkFolder(options); err != nil {
		return nil, err
	}
	path, err := filepath.Abs(options.Path)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no folder %s; build the site first, or name its folder", options.Path)
	}
	if err != nil {
		return nil, fmt.Errorf("open folder: %w; build the site first, or name its folder", err)
	}
	root, err := options.Boundary.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("open folder: %w; name the folder of the site", err)
	}
	return &Folder{now: time.Now, options: options, path: path, root: root}, nil
}

// checkFolder refuses a folder that is outside the boundary or in .git. It also checks the target
// of a symlink.
func checkFolder(options Options) error {
	err := options.Boundary.Check(options.Path)
	outside := (*boundary.Error)(nil)
	switch {
	case err == nil || isNotExist(err):
		return nil
	case errors.As(err, &outside) && !outside.Git:
		return fmt.Errorf("the folder %s may not be published: %w; publish a folder inside it, "+
			"or name this folder explicitly (--dir)", options.Path, err)
	}
	return fmt.Errorf("the folder %s may not be published: %w", options.Path, err)
}

// Close closes the folder. After that, its files cannot be opened.
func (f *Folder) Close() error {
	f.saving.Wait()
	return f.root.Close()
}

// Origin implements [manifest.Source]. Its ID is "" before Files returned, and if Files did not
// find all hashes.
func (f *Folder) Origin(context.Context) (manifest.Origin, error) {
	return manifest.Origin{
		Kind:    Kind,
		ID:      f.id,
		Rules:   rules.Hash(f.options.Patterns, f.options.HTMLHandling, ""),
		Edition: manifest.SelectionEdition,
		Dir:     cmp.Or(f.options.Name, "."),
	}, nil
}

// Compare implements [manifest.Source]. A folder has no commits, so the relation of two different
// IDs is unknown.
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
	if pulled := w.SetPulled(w.pulled); len(pulled.Writes) > 0 && f.options.Discarded != nil {
		w.Discarded = f.options.Discarded(ctx, pulled)
	}
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
		w.Add(files[i])
		if f.ignored {
			w.Ignored = append(w.Ignored, files[i].Path)
		}
	}
	return nil
}

// inspect checks the content of a file. If whole is set, it also hashes the content.
func (w *folderWalk) inspect(
	ctx context.Context, f found, whole bool,
) (hash manifest.Hash, p rules.Problem, err error) {
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

// checkListed returns an error if the file changed after it was listed.
func checkListed(f *os.File, listed stamp) error {
	info, err := f.Stat()
	if err == nil && stampOf(info) != listed {
		err = manifest.ErrChanged
	}
	return err
}

// checkedAtEnd is a large file, which may change while it is read. At the end, Read checks that
// it is unchanged since it was listed.
type checkedAtEnd struct {
	file   *os.File
	listed stamp
}

func (c *checkedAtEnd) Read(p []byte) (int, error) {
	n, err := c.file.Read(p)
	if errors.Is(err, io.EOF) {
		if changed := checkListed(c.file, c.listed); changed != nil {
			return n, changed
		}
	}
	return n, err
}

func (c *checkedAtEnd) Close() error { return c.file.Close() }

// open opens a listed file. If the inode is known, it avoids os.Root, which is slower: the
// caller compares the stamp, and so detects a file that replaced the listed one.
func (f *Folder) open(file found) (*os.File, error) {
	name := filepath.FromSlash(file.open)
	// Without O_NONBLOCK, a FIFO that replaced the file would block.
	const flags = os.O_RDONLY | syscall.O_NONBLOCK
	if file.Inode != 0 {
		return os.OpenFile(filepath.Join(f.path, name), flags, 0)
	}
	return f.root.OpenFile(name, flags, 0)
}

// Remember stores the hashes that an upload found in the stat cache, so that the next run does
// not read these files. A hash belongs to the stamp of the listing, because opening a file checks
// the stamp. Remember ignores assets that Files did not list.
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

// save writes the stat cache, without files that changed shortly before now. It only logs a
// failure, because the next run then only takes longer.
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

// isNotExist reports whether err says that a file does not exist.
func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
