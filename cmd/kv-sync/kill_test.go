package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"github.com/kv-sync/kv-sync/internal/cloudflare"
	"github.com/kv-sync/kv-sync/internal/platform"
	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/manifest"
	"github.com/kv-sync/kv-sync/sync/site"
)

// TestKillAtEveryRequest kills the process with SIGKILL at each request of a deploy and a
// rollback, before it is carried out, and after it if it writes. The live site is then completely old
// or completely new. A second run of the command succeeds.
func TestKillAtEveryRequest(t *testing.T) {
	repo := t.TempDir()
	site := func(content string) { // commits a site with this page
		t.Helper()
		write(t, filepath.Join(repo, "public", "index.html"), content)
		write(t, filepath.Join(repo, "public", "same.css"), "same")
		git(t, repo, "add", "-A")
		git(t, repo, "commit", "--quiet", "--allow-empty", "-m", content)
	}
	git(t, repo, "init", "--quiet", "--initial-branch", "main", ".")
	site("old")
	site("new")

	for _, tc := range []struct {
		name     string
		before   [][]string
		args     []string
		old, new string // the content of /index.html; "" if nothing is live
	}{
		{"first deploy", nil, []string{"deploy", "--commit", "HEAD~1"}, "", "old"},
		{"deploy", [][]string{{"deploy", "--commit", "HEAD~1"}}, []string{"deploy"}, "old", "new"},
		{"rollback", [][]string{{"deploy", "--commit", "HEAD~1"}, {"deploy"}}, []string{"rollback", "--to", "HEAD~1"},
			"new", "old"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.args[0] == "rollback" {
				tc.args[2] = strings.TrimSpace(git(t, repo, "rev-parse", "HEAD~1"))
			}
			for _, after := range []bool{false, true} {
				for k := int64(1); ; k++ {
					v := &victim{t: t, repo: repo, cache: t.TempDir(), p: platformtest.Start(t)}
					for _, args := range tc.before {
						v.mustRun(args...)
					}
					if !v.killAt(k, after, tc.args...) {
						if k < 2 || k < 4 && !after {
							t.Fatalf("only %d requests", k-1)
						}
						break
					}
					where := fmt.Sprintf("killed at request %d, carried out %v", k, after)
					if got := v.live(); got != tc.old && got != tc.new {
						t.Fatalf("%s: live is %q", where, got)
					}
					v.mustRun(tc.args...)
					if got := v.live(); got != tc.new {
						t.Fatalf("%s: after running again live is %q", where, got)
					}
					if !v.addressed() {
						t.Fatalf("%s: after running again it has no address", where)
					}
				}
			}
		})
	}
}

// victim runs the command in a process of its own.
type victim struct {
	t           *testing.T
	repo, cache string
	p           *platformtest.Fixture
}

func (v *victim) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(v.t.Context(), "kv-sync", append(args, "--name", "victim")...)
	cmd.Dir = v.repo
	cmd.Env = append(append(os.Environ(), "CI=1", "XDG_CACHE_HOME="+v.cache), account(v.p)...)
	return cmd
}

func (v *victim) mustRun(args ...string) {
	v.t.Helper()
	if out, err := v.command(args...).CombinedOutput(); err != nil {
		v.t.Fatalf("kv-sync %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// killAt kills the process at its k-th request, or after its k-th write was carried out: it learns
// nothing of a read in either case. It reports whether there was one.
func (v *victim) killAt(k int64, after bool, args ...string) bool {
	reached := make(chan int64, 1)
	var count atomic.Int64
	v.p.Server.ResetRequests()
	v.p.Server.SetFault(func(r platform.RequestInfo) platform.Fault {
		if after && r.Method == http.MethodGet && count.Load() < k {
			return platform.Fault{}
		}
		switch n := count.Add(1); {
		case n < k:
			return platform.Fault{}
		case n == k && after:
			reached <- r.Seq
			return platform.Fault{Kind: platform.FaultLoseReply}
		case n == k:
			reached <- r.Seq
		}
		return platform.Fault{Kind: platform.FaultHang}
	})
	defer v.p.Server.SetFault(nil)
	cmd := v.command(args...)
	if err := cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			v.t.Fatalf("kv-sync %v: %v", args, err)
		}
		return false
	case seq := <-reached:
		// The server logs a request after it was carried out.
		logged := func(r platform.Request) bool { return r.Seq == seq }
		for after && !slices.ContainsFunc(v.p.Server.Requests(), logged) && v.t.Context().Err() == nil {
			time.Sleep(time.Millisecond)
		}
		if err := cmd.Process.Kill(); err != nil {
			v.t.Fatal(err)
		}
		if err := <-done; err == nil {
			v.t.Fatal("the process was not killed")
		}
		return true
	}
}

// addressed reports whether the Worker is reachable under workers.dev.
func (v *victim) addressed() bool {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet,
		v.p.BaseURL+"/accounts/"+v.p.AccountID+"/workers/scripts/victim/subdomain", http.NoBody)
	if err != nil {
		v.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+v.p.Token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return gjson.GetBytes(b, "result.enabled").Bool()
}

// live reads and checks all blobs of the live site. It returns the content of /index.html, or ""
// if nothing is live.
func (v *victim) live() string {
	v.t.Helper()
	account, err := cloudflare.New(cloudflare.Options{Token: v.p.Token, AccountID: v.p.AccountID, BaseURL: v.p.BaseURL})
	if err != nil {
		v.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(v.t.Context(), hangLimit)
	defer cancel()
	if _, err := account.Workers("victim").Activations(ctx); err != nil {
		return ""
	}
	e, err := kvsync.New(site.Config{Site: "victim", Account: account})
	if err != nil {
		v.t.Fatal(err)
	}
	report, err := e.Verify(ctx, true)
	if err != nil || !report.Whole() {
		v.t.Fatalf("the live site is incomplete: %+v, %v", report, err)
	}
	namespace, err := account.FindNamespace(ctx, "kv-sync")
	if err != nil {
		v.t.Fatal(err)
	}
	for _, d := range report.Deployments {
		if !d.Live {
			continue
		}
		past, err := e.History(ctx)
		if err != nil {
			v.t.Fatal(err)
		}
		b, err := account.Store(namespace).Get(ctx, "victim/m/"+past[0].Record.Manifest)
		if err != nil {
			v.t.Fatal(err)
		}
		m, err := manifest.DecodeStored(b)
		if err != nil {
			v.t.Fatal(err)
		}
		pages := map[string]string{}
		for _, a := range m.Assets {
			body, err := account.Store(namespace).Get(ctx, "victim/b/"+a.Blob.String())
			if err != nil {
				v.t.Fatal(err)
			}
			pages[a.Path] = string(body)
		}
		want := map[string]string{"/index.html": pages["/index.html"], "/same.css": "same"}
		if !maps.Equal(pages, want) {
			v.t.Fatalf("live is %v", pages)
		}
		return pages["/index.html"]
	}
	return ""
}
