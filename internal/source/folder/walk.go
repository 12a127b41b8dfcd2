package folder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/kv-sync/kv-sync/internal/boundary"
	"github.com/kv-sync/kv-sync/internal/git/ignore"
	"github.com/kv-sync/kv-sync/internal/source/rules"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// folderWalk lists a folder, for one call of Files.
type folderWalk struct {
	*Folder
	*rules.Listing
	hasAssetsIgnore bool
	found           []found
	links           []string
	// Files that configure the site, nil if they do not exist.
	redirects, headers, pulled []byte
	// scopesOf has the scopes of each directory that was walked, by its path. They decide whether
	// the target of a symlink is published.
	scopesOf map[string]scopes

	// Directories are walked concurrently; mu guards the results.
	group *errgroup.Group
	mu    sync.Mutex
}

// inDirectory is the walk of one directory and its results.
type inDirectory struct {
	root *os.Root
	// rel is "" for the root, otherwise ends in a slash.
	rel    string
	scopes scopes
	// ignored reports whether git ignores the directory.
	ignored  bool
	found    []found
	links    []string
	refused  map[string]rules.Problem
	excluded []excluded
}

// excluded is an entry that is not published.
type excluded struct {
	why   rules.Selection
	rel   string
	isDir bool
}

// scopes are the patterns in force in a directory: those of .assetsignore and the settings, and
// those of .gitignore and .ignore.
type scopes struct{ assets, git *ignore.Scope }

// selects decides about an entry of the directory.
func (o Options) selects(s scopes, rel string, isDir bool) rules.Selection {
	if !o.GitIgnore {
		s.git = nil
	}
	return rules.Select(s.assets, s.git, rel, isDir)
}

// ignoreFiles are the names of the ignore files that count in the folder.
func (o Options) ignoreFiles() []string {
	return append([]string{rules.AssetsIgnoreFile}, o.gitIgnoreFiles()...)
}

// gitIgnoreFiles are the names of the ignore files that count above the folder, too.
func (o Options) gitIgnoreFiles() []string {
	names := []string{ignore.GitFile}
	if o.PlainIgnore {
		names = append(names, ignore.PlainFile)
	}
	return names
}

func (w *folderWalk) walk(ctx context.Context) error {
	w.scopesOf = map[string]scopes{}
	outer, err := w.outer()
	if err != nil {
		return err
	}
	if w.redirects, err = w.readConfigFile(w.root, rules.RedirectsFile); err != nil {
		return err
	}
	if w.headers, err = w.readConfigFile(w.root, rules.HeadersFile); err != nil {
		return err
	}
	if w.pulled, err = w.readConfigFile(w.root, manifest.PulledName); err != nil {
		return err
	}
	text, err := w.readConfigFile(w.root, rules.AssetsIgnoreFile)
	if err != nil {
		return err
	}
	w.hasAssetsIgnore = text != nil
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(2 * runtime.GOMAXPROCS(0))
	w.group = group
	group.Go(func() error { return w.directory(groupCtx, &inDirectory{root: w.root, scopes: outer}) })
	if err := group.Wait(); err != nil {
		return err
	}
	for _, rel := range w.links {
		if err := w.link(rel); err != nil {
			return err
		}
	}
	return nil
}

// outer returns the patterns from outside of the folder: those of the settings and, as in git, those
// of the ignore files in the directories above it, as far as the boundary reaches. An .assetsignore
// counts only in the folder and below it, as with wrangler.
func (w *folderWalk) outer() (scopes, error) {
	var s scopes
	for _, text := range w.options.Excludes {
		if w.options.InWorkTree == "." {
			s.git = s.git.Within("", text)
		} else {
			s.git = ignore.Parent(s.git, w.options.InWorkTree, text)
		}
	}
	s.assets = s.assets.Within("", rules.PatternText(w.options.Patterns))
	for _, file := range slices.Backward(w.options.IgnoreFilesAbove(w.path)) {
		text, err := w.options.Boundary.ReadFile(file, rules.MaxText)
		if isNotExist(err) || errors.Is(err, fs.ErrPermission) || errors.Is(err, boundary.ErrIrregular) {
			continue
		}
		if err != nil {
			return s, fmt.Errorf("read %s above the folder: %w", filepath.Base(file), err)
		}
		name, err := filepath.Rel(filepath.Dir(file), w.path)
		if err != nil {
			return s, err
		}
		s.git = ignore.Parent(s.git, filepath.ToSlash(name), string(text))
	}
	return s, nil
}

