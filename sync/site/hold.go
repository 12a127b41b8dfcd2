package site

import (
	"context"
	"fmt"
	"strings"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/version"
)

// WriteHold writes the record of a hold, and returns after it is confirmed. below is the
// prefix of the keys of such records of the deployment.
func (c *Client) WriteHold(ctx context.Context, s cloud.Store, below string, h *version.HoldRecord) error {
	b, err := h.Encode()
	if err != nil {
		return err
	}
	return s.Put(ctx, below+manifest.NewNonce(c.Time()).String(), b)
}

// ReadHold reads the newest record of a deployment's holds, with two requests. It is nil
// if there is none. A record that cannot be read is an error: it may hold something back.
func (c *Client) ReadHold(ctx context.Context, s cloud.Store, below, deployment string) (*version.HoldRecord, error) {
	newest := ""
	err := cloud.EachKey(ctx, s, below, func(k cloud.KeyInfo) error {
		if _, err := manifest.ParseNonce(strings.TrimPrefix(k.Name, below)); err == nil {
			newest = k.Name // keys are listed in ascending order
		}
		return nil
	})
	if err != nil || newest == "" {
		return nil, err
	}
	h, err := cloud.ReadAs(ctx, s, newest, func(b []byte) (*version.HoldRecord, error) {
		return version.DecodeHold(b, c.ID(), deployment)
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", newest, err)
	}
	return h, nil
}
