package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/kv-sync/kv-sync/internal/app"
	kvsync "github.com/kv-sync/kv-sync/sync"
)

type deleteCommand struct {
	siteFlags
	Yes      bool `help:"Delete without asking."`
	TakeOver bool `help:"Delete the Worker even if another tool deployed it." group:"guards"`
}

// Run shows what it would delete, asks, and deletes.
func (c *deleteCommand) Run(ctx context.Context, s streams) error {
	t := managing("delete", c.siteFlags)
	return t.on(ctx, s, func(se *session) error {
		d, err := se.site.PlanDelete(ctx, c.TakeOver)
		if err != nil {
			return err
		}
		defer func() { se.report.AddDeletion(d) }()
		se.console.Deletion(d, se.flags.Local)
		if t.dry {
			return nil
		}
		if !c.Yes {
			if err := se.confirm(d, s.in); err != nil {
				return err
			}
		}
		if err := se.site.Delete(ctx, d); err != nil {
			return err
		}
		se.console.Deleted(d, se.site.Stats())
		return nil
	})
}

// confirm asks for the name of what is deleted.
func (se *session) confirm(d *kvsync.Deletion, in io.Reader) error {
	name := strings.TrimPrefix(d.Site, "project/")
	se.console.Say("To delete it, type its name, %s:", name)
	typed, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && typed == "" {
		if !errors.Is(err, io.EOF) {
			return fmt.Errorf("read the confirmation: %w", err)
		}
		return &app.UsageError{Err: errors.New("the deletion was not confirmed, and nothing was deleted"),
			Fix: "type the name, or give --yes"}
	}
	return app.CheckConfirmed(name, strings.TrimSpace(typed))
}
