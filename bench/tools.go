package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
)

// scenario is a measured deploy of a revision.
type scenario struct {
	name     string
	revision int
}

var scenarios = []scenario{{"first deploy", 0}, {"no change", 0}, {"one file changed", 1}, {"1 % changed", 2}}

// Indices of scenarios.
const (
	first = iota
	none
	one
	percent
)

// tool is a program that deploys a site.
type tool struct {
	name, title string
	// command deploys a revision. The folder already has the files of the revision.
	command func(ctx context.Context, s *workspace, revision int) (*exec.Cmd, error)
	// firstOnly says that only a first deploy is measured, because the tool cannot skip unchanged
	// files.
	firstOnly bool
	// emptyCache says that the cache is empty before each deploy, as on a CI runner.
	emptyCache bool
}

// Names of the tools.
const (
	sitesName  = "sites"
	assetsName = "assets"
	folderName = "folder"
	freshName  = "fresh"
	commitName = "commit"
	floorName  = "floor"
	gitName    = "git"
	brokenName = "broken"
)

func names() []string {
	return []string{sitesName, assetsName, folderName, freshName, commitName, floorName, gitName, brokenName}
}

// choose installs and returns the selected tools.
func (b *bench) choose(ctx context.Context) (tools []*tool, err error) {
	all := []*tool{
		{name: folderName, title: "kv-sync, folder", command: kvSync("--source", "folder")},
		{name: freshName, title: "kv-sync, folder, empty cache", command: kvSync("--source", "folder"), emptyCache: true},
		{name: commitName, title: "kv-sync, commit", command: kvSync("--source", "commit"), emptyCache: true},
		{name: floorName, title: "floor", firstOnly: true, command: floorCommand},
		{name: gitName, title: "git cat-file --batch", firstOnly: true, command: catFile},
	}
	if b.wants(sitesName) || b.wants(assetsName) || b.wants(brokenName) {
		b.say("installing wrangler from npm")
		w, err := platformtest.InstallWrangler(ctx)
		if err != nil {
			return nil, err
		}
		b.modules = modulesOf(ctx, w)
		all = append([]*tool{
			{name: sitesName, title: "wrangler, Workers Sites", command: wrangler(w)},
			{name: assetsName, title: "wrangler, Static Assets", command: wrangler(w)},
		}, all...)
	}
	if b.wants(brokenName) {
		b.watched = slices.DeleteFunc(slices.Clone(all), func(t *tool) bool { return t.firstOnly || t.name == freshName })
	}
	for _, t := range all {
		if b.wants(t.name) {
			tools = append(tools, t)
		}
	}
	return tools, nil
}

// workspace has the account, the folder and the cache of a tool on one server.
type workspace struct {
	tool    *tool
	server  *server
	site    *site
	command string // the kv-sync binary
	account string
	script  string
	dir     string
}

const token = "benchmark-token"

// workspace creates a workspace with a new account.
func (b *bench) workspace(t *tool, s *server, name string) (*workspace, error) {
	return newWorkspace(t, s, b.site, b.command, filepath.Join(b.work, name))
}

func newWorkspace(t *tool, s *server, site *site, command, dir string) (*workspace, error) {
	id := make([]byte, 16)
	_, _ = rand.Read(id) // it never fails
	ws := &workspace{tool: t, server: s, site: site, command: command, account: hex.EncodeToString(id),
		script: "bench-" + t.name, dir: dir}
	if err := os.MkdirAll(ws.cache(), 0o755); err != nil {
		return nil, err
	}
	return ws, ws.configure()
}

func (ws *workspace) cache() string { return filepath.Join(ws.dir, "cache") }

// sitesWorker serves a Workers Sites project like @cloudflare/kv-asset-handler, but without its
// cache.
const sitesWorker = `import manifest from "__STATIC_CONTENT_MANIFEST";
const keys = new Map(Object.entries(JSON.parse(manifest)));
export default { async fetch(request, env) {
	const key = keys.get(decodeURIComponent(new URL(request.url).pathname).slice(1));
	const value = key && await env.__STATIC_CONTENT.get(key, "arrayBuffer");
	return new Response(value ?? "not found", { status: value ? 200 : 404 });
} };
`

