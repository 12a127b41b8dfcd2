package site

import (
	"context"
	"errors"
	"fmt"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/version"
)

// Live says what is live. It is zero if there is no script, and before the first request.
// For a version of another tool only the version's id is known.
type Live struct {
	Deployment, Version, Commit, URL string
}

// Live returns what was live at the last request of a call, before the call switched. It
// sends no request.
func (c *Client) Live() Live { return c.last }

// LiveAddress asks for the workers.dev address of the live script. It is "" if the address is
// disabled. [Client.Live] returns it from then on.
func (c *Client) LiveAddress(ctx context.Context) (string, error) {
	enabled, err := c.Target.URLEnabled(ctx)
	if err != nil {
		return "", err
	}
	c.last.URL = ""
	if enabled {
		c.last.URL, err = c.Target.URL(ctx)
	}
	return c.last.URL, err
}

// ForgetLive makes [Client.Live] zero, after a deletion.
func (c *Client) ForgetLive() { c.last = Live{} }

// setLast records what a call found live.
func (c *Client) setLast(version string, m *version.Meta, commit string) {
	c.last = Live{Version: version}
	if m != nil {
		c.last.Deployment, c.last.Commit, c.last.URL = m.Deployment, commit, c.Recorded(m)
	}
}

// liveResult is the result of a prefetch.
type liveResult struct {
	*version.Live
	err error
}

// ReadLive reads the active version: two requests, one if there is no script, and one
// more for each other version of a split. It uses the result of Prefetch if there is
// one.
func (c *Client) ReadLive(ctx context.Context) (l *version.Live, err error) {
	if c.prefetched == nil {
		l, err = c.fetchLive(ctx)
	} else {
		select {
		case a := <-c.prefetched:
			l, err = a.Live, a.err
		case <-ctx.Done():
			err = ctx.Err()
		}
		c.prefetched = nil
	}
	if err == nil {
		c.setLast(l.Version.ID, l.Meta, l.Commit())
	}
	return l, err
}

func (c *Client) fetchLive(ctx context.Context) (*version.Live, error) {
	l := &version.Live{}
	var err error
	l.Activations, err = c.Target.Activations(ctx)
	l.At = c.Time() // the time in the answer
	if errors.Is(err, cloud.ErrNotFound) {
		if unread := (*cloud.DecodeError)(nil); errors.As(err, &unread) {
			c.Note(StagePlan, "%v; it is written again, and the deployments before this one cannot be rolled back to", unread)
		}
		return l, nil
	} else if err != nil {
		return nil, fmt.Errorf("find which version of %s is active: %w", c.Site, err)
	}
	if len(l.Activations) == 0 { // the script was uploaded and never deployed
		l.Foreign = true
		return l, nil
	}
	for _, s := range l.Active().Versions {
		v, err := c.Target.Version(ctx, s.Version)
		if err != nil {
			return nil, fmt.Errorf("read the active version of %s: %w", c.Site, err)
		}
		m, err := version.ReadMeta(v, c.ID())
		if err != nil {
			return nil, err
		}
		l.Foreign = l.Foreign || m == nil
		if s.Version == l.Active().Main() {
			l.Version, l.Meta = v, m
		}
	}
	return l, nil
}

// Distrust prepares a deploy that repairs: see [Target]. It uses no result of Prefetch.
func (c *Client) Distrust(ctx context.Context, repair bool) {
	if repair && c.prefetched != nil {
		select {
		case <-c.prefetched:
		case <-ctx.Done():
		}
		c.prefetched = nil
	}
	c.Target.Distrust(repair)
}

// Prefetch starts to read what is live, for the next Deploy or Plan. The caller can build the
// Worker at the same time. stop cancels the read and waits until it has ended.
func (c *Client) Prefetch(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ahead, ended := make(chan liveResult, 1), make(chan struct{})
	c.prefetched = ahead
	go func() {
		defer close(ended)
		l, err := c.fetchLive(ctx)
		ahead <- liveResult{l, err}
	}()
	return func() {
		cancel()
		<-ended
	}
}
