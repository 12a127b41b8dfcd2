package app

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/atomicfile"
	"github.com/kv-sync/kv-sync/internal/options"
	"github.com/kv-sync/kv-sync/sync/finding"
	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/layout/kvassets"
)

// Written says what a run did with the file of an index.
type Written string

// The values, in the words of the Rust kv-sync.
const (
	Generated Written = "Generated"
	Updated   Written = "Updated"
	Unchanged Written = "No change"
)

// KVAssetsSync are the options of [Site.SyncKVAssets].
type KVAssetsSync struct {
	// Output is the file of the index, relative to the project's folder.
	Output              string
	AllowShrink, Repair bool
	DryRun              bool
}

// SyncKVAssets uploads new files, and then writes the file of the index if it changed: see
// [kvsync.SyncKVAssets]. The index never names a key that is not in KV, whatever fails.
func (s *Site) SyncKVAssets(ctx context.Context, o KVAssetsSync) (*kvassets.Result, Written, error) {
	e, err := s.reach()
	if err != nil {
		return nil, "", err
	}
	if within(s.pathOf(s.settings.Directory), s.pathOf(o.Output)) {
		return nil, "", &UsageError{
			Err: fmt.Errorf("the index %s is in the folder whose files are uploaded", o.Output),
			Fix: "write the index elsewhere",
		}
	}
	if err := errors.Join(s.boundary.Allow(s.pathOf(o.Output)), s.confineIndex(o.Output)); err != nil {
		return nil, "", err
	}
	local, err := readIndexFile(s.pathOf(o.Output))
	if err != nil {
		return nil, "", err
	}
	src, err := s.Source(ctx)
	if err != nil {
		return nil, "", err
	}
	res, err := kvassets.Sync(ctx, e.Client(), src, kvassets.Options{
		Local: local, AllowShrink: o.AllowShrink, Repair: o.Repair, DryRun: o.DryRun,
	})
	if err != nil {
		return nil, "", err
	}
	written := Updated
	switch {
	case local == nil:
		written = Generated
	case bytes.Equal(local, res.Index):
		return res, Unchanged, nil
	}
	if o.DryRun {
		return res, written, nil
	}
	return res, written, writeIndexFile(s.pathOf(o.Output), res.Index)
}

// Prune are the options of [Site.Prune]. Index, Force and Unrecorded are for a layout that compiles an index
// into the code.
type Prune struct {
	// Index is the file of the index, relative to the project's folder. The keys that it names
	// are kept. "" means the index of the settings.
	Index string
	// The other fields are those of [kvsync.PruneOptions].
	Force, Unrecorded, DryRun bool
}

// Prune deletes keys that nothing needs: see [kvsync.Engine.Prune].
func (s *Site) Prune(ctx context.Context, o Prune) (*layout.Pruned, error) {
	e, err := s.reach()
	if err != nil {
		return nil, err
	}
	opt := layout.PruneOptions{DryRun: o.DryRun}
	if s.in.Given.Text(options.Retain) != "" {
		opt.Retain = s.settings.Retain // the flag is set
	}
	if s.Layout().Compiled {
		if s.in.Name == "" && s.in.Given.Text(options.Name) == "" && opt.Retain == 0 {
			// The index has no policy, so that of this folder's settings counts.
			opt.Retain, opt.Grace = s.settings.Retain, s.settings.Grace
		}
		opt.Code, opt.Force, opt.Unrecorded = s.account.Script(s.settings.Name), o.Force, o.Unrecorded
		if opt.Local, err = readIndexFile(s.pathOf(cmp.Or(o.Index, s.settings.Index))); err != nil {
			return nil, err
		}
	} else if o.Force || o.Unrecorded {
		return nil, refuse(advice.CasePruneOptions, finding.Facts{})
	}
	return e.Prune(ctx, opt)
}

func (s *Site) pathOf(name string) string { return under(s.settings.Root, name) }

// within reports whether a file is below a folder, both absolute.
func within(dir, file string) bool {
	rel, err := filepath.Rel(dir, file)
	return err == nil && filepath.IsLocal(rel)
}

// maxIndexFile is larger than any index.
const maxIndexFile = 64 << 20

// readIndexFile returns the content of a file, nil if the file does not exist.
func readIndexFile(name string) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // opening a FIFO would block
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the index: %w", err)
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return nil, usage(fmt.Errorf("%s is not a regular file; name another one", name))
	}
	b, err := io.ReadAll(io.LimitReader(f, maxIndexFile+1))
	if err != nil {
		return nil, fmt.Errorf("read the index %s: %w", name, err)
	}
	if len(b) > maxIndexFile {
		return nil, usage(fmt.Errorf("%s is larger than an index can be; name another file", name))
	}
	if b == nil {
		b = []byte{}
	}
	return b, nil
}

// ReadIndex reads and decodes an index. The file is not trusted.
func ReadIndex(name string) (kvassets.Index, error) {
	b, err := readIndexFile(name)
	if err == nil && b == nil {
		err = fmt.Errorf("there is no file %s", name)
	}
	if err != nil {
		return nil, usage(err)
	}
	index, err := kvassets.DecodeIndex(b)
	if err != nil {
		return nil, usage(fmt.Errorf("read %s: %w", name, err))
	}
	return index, nil
}

// writeIndexFile replaces the file atomically, because a build may read it at the same time.
func writeIndexFile(name string, index []byte) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write the index: %w; the files are uploaded, so run again when that is fixed", err)
		}
	}()
	mode := fs.FileMode(0o644)
	if st, err := os.Stat(name); err == nil {
		mode = st.Mode().Perm()
	}
	return atomicfile.WriteDurable(name, index, mode)
}
