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
	// decide has the scopes of each directory that was walked, for symlinks that lead there.
	decide map[string]scopes

	// Directories are walked concurrently; mu guards what they find.
	group *errgroup.Group
	mu    sync.Mutex
}

// inDirectory is the walk of one directory, and what it finds there.
type inDirectory struct {
	root *os.Root
	// rel is "" for the root, else ends in a slash.
	rel     string
	scopes  scopes
	found   []found
	links   []string
	refused map[string]rules.Problem
}

// scopes are the patterns in force in a directory.
type scopes struct{ assets, git *ignore.Scope }

func (w *folderWalk) walk(ctx context.Context) error {
	w.decide = map[string]scopes{}
	outer, err := w.parent()
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
	group.Go(func() error { return w.directory(groupCtx, w.root, "", outer) })
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

// parent returns what the ignore files beside the folder say about it.
func (w *folderWalk) parent() (scopes, error) {
	s := scopes{git: (*ignore.Scope)(nil).Within("", "node_modules/\n")}
	dir, name := filepath.Split(w.path)
	if !w.options.Boundary.Inside(dir) {
		s.assets = s.assets.Within("", rules.PatternText(w.options.Patterns))
		return s, nil // they are outside the boundary
	}
	for _, file := range []string{ignore.GitFile, ignore.PlainFile, rules.AssetsIgnoreFile} {
		text, err := w.options.Boundary.ReadFile(filepath.Join(dir, file), rules.MaxText)
		if err != nil {
			if isNotExist(err) || errors.Is(err, fs.ErrPermission) || errors.Is(err, boundary.ErrIrregular) {
				continue
			}
			return s, fmt.Errorf("read %s beside the folder: %w", file, err)
		}
		if file == rules.AssetsIgnoreFile {
			s.assets = ignore.Parent(s.assets, name, string(text))
		} else {
			s.git = ignore.Parent(s.git, name, string(text))
		}
	}
	s.assets = s.assets.Within("", rules.PatternText(w.options.Patterns))
	return s, nil
}

// readConfigFile reads a regular file of a directory, nil if there is none. rel is its name in
// the folder.
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
		// Inside the folder the target may still be git's own, or hold credentials.
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

// refuseLink refuses a symlink in place of a file that configures.
func (w *folderWalk) refuseLink(rel string, p rules.Problem) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.Refuse(rel, p)
}

// directory lists one directory. rel is "" for the root, else ends in a slash. Each directory
// is opened from the one above, so no name in between is resolved twice.
func (w *folderWalk) directory(ctx context.Context, dir *os.Root, rel string, s scopes) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := fs.ReadDir(dir.FS(), ".")
	if err != nil {
		return fmt.Errorf("list %s: %w", filepath.Join(w.path, rel), err)
	}
	for _, e := range entries {
		switch e.Name() {
		case ignore.GitFile, ignore.PlainFile, rules.AssetsIgnoreFile:
			text, err := w.readConfigFile(dir, rel+e.Name())
			if err != nil {
				return err
			}
			if e.Name() == rules.AssetsIgnoreFile {
				s.assets = s.assets.Within(rel, string(text))
			} else {
				s.git = s.git.Within(rel, string(text))
			}
		}
	}
	in := &inDirectory{root: dir, rel: rel, scopes: s}
	for _, e := range entries {
		if err := w.entry(ctx, in, e); err != nil {
			return err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.decide[rel] = s
	w.found = append(w.found, in.found...)
	w.links = append(w.links, in.links...)
	for at, p := range in.refused {
		w.Refuse(at, p)
	}
	return nil
}

func (w *folderWalk) entry(ctx context.Context, in *inDirectory, e fs.DirEntry) error {
	at := in.rel + e.Name()
	if e.IsDir() && w.options.Boundary.Git(filepath.Join(w.path, filepath.FromSlash(at))) {
		return nil // .git, also under another name
	}
	if !rules.Published(in.scopes.assets, in.scopes.git, at, e.IsDir()) {
		return nil
	}
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
			return w.directory(ctx, below, at+"/", in.scopes)
		}
		if w.group.TryGo(walk) {
			return nil
		}
		return walk()
	case !e.Type().IsRegular():
		in.refuse(at, rules.Problem{Reason: "it is not a regular file", Fix: rules.FixIgnore})
		return nil
	}
	// Info costs nothing: os.Root has looked at each entry already.
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
	in.found = append(in.found, found{rel: at, open: at, stamp: stampOf(info), mtime: info.ModTime()})
	return nil
}

func (in *inDirectory) refuse(at string, p rules.Problem) {
	if in.refused == nil {
		in.refused = map[string]rules.Problem{}
	}
	in.refused[at] = p
}

// link lists a symlink under its own name, if it leads to a file of the folder that is
// published as well.
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
			return nil //nolint:nilerr // it is reported with all that is refused
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

// linked lists the file at a path under the name of the symlink to it.
func (w *folderWalk) linked(rel, at string, info fs.FileInfo) {
	s, walked := w.decide[at[:strings.LastIndexByte(at, '/')+1]]
	name := at[strings.LastIndexByte(at, '/')+1:]
	switch {
	case info.IsDir():
		w.Refuse(rel, rules.LinkToDir)
	case !info.Mode().IsRegular():
		w.Refuse(rel, rules.Problem{Reason: "the symlink does not lead to a regular file", Fix: rules.FixIgnore})
	case !walked || !rules.Published(s.assets, s.git, at, false) || boundary.Credentials(name):
		w.Refuse(rel, rules.LinkToHidden)
	default:
		w.found = append(w.found, found{rel: rel, open: at, stamp: stampOf(info), mtime: info.ModTime()})
	}
}