// IgnoreFilesAbove lists git's ignore files in the directories above a folder, as far as the
// boundary reaches. One has precedence over those after it. They need not exist.
func (o Options) IgnoreFilesAbove(folder string) (files []string) {
	for dir := filepath.Dir(folder); o.Boundary.Inside(dir); dir = filepath.Dir(dir) {
		for _, name := range slices.Backward(o.gitIgnoreFiles()) {
			files = append(files, filepath.Join(dir, name))
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	return files
}

// readConfigFile reads a regular file of a directory. It returns nil if there is none, and if it
// refuses a symlink in its place. rel is the file's path in the folder.
func (w *folderWalk) readConfigFile(dir *os.Root, rel string) ([]byte, error) {
	name := path.Base(rel)
	fail := func(err error) error { return fmt.Errorf("read %s: %w", rel, err) }
	info, err := dir.Lstat(name)
	if err != nil {
		if isNotExist(err) {
			return nil, nil
		}
		return nil, fail(err)
	}
	isLink := info.Mode()&fs.ModeSymlink != 0
	f, err := dir.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO would block
	if err != nil {
		if isNotExist(err) {
			return nil, nil
		}
		if isLink {
			w.refuseLink(rel, rules.LinkLeaves)
			return nil, nil
		}
		return nil, fail(err)
	}
	defer f.Close()
	if isLink {
		// A target in the folder may still be a file of git or contain credentials.
		_, err := w.options.Boundary.Stat(filepath.Join(w.path, filepath.FromSlash(rel)))
		if errors.Is(err, boundary.ErrCredentials) {
			w.refuseLink(rel, rules.LinkToHidden)
			return nil, nil
		}
		if err != nil {
			w.refuseLink(rel, rules.LinkLeaves)
			return nil, nil
		}
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, err
	}
	text, err := rules.ReadText(f)
	if err != nil {
		return nil, fail(err)
	}
	return append([]byte{}, text...), nil
}

// refuseLink refuses a symlink in place of a configuration or ignore file.
func (w *folderWalk) refuseLink(rel string, p rules.Problem) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.Refuse(rel, p)
}

// directory lists one directory. in.scopes are those of its parent. Each directory is opened
// through its parent's handle, so replacing a directory of the path meanwhile has no effect.
func (w *folderWalk) directory(ctx context.Context, in *inDirectory) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := fs.ReadDir(in.root.FS(), ".")
	if err != nil {
		return fmt.Errorf("list %s: %w", filepath.Join(w.path, in.rel), err)
	}
	names := w.options.ignoreFiles()
	for _, e := range entries {
		if !slices.Contains(names, e.Name()) {
			continue
		}
		text, err := w.readConfigFile(in.root, in.rel+e.Name())
		if err != nil {
			return err
		}
		in.scopes = in.scopes.with(in.rel, e.Name(), string(text))
	}
	for _, e := range entries {
		if err := w.entry(ctx, in, e); err != nil {
			return err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.scopesOf[in.rel] = in.scopes
	w.found = append(w.found, in.found...)
	w.links = append(w.links, in.links...)
	for at, p := range in.refused {
		w.Refuse(at, p)
	}
	for _, e := range in.excluded {
		w.Exclude(e.why, e.rel, e.isDir)
	}
	return nil
}

// with returns the patterns with those of an ignore file of a directory.
func (s scopes) with(rel, name, text string) scopes {
	if name == rules.AssetsIgnoreFile {
		s.assets = s.assets.Within(rel, text)
	} else {
		s.git = s.git.Within(rel, text)
	}
	return s
}

func (w *folderWalk) entry(ctx context.Context, in *inDirectory, e fs.DirEntry) error {
	at := in.rel + e.Name()
	if e.IsDir() && w.options.Boundary.Git(filepath.Join(w.path, filepath.FromSlash(at))) {
		return nil // a git directory, also under another name than .git
	}
	if why := w.options.selects(in.scopes, at, e.IsDir()); why != rules.Published {
		in.excluded = append(in.excluded, excluded{why, at, e.IsDir()})
		return nil
	}
	ignored := in.ignored || in.scopes.git.Decide(at, e.IsDir()) == ignore.Exclude
	if p := rules.CheckName(e.Name()); p != (rules.Problem{}) {
		in.refuse(at, p)
		return nil
	}
	switch {
	case e.Type()&fs.ModeSymlink != 0:
		in.links = append(in.links, at)
		return nil
	case e.IsDir():
		below, err := boundary.Enter(in.root, e.Name())
		if errors.Is(err, boundary.ErrReplaced) {
			err = manifest.ErrChanged
		}
		if err != nil {
			return fmt.Errorf("open %s: %w", at, err)
		}
		walk := func() error {
			defer below.Close()
			return w.directory(ctx, &inDirectory{root: below, rel: at + "/", scopes: in.scopes, ignored: ignored})
		}
		if w.group.TryGo(walk) {
			return nil
		}
		return walk()
	case !e.Type().IsRegular():
		in.refuse(at, rules.Problem{Reason: "it is not a regular file", Fix: rules.FixIgnore})
		return nil
	}
	// Info takes no system call, because os.Root has read it already.
	info, err := e.Info()
	if err != nil {
		if isNotExist(err) {
			return nil // it was removed
		}
		return fmt.Errorf("read %s: %w", at, err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("read %s: %w", at, manifest.ErrChanged)
	}
	in.found = append(in.found, found{
		rel: at, open: at, stamp: stampOf(info), mtime: info.ModTime(), ignored: ignored,
	})
	return nil
}

func (in *inDirectory) refuse(at string, p rules.Problem) {
	if in.refused == nil {
		in.refused = map[string]rules.Problem{}
	}
	in.refused[at] = p
}

// link lists a symlink under its own name if its target is a published file of the folder.
func (w *folderWalk) link(rel string) error {
	at := rel
	for range rules.MaxLinks {
		info, err := w.root.Lstat(filepath.FromSlash(at))
		switch {
		case err != nil && isNotExist(err):
			w.Refuse(rel, rules.LinkDangles)
			return nil
		case err != nil:
			// Lstat follows symlinks in the directories before the name, and
			// refuses those that leave the folder.
			w.Refuse(rel, rules.LinkLeaves)
			return nil //nolint:nilerr // Finish reports it
		case info.Mode()&fs.ModeSymlink == 0:
			w.linked(rel, at, info)
			return nil
		}
		text, err := w.root.Readlink(filepath.FromSlash(at))
		if err != nil {
			return fmt.Errorf("read symlink %s: %w", rel, err)
		}
		next, ok := rules.ResolveLink(at, filepath.ToSlash(text))
		if !ok {
			w.Refuse(rel, rules.LinkLeaves)
			return nil
		}
		at = next
	}
	w.Refuse(rel, rules.LinkDangles)
	return nil
}

// linked lists the file at under the name rel of the symlink that leads to it.
func (w *folderWalk) linked(rel, at string, info fs.FileInfo) {
	s, walked := w.scopesOf[at[:strings.LastIndexByte(at, '/')+1]]
	name := at[strings.LastIndexByte(at, '/')+1:]
	switch {
	case info.IsDir():
		w.Refuse(rel, rules.LinkToDir)
	case !info.Mode().IsRegular():
		w.Refuse(rel, rules.Problem{Reason: "the symlink does not lead to a regular file", Fix: rules.FixIgnore})
	case !walked || w.options.selects(s, at, false) != rules.Published || boundary.Credentials(name):
		w.Refuse(rel, rules.LinkToHidden)
	default:
		w.found = append(w.found, found{rel: rel, open: at, stamp: stampOf(info), mtime: info.ModTime()})
	}
}

// Changed implements [manifest.Source]. A folder has to be listed to find changes.
func (*Folder) Changed(context.Context, manifest.Origin, []manifest.Dir) ([]string, bool, error) {
	return nil, false, nil
}
