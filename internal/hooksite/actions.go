package hooksite

import (
	"context"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/options"
	"github.com/kv-sync/kv-sync/internal/term"
	"github.com/kv-sync/kv-sync/sync/humanize"
	"github.com/kv-sync/kv-sync/sync/plan"
	"github.com/kv-sync/kv-sync/sync/site"
)

func (h *Hook) check(ctx context.Context, commit string) error {
	site, err := h.open(ctx, commit, nil)
	if err != nil {
		return err
	}
	return h.explain(site.Check(ctx))
}

// plan does not retry connections, so that a push does not wait for an unreachable network.
func (h *Hook) plan(ctx context.Context, commit string) (*plan.Plan, error) {
	planCtx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	shared := app.NewShared()
	defer shared.Close()
	shared.Transport = dialOnce{shared.Transport, giveUp}
	site, err := h.open(planCtx, commit, func(in *app.Inputs) { in.Shared, in.Log = shared, nil })
	if err != nil {
		return nil, err
	}
	p, err := site.Plan(planCtx, plan.Options{})
	if err != nil && ctx.Err() == nil && planCtx.Err() != nil {
		return nil, context.Cause(planCtx)
	}
	return p, h.explain(err)
}

func (h *Hook) upload(ctx context.Context, commit string, alive func()) error {
	return h.act(ctx, commit, alive, func(site *app.Site, console *term.Console) error {
		done, err := site.UploadAhead(ctx, plan.Options{})
		switch {
		case err != nil:
			return err
		case done.Receipt:
			console.Say("Uploaded ahead: %s. The deploy of this commit only switches.", humanize.Count(done.Uploaded, "file"))
		default:
			console.Say("Nothing was uploaded ahead: the deploy sends these files with its own requests.")
		}
		return nil
	})
}

func (h *Hook) deploy(ctx context.Context, commit string, alive func()) error {
	return h.act(ctx, commit, alive, func(site *app.Site, console *term.Console) error {
		res, err := site.Deploy(ctx, plan.Options{})
		if err == nil {
			name := options.Values{options.Name: h.named()}
			console.Result(res, site.Stats(), "kv-sync rollback"+name.Typed(options.GroupSite))
		}
		return err
	})
}

// act opens the site of a commit and calls work. It prints to standard error. It calls alive
// whenever the run makes progress: see [hooks.Site].
func (h *Hook) act(
	ctx context.Context, commit string, alive func(), work func(*app.Site, *term.Console) error,
) error {
	console := term.New(h.Err, h.Err, h.Getenv)
	defer console.Close()
	shared := app.NewShared()
	defer shared.Close()
	shared.Transport = progressTransport{shared.Transport, alive}
	site, err := h.open(ctx, commit, func(in *app.Inputs) {
		in.Shared = shared
		in.Progress = func(p site.Progress) {
			alive()
			if p.Plan != nil && h.Planned != nil {
				h.Planned(p.Plan)
			}
			console.Progress(p)
		}
	})
	if err != nil {
		return err
	}
	printed := 0
	note := func() {
		for _, n := range advice.Terminal.Problems(site.Notices[printed:]) {
			console.Say("Note: %s", n)
		}
		printed = len(site.Notices)
	}
	note() // prints the notices about the configuration; those about the code follow
	err = work(site, console)
	note()
	return h.explain(err)
}
