package daemon_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kv-sync/kv-sync/internal/daemon"
	"github.com/kv-sync/kv-sync/internal/daemon/webhook"
	"github.com/kv-sync/kv-sync/internal/platform"
)

// TestBurst sends a thousand webhooks for twenty sites during deploys, each after a push.
// The last commit of each site must become live. A site must have one deploy at a time,
// and at most one more for all webhooks during it.
func TestBurst(t *testing.T) {
	const sites, pushes, secret = 20, 50, "burst-secret"
	origins := make([]*origin, sites)
	ids := make([][]string, sites)
	conf := noPoll + "parallel = 4\n"
	for i := range origins {
		origins[i] = newOrigin(t)
		one := origins[i].push(nil)
		ids[i] = append(ids[i], one)
		// All commits are made at once, to save time.
		var stream strings.Builder
		for n := range pushes {
			page := fmt.Sprintf("site %d push %d", i, n)
			from := ""
			if n == 0 {
				from = "from " + one + "\n"
			}
			fmt.Fprintf(&stream, "commit refs/heads/main\nmark :%d\ncommitter Ada <a@b> %d +0000\ndata 4\npush%sM 100644 inline public/index.html\ndata %d\n%s\n",
				n+1, 1800000000+n, "\n"+from, len(page), page)
		}
		marks := filepath.Join(t.TempDir(), "marks")
		importStream(t, origins[i].dir, stream.String(), marks)
		for line := range strings.Lines(readFile(t, marks)) {
			_, id, _ := strings.Cut(strings.TrimSpace(line), " ")
			ids[i] = append(ids[i], id)
		}
		origins[i].git(origins[i].dir, "push", "-q", origins[i].bare, "main:refs/heads/all")
		conf += fmt.Sprintf("[[site]]\nname = \"site-%d\"\nremote = %q\nbranch = \"main\"\n", i, origins[i].bare)
	}
	r := newTestDaemon(t, conf)
	// No deploy ends before half of the webhooks were sent.
	half := make(chan struct{})
	r.p.Server.SetFault(func(platform.RequestInfo) platform.Fault {
		<-half
		return platform.Fault{}
	})
	r.start()
	handler, err := webhook.New(webhook.Options{
		Hooks:      []webhook.Hook{{Path: "/github", Forge: webhook.GitHub, Secrets: []string{secret}}},
		Accept:     func(_ context.Context, p webhook.Push) (bool, error) { return r.Pushed(p.Of, p.Branch()), nil },
		Deliveries: r.Deliveries(),
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	defer server.Close()

	var senders, halves sync.WaitGroup
	halves.Add(sites)
	go func() {
		halves.Wait()
		close(half)
	}()
	for i, o := range origins {
		senders.Go(func() {
			reached := sync.OnceFunc(halves.Done)
			defer reached()
			for n := 1; n <= pushes; n++ {
				if n == pushes/2 {
					reached()
					<-half
				}
				o.git(o.bare, "update-ref", "refs/heads/main", ids[i][n])
				body := fmt.Sprintf(`{"ref":"refs/heads/main","after":%q,"repository":{"clone_url":"file://%s"}}`, ids[i][n],
					o.bare)
				mac := hmac.New(sha256.New, []byte(secret))
				mac.Write([]byte(body))
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/github",
					bytes.NewBufferString(body))
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("Content-Type", "application/json")
				req.Header.Set("X-GitHub-Event", "push")
				req.Header.Set("X-GitHub-Delivery", fmt.Sprintf("%d-%d", i, n))
				req.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				_ = res.Body.Close()
				if res.StatusCode != http.StatusAccepted {
					t.Errorf("site %d, push %d: %s", i, n, res.Status)
				}
			}
		})
	}
	senders.Wait()
	total := 0
	for i := range origins {
		name := fmt.Sprintf("site-%d", i)
		last := ids[i][pushes]
		r.await(name, "last commit", func(s daemon.Status) bool { return s.Live == last && s.Phase == daemon.PhaseIdle })
		past := r.history(name)
		if past[0].Commit != last {
			t.Errorf("%s: live is %s, the last is %s", name, past[0].Commit, last)
		}
		var end time.Time
		commits := map[string]bool{}
		for _, run := range r.runs(name) {
			if run.Started.Before(end) {
				t.Errorf("%s: two runs at once: %+v", name, r.runs(name))
			}
			if commits[run.Commit] {
				t.Errorf("%s: %s was deployed twice", name, run.Commit)
			}
			end, commits[run.Commit] = run.Started.Add(run.Duration), true
		}
		total += len(r.runs(name))
	}
	// Of the first half a site deploys its first commit, the one in progress, and the
	// last.
	if total > sites*(3+pushes/2) {
		t.Errorf("%d runs for %d webhooks", total, sites*pushes)
	}
	t.Logf("%d webhooks, %d runs", sites*pushes, total)
}
