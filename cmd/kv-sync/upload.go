package main

import (
	"context"

	"github.com/kv-sync/kv-sync/internal/options"
)

type uploadCommand struct {
	siteFlags
	folderArgument
}

// Run uploads the blobs of a later deploy.
func (c *uploadCommand) Run(ctx context.Context, s streams) error {
	t, err := publishing("upload", c.siteFlags, c.folderArgument)
	if err != nil {
		return err
	}
	return t.on(ctx, s, func(se *session) error {
		a, err := se.site.UploadAhead(ctx, t.values.Engine())
		if err != nil {
			return err
		}
		se.report.AddAhead(a)
		se.console.Ahead(a, se.site.Stats(), se.commandLine("deploy", options.GroupSource, options.GroupGuards))
		return nil
	})
}
