package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/kv-sync/kv-sync/internal/wholefile"
	kvsync "github.com/kv-sync/kv-sync/sync"
)

// byKVAssets reports whether the keys lie as those of the Rust crate kv-assets.
func (s *Site) byKVAssets() bool { return s.settings.Layout == kvsync.LayoutKVAssets }

// Written is what became of the file of an index.
type Written string

// What may become of it, in the words of the Rust kv-sync.
const (
	Generated Written = "Generated"
	Updated   Written = "Updated"
	Unchanged Written = "No change"
)

// KVAssetsSync says how to upload the files of the layout kv-assets.
type KVAssetsSync struct {
	// Output is the file of the index, relative to the project's folder.
	Output              string
	AllowShrink, Repair bool
	DryRun              bool
}

// SyncKVAssets uploads what is new, then writes the file of the index, and only
// if it is another: see [kvsync.Engine.SyncKVAssets]. Whatever fails, the file
// never names what is not there.
func (s *Site) SyncKVAssets(ctx context.Context, o KVAssetsSync) (*kvsync.KVAssetsResult, Written, error) {
	e, err := s.reach()
	if err != nil {
		return nil, "", err
	}
	if within(s.pathOf(s.settings.Directory), s.pathOf(o.Output)) {
		return nil, "", &UsageError{Err: fmt.Errorf("%s lies in the folder whose files are uploaded, and would be one of them", o.Output), Fix: "write the index elsewhere"}
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
	res, err := e.SyncKVAssets(ctx, src, kvsync.KVAssetsOptions{Local: local, AllowShrink: o.AllowShrink, Repair: o.Repair, DryRun: o.DryRun})
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

// KVAssetsPrune says how to prune in the layout kv-assets.
type KVAssetsPrune struct {
	// Output is the file of the index; what it names is kept. "" is none.
	Output string
	// The others are as in [kvsync.KVAssetsPruneOptions].
	Force, Unrecorded, DryRun bool
}

// PruneKVAssets deletes files that no retained index names: see
// [kvsync.Engine.PruneKVAssets].
func (s *Site) PruneKVAssets(ctx context.Context, o KVAssetsPrune) (*kvsync.KVAssetsPruned, error) {
	e, err := s.reach()
	if err != nil {
		return nil, err
	}
	opt := kvsync.KVAssetsPruneOptions{Code: s.account.Script(s.settings.Name), Force: o.Force, Unrecorded: o.Unrecorded, DryRun: o.DryRun}
	if o.Output != "" {
		if opt.Local, err = readIndexFile(s.pathOf(o.Output)); err != nil {
			return nil, err
		}
	}
	return e.PruneKVAssets(ctx, opt)
}

func (s *Site) pathOf(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(s.settings.Root, filepath.FromSlash(name))
}

// within reports whether a file lies below a folder, both absolute.
func within(dir, file string) bool {
	rel, err := filepath.Rel(dir, file)
	return err == nil && filepath.IsLocal(rel)
}

// maxIndexFile is more than any index has that was ever uploaded.
const maxIndexFile = 64 << 20

// readIndexFile returns the file's bytes, or nil where there is none.
func readIndexFile(name string) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO would be waited for
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

// ReadIndex reads an index from a file, whoever wrote it.
func ReadIndex(name string) (kvsync.AssetIndex, error) {
	b, err := readIndexFile(name)
	if err == nil && b == nil {
		err = fmt.Errorf("there is no file %s", name)
	}
	if err != nil {
		return nil, usage(err)
	}
	index, err := kvsync.DecodeIndex(b)
	if err != nil {
		return nil, usage(fmt.Errorf("read %s: %w", name, err))
	}
	return index, nil
}

// writeIndexFile replaces the file in one step: a build that reads it meanwhile
// gets the old index or the new one.
func writeIndexFile(name string, index []byte) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write the index: %w; the files are uploaded, so run again when that is mended", err)
		}
	}()
	mode := fs.FileMode(0o644)
	if st, err := os.Stat(name); err == nil {
		mode = st.Mode().Perm()
	}
	return wholefile.WriteDurable(name, index, mode)
}