// configure writes the configuration of wrangler.
func (ws *workspace) configure() error {
	config := map[string]any{"name": ws.script, "compatibility_date": "2026-11-01"}
	// Workers Sites treats also an absolute bucket as relative to the project.
	public, err := filepath.Rel(ws.dir, ws.site.public())
	if err != nil {
		return err
	}
	switch ws.tool.name {
	case sitesName:
		config["main"], config["site"] = "worker.js", map[string]string{"bucket": filepath.ToSlash(public)}
		if err := os.WriteFile(filepath.Join(ws.dir, "worker.js"), []byte(sitesWorker), 0o644); err != nil {
			return err
		}
	case assetsName:
		config["assets"] = map[string]string{"directory": filepath.ToSlash(public)}
	default:
		return nil
	}
	raw, err := json.Marshal(config)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(ws.dir, "wrangler.json"), raw, 0o644)
}

func wrangler(w *platformtest.Wrangler) func(context.Context, *workspace, int) (*exec.Cmd, error) {
	return func(ctx context.Context, s *workspace, _ int) (*exec.Cmd, error) {
		api := platformtest.API{BaseURL: s.server.API, Token: token, AccountID: s.account}
		return w.Command(ctx, api, s.dir, "deploy"), nil
	}
}

func kvSync(source ...string) func(context.Context, *workspace, int) (*exec.Cmd, error) {
	return func(ctx context.Context, s *workspace, revision int) (*exec.Cmd, error) {
		args := append([]string{"deploy", "--name", s.script, "--dir", "public"}, source...)
		if s.tool.name == commitName {
			args = append(args, "--commit", s.site.Commits[revision])
		}
		cmd := exec.CommandContext(ctx, s.command, args...)
		cmd.Dir = s.site.dir
		return cmd, nil
	}
}

// environment returns this process's environment with the address of the server, and without
// variables that select another server.
func (ws *workspace) environment() []string {
	return append(without(os.Environ(), "CLOUDFLARE_", "CF_", "GITHUB_", "KV_SYNC_", "XDG_CACHE_HOME=", "GOMEMLIMIT=",
		"GOGC="),
		"CLOUDFLARE_API_BASE_URL="+ws.server.API, "CLOUDFLARE_API_TOKEN="+token, "CLOUDFLARE_ACCOUNT_ID="+ws.account,
		"XDG_CACHE_HOME="+ws.cache())
}

// without removes the variables whose names have one of the prefixes.
func without(environment []string, prefixes ...string) []string {
	return slices.DeleteFunc(slices.Clone(environment), func(pair string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(pair, p) })
	})
}

func floorCommand(ctx context.Context, s *workspace, _ int) (*exec.Cmd, error) {
	return self(ctx, "floor", s.site.public())
}

// catFile reads the blobs of a commit with git. The goal for a first deploy from a commit is that
// it takes at most this time longer than one from a folder.
func catFile(ctx context.Context, s *workspace, revision int) (*exec.Cmd, error) {
	tree, err := s.site.git(ctx, "ls-tree", "-r", "--object-only", s.site.Commits[revision], "public")
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "git", "cat-file", "--batch")
	cmd.Dir = s.site.dir
	cmd.Stdin = strings.NewReader(tree)
	return cmd, nil
}

// deploy makes a deploy with the tool and measures it.
func (ws *workspace) deploy(ctx context.Context, revision int) (sample, error) {
	if ws.tool.emptyCache {
		if err := os.RemoveAll(ws.cache()); err != nil {
			return sample{}, err
		}
	}
	cmd, err := ws.tool.command(ctx, ws, revision)
	if err != nil {
		return sample{}, err
	}
	if cmd.Env == nil {
		cmd.Env = ws.environment()
	}
	if err := ws.server.resetRequests(ctx); err != nil {
		return sample{}, err
	}
	got, err := measure(cmd)
	if err != nil {
		return sample{}, err
	}
	sent, err := ws.server.requests(ctx)
	for _, r := range sent {
		got.requests++
		got.bytes += r.BytesIn
		if r.Status >= 400 && r.Status != 404 {
			err = fmt.Errorf("the server refused a request: %s %s: %d", r.Method, r.Path, r.Status)
		}
	}
	return got, err
}
