package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/config"
	"github.com/kv-sync/kv-sync/internal/options"
	"github.com/kv-sync/kv-sync/sync/layout/kvassets"
)

// bareCommand is kv-sync without a subcommand. It does what the Rust kv-sync does, and has its
// flags. The flags from DryRun on are additional.
type bareCommand struct {
	Wrangler string `short:"w" help:"The wrangler file (default: wrangler.toml, or the one that exists)." placeholder:"FILE"`
	Assets   string `short:"a" help:"The folder of the files (default: public)." placeholder:"DIR"`
	Output   string `short:"o" help:"Where the index is written (default: data/assets.bin)." placeholder:"FILE"`
	Dump     string `help:"Only print an index as JSON." placeholder:"FILE"`
	Prune    bool   `help:"Then delete files that no retained index names; run it after the Worker is published."`

	kvAssetsPruneFlags
	DryRun      bool `help:"Only say what would be done."`
	AllowShrink bool `help:"Upload even if the site would have no file, or less than half as many as before."`
	Local       bool `help:"Use the local platform instead of Cloudflare. No account is needed."`
	Verbose     bool `short:"v" help:"Also print what was chosen, and why."`
}

// bareFailed is the exit code of every failure, as in the Rust kv-sync.
const bareFailed = 2

// bareError is a failure of the bare command.
type bareError struct{ error }

func (e *bareError) Unwrap() error { return e.error }

// bare reports whether the arguments select the command without a subcommand. No subcommand begins
// with a flag.
func bare(args []string) bool {
	if len(args) == 0 {
		return config.MeansBare(".") || config.IsRustWorker(".")
	}
	return strings.HasPrefix(args[0], "-") && !slices.Contains([]string{"-h", "--help"}, args[0])
}

// Run uploads, or prints an index with --dump.
func (c *bareCommand) Run(ctx context.Context, s streams) error {
	err := c.run(ctx, s)
	if err != nil {
		return &bareError{err}
	}
	return nil
}

func (c *bareCommand) run(ctx context.Context, s streams) error {
	if c.Dump != "" {
		index, err := app.ReadIndex(c.Dump)
		if err != nil {
			return err
		}
		return printIndex(s.out, index)
	}
	if c.Output == "" && !config.MeansBare(".") {
		return &app.UsageError{
			Err: fmt.Errorf("nothing names an index of files for a Worker in Rust, and there is no %s", config.DefaultIndex),
			Fix: "to publish a site, give a command: kv-sync deploy; to write the index the first time: kv-sync --output " +
				config.DefaultIndex,
		}
	}
	t := task{
		command: "sync", dry: c.DryRun, bare: true, site: siteFlags{Local: c.Local, Verbose: c.Verbose},
		values: options.Values{options.Config: c.Wrangler, options.Directory: c.Assets},
	}
	return t.on(ctx, s, func(se *session) error {
		output := cmp.Or(c.Output, se.site.Settings().Index, config.DefaultIndex)
		sync := app.KVAssetsSync{Output: output, AllowShrink: c.AllowShrink, DryRun: c.DryRun}
		res, written, err := se.site.SyncKVAssets(ctx, sync)
		if err != nil {
			return err
		}
		se.console.KVAssets(res, written, output, c.DryRun)
		if !c.Prune {
			return nil
		}
		return se.prune(ctx, app.Prune{Index: output, Force: c.Force, Unrecorded: c.Unrecorded, DryRun: c.DryRun})
	})
}

// printIndex prints an index as the Rust kv-sync does, sorted by path.
func printIndex(w io.Writer, index kvassets.Index) error {
	type metadata struct {
		Path     string `json:"path"`
		Modified uint64 `json:"modified"`
		Size     uint64 `json:"size"`
	}
	all := make(map[string]metadata, len(index))
	for _, e := range index {
		all[e.Path] = metadata{e.Key, e.Modified, e.Size}
	}
	out := json.NewEncoder(w) // which sorts the keys of a map
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	if err := out.Encode(all); err != nil {
		return fmt.Errorf("print the index: %w", err)
	}
	return nil
}
