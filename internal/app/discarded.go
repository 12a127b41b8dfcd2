package app

import (
	"context"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/kv-sync/kv-sync/internal/app/clone"
	"github.com/kv-sync/kv-sync/internal/git/command"
	"github.com/kv-sync/kv-sync/internal/pull"
	"github.com/kv-sync/kv-sync/sync/manifest"
)

// discarded returns the pathnames in the record of a folder whose edits do not count, because
// somebody has discarded the files.
//
// The record stays then, because it is untracked, or because only its own change was kept. So an
// edit that HEAD does not list counts only if its file differs from HEAD, or still has the content
// that the record tells. Otherwise the file is that of a commit that knows nothing of the edit.
// Without git, all edits count.
func (s *Site) discarded(ctx context.Context, dir string, record manifest.Pulled) map[string]bool {
	git := viewOf(dir)
	if git == nil || len(record.Writes) == 0 {
		return nil
	}
	same, err := git.asCommitted(ctx, record)
	if err != nil {
		s.in.Log.Debug("cannot compare the pulled edits with HEAD", "error", err)
		return nil
	}
	tree, err := pull.OpenWorkTree(dir)
	if err != nil {
		return nil // the walk of the folder reports it
	}
	defer tree.Close()
	maps.DeleteFunc(same, func(pathname string, _ bool) bool {
		state, err := tree.State(pathname)
		return err != nil || state.Holds(record.Contents[pathname])
	})
	return same
}

// asCommitted returns the pathnames of the edits that HEAD does not list, and whose files are
// those of HEAD.
func (v *gitView) asCommitted(ctx context.Context, record manifest.Pulled) (map[string]bool, error) {
	h, err := openHead(ctx, v)
	if err != nil {
		return nil, err
	}
	committed, err := h.record(ctx)
	if err != nil {
		return nil, err
	}
	var unlisted []string
	for pathname, write := range record.Writes {
		if committed.Writes[pathname] != write {
			unlisted = append(unlisted, pathname)
		}
	}
	return h.unchanged(ctx, unlisted)
}

// head compares files of a folder on disk with HEAD.
type head struct {
	clone.Clone
	top string
	// folder is relative to top, with slashes.
	folder string
}

func openHead(ctx context.Context, git *gitView) (*head, error) {
	out, err := git.Run(ctx, "rev-parse", "--show-toplevel", "--show-prefix")
	if err != nil {
		return nil, err
	}
	top, prefix, _ := strings.Cut(strings.TrimSuffix(out, "\n"), "\n")
	return &head{clone.New(top, ""), top, path.Join(prefix, git.folder)}, nil
}

// record returns the record at HEAD. It is empty if HEAD has none, or one that cannot be read.
func (h *head) record(ctx context.Context) (manifest.Pulled, error) {
	name := path.Join(h.folder, manifest.PulledName)
	ids, err := h.ids(ctx, []string{name})
	if err != nil || ids[0] == "" {
		return manifest.Pulled{}, err
	}
	text, err := h.Run(ctx, "cat-file", "blob", ids[0])
	committed, _ := manifest.ParsePulled([]byte(text))
	return committed, err
}

// ids returns the ids of the objects that HEAD has at names relative to the top, "" for none.
func (h *head) ids(ctx context.Context, names []string) ([]string, error) {
	var ask strings.Builder
	for _, name := range names {
		ask.WriteString("HEAD:" + name + "\n")
	}
	out, err := h.Do(ctx, command.Call{
		Args: []string{"cat-file", "--batch-check=%(objectname)"}, Stdin: strings.NewReader(ask.String()),
	})
	ids := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	for i, id := range ids {
		if strings.HasSuffix(id, " missing") {
			ids[i] = ""
		}
	}
	return ids, err
}

// unchanged returns the pathnames whose files on disk are those of HEAD. git compares them as it
// would commit them.
func (h *head) unchanged(ctx context.Context, pathnames []string) (map[string]bool, error) {
	var paths, names []string
	for _, pathname := range pathnames {
		name := path.Join(h.folder, pathname)
		info, err := os.Lstat(filepath.Join(h.top, filepath.FromSlash(name)))
		if err == nil && info.Mode().Type() == fs.FileMode(0) && !strings.ContainsAny(name, "\r\n") {
			paths, names = append(paths, pathname), append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, nil
	}
	committed, err := h.ids(ctx, names)
	if err != nil {
		return nil, err
	}
	out, err := h.Do(ctx, command.Call{
		Args: []string{"hash-object", "--stdin-paths"}, Stdin: strings.NewReader(strings.Join(names, "\n") + "\n"),
	})
	if err != nil {
		return nil, err
	}
	same := map[string]bool{}
	for i, id := range strings.Split(strings.TrimSuffix(out, "\n"), "\n") {
		same[paths[i]] = id == committed[i]
	}
	maps.DeleteFunc(same, func(_ string, is bool) bool { return !is })
	return same, nil
}
