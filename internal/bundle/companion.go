package bundle

import (
	"context"
	"io/fs"

	"github.com/evanw/esbuild/pkg/api"

	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/worker"
)

// companionMain is the one module of a companion.
const companionMain = "overlay.js"

// Companion bundles the script in which the Durable Object of overlays lives.
// Nothing in it comes from a project. library is as in [Options].
func Companion(ctx context.Context, root string, library fs.FS) (*Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if library == nil {
		library = worker.Source
	}
	root, err := realpath(root)
	if err != nil {
		return nil, err
	}
	o := &project{Options: Options{Root: root, Library: library}}
	out := api.Build(api.BuildOptions{
		EntryPoints:   []string{companionModule},
		AbsWorkingDir: root,
		Outfile:       companionMain,
		Bundle:        true,
		Format:        api.FormatESModule,
		Target:        api.ES2024,
		Platform:      api.PlatformNeutral,
		Charset:       api.CharsetUTF8,
		LogLevel:      api.LogLevelSilent,
		TsconfigRaw:   "{}", // the project's is not ours
		Plugins:       newCollector(o, nil).plugins(),
	})
	if len(out.Errors) > 0 {
		return nil, &Error{Problems: problems(out.Errors)}
	}
	return &Result{
		Main:    companionMain,
		Modules: []kvsync.Module{{Name: companionMain, Type: typeESModule, Content: out.OutputFiles[0].Contents}},
	}, nil
}
