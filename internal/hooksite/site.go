package hooksite

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"

	"github.com/kv-sync/kv-sync/hooks"
	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/config"
	"github.com/kv-sync/kv-sync/internal/term"
)

// Pushed returns the site that a pre-push hook checks. Its settings are those of the work tree, or of
// HEAD if git is not in one. Its functions that need an account are set only if the settings name
// one and have credentials.
func (h *Hook) Pushed(ctx context.Context, r *hooks.Repository) (*hooks.Site, error) {
	commit := ""
	if r.Top == "" {
		commit = "HEAD"
	}
	site, err := h.open(ctx, commit, nil)
	if err != nil {
		return nil, err
	}
	set := site.Settings()
	out := &hooks.Site{
		Branch: cmp.Or(h.Settings.Branch, set.Branch), Remote: cmp.Or(h.Settings.Remote, set.Remote),
		Again: "kv-sync deploy" + h.typed(),
	}
	prefix, err := filepath.Rel(cmp.Or(r.Top, r.GitDir), set.Root)
	if err != nil {
		return nil, fmt.Errorf("find the project in its repository: %w", err)
	}
	out.Directory = filepath.ToSlash(filepath.Join(prefix, filepath.FromSlash(set.Directory)))
	if out.Directory == "." {
		out.Directory = ""
	}
	for _, f := range append(set.Files[:len(set.Files):len(set.Files)], config.ProjectFile) {
		out.Settings = append(out.Settings, filepath.ToSlash(filepath.Join(prefix, filepath.FromSlash(f))))
	}
	out.Check = h.check
	if reachable(set) {
		out.Plan, out.Upload, out.Deploy = h.plan, h.upload, h.deploy
	}
	return out, nil
}

// Received returns the site that a post-receive hook deploys. Its settings are read from HEAD,
// because pushers cannot change which branch HEAD names.
func (h *Hook) Received(ctx context.Context, _ *hooks.Repository) (*hooks.Site, error) {
	out := &hooks.Site{Branch: h.Settings.Branch, Again: "kv-sync deploy" + h.typed()}
	if h.Getenv("CLOUDFLARE_API_TOKEN") != "" && h.Getenv("CLOUDFLARE_ACCOUNT_ID") != "" {
		out.Deploy = h.deploy
	}
	site, err := h.open(ctx, "HEAD", nil)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err == nil { // otherwise the deploy of the pushed commit reports the error
		out.Branch = cmp.Or(out.Branch, site.Settings().Branch)
		if reachable(site.Settings()) {
			out.Deploy = h.deploy
		}
	}
	return out, nil
}

// reachable reports whether the settings name an account and have credentials for it.
func reachable(set *config.Settings) bool {
	return set.Account != "" && (set.Token != "" || set.APIKey != "")
}

// open opens the site of a commit, or of the work tree for "".
func (h *Hook) open(ctx context.Context, commit string, with func(*app.Inputs)) (*app.Site, error) {
	in := app.Inputs{
		Root: cmp.Or(h.Repository.Top, h.Repository.GitDir), Name: h.Settings.Name, Directory: h.Settings.Dir,
		Commit: commit, Getenv: h.getenv,
		Offline: true, // a check needs no account; plan, upload and deploy run only if reachable found one
		Log:     term.New(h.Err, h.Err, h.Getenv).Log(false),
	}
	if with != nil {
		with(&in)
	}
	site, err := app.Open(ctx, in)
	if err != nil {
		return nil, h.explain(err)
	}
	h.opened = append(h.opened, site)
	return site, nil
}
