package main

import "context"

type uploadCommand struct {
	siteFlags
	sourceFlags
	guardFlags
}

// Run uploads ahead of a deploy.
func (c *uploadCommand) Run(ctx context.Context, s streams) error {
	t := task{command: "upload", site: c.siteFlags, source: &c.sourceFlags}
	return t.on(ctx, s, func(se *session) error {
		a, err := se.site.UploadAhead(ctx, c.options())
		if err != nil {
			return err
		}
		se.report.AddAhead(a)
		se.console.Ahead(a, se.site.Stats(), se.again("deploy")+c.sourceFlags.typed()+c.guardFlags.typed())
		return nil
	})
}
