package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kv-sync/kv-sync/sync/wait"
)

// The code in this file requests pages of a small site during deploys. The site runs in workerd.
// Clients request the changed pages again and again. A response is good if its status is 200 and
// its body is the complete old or new content. The site is broken from the first bad response
// until the next good response.

const (
	watchedFiles = 120
	watchEvery   = 2 * time.Millisecond
	// watchAfter is the time for which the pages are requested after a deploy. A page that is
	// broken at the end of this time stays broken until the next deploy.
	watchAfter = 1500 * time.Millisecond
)

// outcome is a result of a watched deploy.
type outcome struct {
	name string
	// refused are the kinds of requests that the server refuses during the deploy.
	refused []string
}

var outcomes = []outcome{
	{"accepted", nil},
	{"refused version", []string{"workers.versions.create", "workers.scripts.put"}},
	{"refused switch", []string{"workers.deployments.create", "workers.scripts.put"}},
}

// outage is the time for which a page was broken.
type outage struct {
	broken time.Duration
	// stays says that a page was still broken at the end of the watch.
	stays bool
}

func (o outage) String() string {
	if o.stays {
		return "until the next deploy"
	}
	return seconds(o.broken)
}

// outages measures the outages of the deploys of each tool.
func (b *bench) outages(ctx context.Context) (_ map[string][]outage, err error) {
	s, err := startServer(ctx, b.work, b.latency)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	small, err := siteIn(ctx, b.work, watchedFiles)
	if err != nil {
		return nil, err
	}
	all := map[string][]outage{}
	for _, t := range b.watched {
		for i, o := range outcomes {
			ws, err := newWorkspace(t, s, small, b.command, filepath.Join(b.work, fmt.Sprintf("watch-%s-%d", t.name, i)))
			if err != nil {
				return nil, err
			}
			ws.script += fmt.Sprintf("-%d", i)
			if err := ws.configure(); err != nil {
				return nil, err
			}
			got, err := ws.outage(ctx, o)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", t.title, o.name, err)
			}
			b.say("watched  %-16s  %-32s  broken %s", o.name, t.title, got)
			all[t.name] = append(all[t.name], got)
		}
	}
	return all, nil
}

// outage deploys the site. Then it deploys a change of one file while the watch requests pages.
func (ws *workspace) outage(ctx context.Context, o outcome) (out outage, err error) {
	if err := ws.site.show(0); err != nil {
		return out, err
	}
	if _, err := ws.deploy(ctx, 0); err != nil {
		return out, err
	}
	url, err := ws.server.siteURL(ctx, ws.script)
	if err != nil {
		return out, err
	}
	w, err := newWatch(url, ws.site)
	if err != nil {
		return out, err
	}
	if err := w.ready(ctx); err != nil {
		return out, err
	}
	if err := ws.server.refuse(ctx, o.refused...); err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, ws.server.refuse(ctx)) }()
	if err := ws.site.show(1); err != nil {
		return out, err
	}
	cmd, err := ws.tool.command(ctx, ws, 1)
	if err != nil {
		return out, err
	}
	if cmd.Env == nil {
		cmd.Env = ws.environment()
	}
	stop := w.start(ctx)
	_, err = measure(cmd)
	waitErr := wait.For(ctx, watchAfter)
	out = stop()
	switch refused := o.refused != nil; {
	case waitErr != nil:
		return out, waitErr
	case refused && err == nil:
		return out, errors.New("the deploy succeeded, want a refusal")
	case !refused && err != nil:
		return out, err
	}
	return out, nil
}

// watch requests pages and checks their contents.
type watch struct {
	client http.Client
	pages  []page

	mu        sync.Mutex
	bad       map[string]bool // the pages whose last response was bad
	since     time.Time       // the start of the current outage
	total     time.Duration   // the time of all earlier outages
	responses int
}

// page is an address with its good contents.
type page struct {
	url  string
	good [2]string
}

// newWatch returns a watch of the files that revision 1 changes, and of one other file.
func newWatch(url string, s *site) (*watch, error) {
	w := &watch{client: http.Client{Timeout: 10 * time.Second}, bad: map[string]bool{}}
	for _, f := range append(s.Changed[1][:len(s.Changed[1]):len(s.Changed[1])], s.Changed[2][0]) {
		content, err := os.ReadFile(filepath.Join(s.public(), filepath.FromSlash(f.Path)))
		if err != nil {
			return nil, err
		}
		old := string(content[:f.Size])
		w.pages = append(w.pages, page{url + path.Join("/", f.Path), [2]string{old, old + "\n"}})
	}
	return w, nil
}

// ready waits until the site serves all pages.
func (w *watch) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for _, p := range w.pages {
		for !w.good(ctx, p) {
			if err := wait.For(ctx, 50*time.Millisecond); err != nil {
				return fmt.Errorf("%s is not served: %w", p.url, err)
			}
		}
	}
	return nil
}

func (w *watch) good(ctx context.Context, p page) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, http.NoBody)
	if err != nil {
		return false
	}
	res, err := w.client.Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return err == nil && res.StatusCode == http.StatusOK && (string(body) == p.good[0] || string(body) == p.good[1])
}

// start starts the watch. The returned function stops it and returns the outage.
func (w *watch) start(ctx context.Context) (stop func() outage) {
	ctx, cancel := context.WithCancel(ctx)
	var g errgroup.Group
	for _, p := range w.pages {
		g.Go(func() error {
			for wait.For(ctx, watchEvery) == nil {
				sent := time.Now()
				good := w.good(ctx, p)
				if ctx.Err() == nil { // otherwise the request was cancelled
					w.record(p.url, good, sent)
				}
			}
			return nil
		})
	}
	return func() outage {
		cancel()
		_ = g.Wait() // its functions return no error
		w.mu.Lock()
		defer w.mu.Unlock()
		out := outage{broken: w.total, stays: len(w.bad) > 0}
		if out.stays {
			out.broken += time.Since(w.since)
		}
		return out
	}
}

// record records the response to a request that was sent at a time. An outage lasts while any page
// is bad.
func (w *watch) record(url string, good bool, sent time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.responses++
	switch {
	case !good && !w.bad[url]:
		if len(w.bad) == 0 {
			w.since = sent
		}
		w.bad[url] = true
	case good && w.bad[url]:
		if delete(w.bad, url); len(w.bad) == 0 {
			w.total += sent.Sub(w.since)
		}
	}
}
