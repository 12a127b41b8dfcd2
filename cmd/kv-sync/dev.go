package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/app/local"
	"github.com/kv-sync/kv-sync/internal/platform"
	"github.com/kv-sync/kv-sync/internal/term"
	"github.com/kv-sync/kv-sync/sync/overlay"
)

type devCommand struct {
	Port      int           `help:"The port of the API (default: any)." placeholder:"PORT" default:"0"`
	Latency   time.Duration `help:"Delay every request by this time." placeholder:"50ms"`
	RateLimit int           `help:"Refuse more requests in five minutes (Cloudflare: 1200)." placeholder:"N"`
	ListLag   time.Duration `help:"Return listings of KV that are this old." placeholder:"5s"`
	EdgeTTL   time.Duration `name:"edge-ttl" help:"How long Workers cache KV values (Cloudflare: 60s)." placeholder:"60s"`
}

// Run serves the local platform until Ctrl-C.
func (c *devCommand) Run(ctx context.Context, s streams) (err error) {
	cache, _ := os.UserCacheDir() // Start reports a missing folder
	p, err := local.Start(ctx, local.Options{
		CacheDir: cache, Project: ".", Addr: fmt.Sprintf("127.0.0.1:%d", c.Port), Log: s.err,
		Behaviour: platform.Behaviour{Latency: c.Latency, RateLimit: c.RateLimit, ListLag: c.ListLag, EdgeTTL: c.EdgeTTL},
	})
	if running := (*local.RunningError)(nil); errors.As(err, &running) {
		return alreadyRunning(running)
	}
	if err != nil {
		return err
	}
	defer func() {
		if cerr := p.Close(ctx); err == nil {
			err = cerr
		}
	}()
	// The text is one write, so that a script that finds "is running" also finds the rest.
	var b strings.Builder
	fmt.Fprintf(&b, "The local platform is running; kv-sync deploy --local in this folder deploys to it.\n\n")
	fmt.Fprintf(&b, "For other tools, such as wrangler:\n")
	fmt.Fprintf(&b, "  export CLOUDFLARE_API_BASE_URL=%s\n  export CLOUDFLARE_ACCOUNT_ID=%s\n", p.API, p.Account)
	fmt.Fprintf(&b, "  export CLOUDFLARE_API_TOKEN=%s\n\n", p.Token)
	if sites := p.Sites(ctx); len(sites) > 0 {
		fmt.Fprintf(&b, "Sites:\n%s\n\n", listed(sites))
	}
	fmt.Fprintln(&b, "Ctrl-C stops it; what was deployed stays.")
	fmt.Fprint(s.out, b.String())
	<-ctx.Done()
	return nil
}

// listed returns a line for each site. It leaves out companions, which serve no pages.
func listed(sites map[string]string) string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(sites)) {
		if site, ok := strings.CutSuffix(name, overlay.CompanionName("")); !ok || sites[site] == "" {
			lines = append(lines, "  "+sites[name]+"  "+term.Visible(name))
		}
	}
	return strings.Join(lines, "\n")
}

// alreadyRunning returns a usage error with the addresses of the sites of the running platform.
func alreadyRunning(e *local.RunningError) error {
	fix := "kv-sync deploy --local deploys to it, and Ctrl-C in its terminal ends it"
	if len(e.Sites) > 0 {
		fix += "; its sites:\n" + listed(e.Sites)
	}
	return &app.UsageError{Err: e, Fix: fix}
}
