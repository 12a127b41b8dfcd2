package kvsync

import (
	"context"
	"fmt"
	"slices"

	"github.com/kv-sync/kv-sync/sync/layout"
	"github.com/kv-sync/kv-sync/sync/layout/content"
	"github.com/kv-sync/kv-sync/sync/layout/kvassets"
	"github.com/kv-sync/kv-sync/sync/layout/pathname"
	"github.com/kv-sync/kv-sync/sync/overlay"
	"github.com/kv-sync/kv-sync/sync/version"
)

// Layouts lists all layouts, the default one first. It is the only place that registers
// layouts.
func Layouts() []layout.Layout {
	return []layout.Layout{content.Layout, kvassets.Layout, pathname.Layout}
}

// LayoutNamed finds a layout by its name. "" names the default one.
func LayoutNamed(name string) (layout.Layout, error) {
	for _, l := range Layouts() {
		if l.Name == name || name == "" {
			return l, nil
		}
	}
	return layout.Layout{}, fmt.Errorf("there is no layout %.80q", name)
}

// keeper returns the engine's layout, or an error if it does not have the command.
func (e *Engine) keeper(command string) (layout.Keeper, error) {
	if err := e.layout.Lacks(command); err != nil {
		return nil, err
	}
	return e.layout.(layout.Keeper), nil
}

// CheckAhead returns an error if the layout has no upload ahead. A caller can use it before it
// makes a Worker.
func (e *Engine) CheckAhead() error { return e.layout.Lacks(layout.CommandAhead) }

// layoutOf returns the layout in which a version of kv-sync was deployed. It tries the
// default layout last, because that does not mark its versions.
func (e *Engine) layoutOf(m *version.Meta) layout.Keeper {
	for _, known := range slices.Backward(Layouts()) {
		if l, err := known.Of(e.client); err == nil {
			if k, ok := l.(layout.Keeper); ok && k.Owns(m) {
				return k
			}
		}
	}
	return &content.Content{Client: e.client}
}

// Overlay reads the edits made at run time; it is empty if there are none. It first
// reads what is live, for the namespace.
func (e *Engine) Overlay(ctx context.Context) (*overlay.Snapshot, error) {
	if err := e.layout.Lacks(layout.CommandPull); err != nil {
		return nil, err
	}
	l, err := e.client.ReadLive(ctx)
	if err != nil {
		return nil, err
	}
	if l.Meta == nil {
		return nil, notDeployed(e.client.Site)
	}
	return overlay.Read(ctx, e.client.Account.Store(l.Meta.Namespace), e.client.ID())
}
