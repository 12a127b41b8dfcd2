package kvsync

import (
	"github.com/kv-sync/kv-sync/sync/version"
)

// contentLayout is the default layout: each content under a key that is written once,
// and the manifest inside the Worker version.
var contentLayout = Layout{
	Name:  "content",
	title: func(string) string { return "kv-sync" },
	of:    func(e *Engine) (layout, error) { return &contentAddressed{e}, nil },
}

// contentAddressed is the content layout of one engine.
type contentAddressed struct{ *Engine }

func (c *contentAddressed) owns(m *version.Meta) bool { return m != nil && m.Index == "" }

func (c *contentAddressed) lacks(string) error { return nil }

func (c *contentAddressed) recordKey(deployment string) string {
	return c.Keys().Record(deployment)
}

func (c *contentAddressed) prefix() string { return c.Keys().Prefix() }

// contentDraft is a draft of the content layout.
type contentDraft struct {
	*draft
	c *contentAddressed
	l *version.Live
	r *run
}

func (p *contentDraft) base() *draft { return p.draft }
