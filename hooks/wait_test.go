package hooks_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kv-sync/kv-sync/hooks"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// silent waits for the context. It returns after an hour, so that a failing test ends.
func silent(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Hour):
		return errors.New("not cancelled")
	}
}

// pushed returns git's line for a push of HEAD as the new branch main.
func (w *world) pushed() io.Reader {
	w.t.Helper()
	return strings.NewReader(fmt.Sprintf("refs/heads/main %s refs/heads/main %s\n", w.git(w.work, "rev-parse", "HEAD"),
		strings.Repeat("0", 40)))
}

func opened(s *hooks.Site) func(context.Context, *hooks.Repository) (*hooks.Site, error) {
	return func(context.Context, *hooks.Repository) (*hooks.Site, error) { return s, nil }
}

// An unreachable network does not block a push for ever.
func TestUnreachableNetworkTimesOut(t *testing.T) {
	w := newWorld(t)
	r, lines := w.find(), w.pushed()
	checked := 0
	check := func(context.Context, string) error { checked++; return nil }
	t.Run("a plan", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var said bytes.Buffer
			began := time.Now()
			err := hooks.PrePush(t.Context(), r, hooks.Push{Remote: "origin", Lines: lines, Notices: &said}, opened(&hooks.Site{
				Check: check, Plan: func(ctx context.Context, _ string) (*plan.Plan, error) { return nil, silent(ctx) },
			}))
			if took := time.Since(began); err != nil || took != 5*time.Second || checked != 1 ||
				!strings.Contains(said.String(), "no answer in time") {
				t.Errorf("after %s, %d checks: %v, %s", took, checked, err, &said)
			}
		})
	})
	lines = w.pushed()
	t.Run("an upload", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var said bytes.Buffer
			err := hooks.PrePush(t.Context(), r, hooks.Push{Mode: hooks.Upload, Remote: "origin", Lines: lines, Notices: &said},
				opened(&hooks.Site{
					Check: check, Upload: func(ctx context.Context, _ string, _ func()) error { return silent(ctx) },
				}))
			if err != nil || !strings.Contains(said.String(), "there was no progress for 2m0s") {
				t.Errorf("%v, %s", err, &said)
			}
		})
	})
	server := w.server(hooks.Options{})
	line := strings.Repeat("0", 40) + " " + w.git(server.GitDir, "rev-parse", "main") + " refs/heads/main\n"
	t.Run("a deploy of a server", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			err := hooks.PostReceive(t.Context(), server, hooks.Received{Lines: strings.NewReader(line), Notices: io.Discard},
				opened(&hooks.Site{
					Deploy: func(ctx context.Context, _ string, _ func()) error { return silent(ctx) },
				}))
			if err == nil || !strings.Contains(err.Error(), "there was no progress for 2m0s") {
				t.Errorf("%v", err)
			}
		})
	})
}

// A cancelled check blocks the push.
func TestCancelledCheckBlocksThePush(t *testing.T) {
	w := newWorld(t)
	r := w.find()
	for name, tt := range map[string]struct {
		mode hooks.Mode
		site func(cancel func()) (*hooks.Site, error)
	}{
		"while the configuration is read": {hooks.Check, func(cancel func()) (*hooks.Site, error) {
			cancel()
			return nil, errors.New("read kv-sync.toml: interrupted")
		}},
		"while the commit is compared": {hooks.Check, func(cancel func()) (*hooks.Site, error) {
			return &hooks.Site{Plan: func(ctx context.Context, _ string) (*plan.Plan, error) {
				cancel()
				return nil,
					ctx.Err()
			}}, nil
		}},
		"while files are checked": {hooks.Check, func(cancel func()) (*hooks.Site, error) {
			return &hooks.Site{Check: func(ctx context.Context, _ string) error { cancel(); return ctx.Err() }}, nil
		}},
		"while files are uploaded": {hooks.Upload, func(cancel func()) (*hooks.Site, error) {
			return &hooks.Site{Upload: func(ctx context.Context, _ string, _ func()) error { cancel(); return ctx.Err() }}, nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			err := hooks.PrePush(ctx, r, hooks.Push{Mode: tt.mode, Remote: "origin", Lines: w.pushed(), Notices: t.Output()},
				func(context.Context, *hooks.Repository) (*hooks.Site, error) { return tt.site(cancel) })
			if !errors.Is(err, context.Canceled) {
				t.Errorf("the push is not blocked: %v", err)
			}
		})
	}
}

// The error does not show the password of a remote's address.
func TestBlockedPushShowsNoPassword(t *testing.T) {
	w := newWorld(t)
	const remote = "https://me:t0ken@git.example/site.git"
	var said bytes.Buffer
	refused := &manifest.RefusedError{Problems: []manifest.Problem{{Path: "key.pem", Reason: "this is a private key"}}}
	err := hooks.PrePush(t.Context(), w.find(), hooks.Push{Remote: remote, URL: remote, Lines: w.pushed(), Notices: &said},
		opened(&hooks.Site{
			Remote: remote, Check: func(context.Context, string) error { return refused },
		}))
	if err == nil || strings.Contains(err.Error()+said.String(), "t0ken") ||
		!strings.Contains(err.Error(), "https://git.example/site.git") {
		t.Errorf("%v, %s", err, &said)
	}
}

// KV_SYNC_HOOK=off also applies when another tool runs the hook.
func TestDisabledHooksDoNothing(t *testing.T) {
	w := newWorld(t)
	off := func(name string) string { return map[string]string{"KV_SYNC_HOOK": "off"}[name] }
	never := func(context.Context, *hooks.Repository) (*hooks.Site, error) {
		t.Error("the site was opened")
		return nil, errors.New("disabled")
	}
	for _, mode := range []hooks.Mode{hooks.Check, hooks.Upload, hooks.Deploy} {
		if err := hooks.PrePush(t.Context(), w.find(), hooks.Push{Mode: mode, Remote: "origin", Lines: w.pushed(),
			Notices: t.Output(), Getenv: off}, never); err != nil {
			t.Errorf("pre-push, %s: %v", mode, err)
		}
	}
	line := strings.Repeat("0", 40) + " " + w.git(w.work, "rev-parse", "HEAD") + " refs/heads/main\n"
	if err := hooks.PostReceive(t.Context(), w.find(), hooks.Received{Lines: strings.NewReader(line), Notices: t.Output(),
		Getenv: off}, never); err != nil {
		t.Errorf("post-receive: %v", err)
	}
}
