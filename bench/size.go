package main

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
)

// sizes are the sizes of the programs that a CI job installs before a deploy.
type sizes struct {
	wrangler, node int64
	binary         int64
}

// measureSizes sets b.size. The size of wrangler is the size of all npm packages but node.
func (b *bench) measureSizes() error {
	info, err := os.Stat(b.command)
	if err != nil {
		return err
	}
	b.size.binary = info.Size()
	if b.modules == "" {
		return nil
	}
	total, err := folderSize(b.modules)
	if err != nil {
		return err
	}
	nodes, err := filepath.Glob(filepath.Join(b.modules, "node-*"))
	if err != nil {
		return err
	}
	for _, dir := range nodes {
		n, err := folderSize(dir)
		if err != nil {
			return err
		}
		b.size.node += n
	}
	b.size.wrangler = total - b.size.node
	return nil
}

// modulesOf returns the folder node_modules with wrangler. The first argument of w's commands is
// node_modules/wrangler/bin/wrangler.js.
func modulesOf(ctx context.Context, w *platformtest.Wrangler) string {
	return filepath.Join(w.Command(ctx, platformtest.API{}, ".").Args[1], "..", "..", "..")
}

func folderSize(dir string) (n int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	})
	return n, err
}
