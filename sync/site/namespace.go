package site

import (
	"context"
	"errors"
	"fmt"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/version"
	"golang.org/x/sync/errgroup"
)

// FindNamespace finds the namespace of the site: the configured one, else that of the
// live version, else the one with the title. The request runs while the caller continues.
// answer waits for it and returns the id, which is "" if the namespace does not exist yet.
func (c *Client) FindNamespace(ctx context.Context, l *version.Live) (answer func() (string, error)) {
	known := c.Namespace
	if known == "" && l.Meta != nil {
		known = l.Meta.Namespace
	}
	if known != "" {
		return func() (string, error) { return known, nil }
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		known, err = c.Account.FindNamespace(ctx, c.NamespaceTitle)
		if errors.Is(err, cloud.ErrNotFound) {
			return nil
		}
		return err
	})
	return func() (string, error) {
		if err := g.Wait(); err != nil {
			return "", fmt.Errorf("find the namespace %q: %w", c.NamespaceTitle, err)
		}
		return known, nil
	}
}
