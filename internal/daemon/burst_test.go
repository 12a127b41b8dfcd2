package daemon_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
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

// manyCommits pushes one commit, and then n more at once, to save time. These are on the
// branch "all". It returns the ids of all commits.
func manyCommits(t *testing.T, o *origin, n int, page string) []string {
	t.Helper()
	first := o.push(nil)
	ids, from := []string{first}, "from "+first+"\n"
	var stream strings.Builder
	for i := range n {
		text := fmt.Sprint(page, " push ", i)
		fmt.Fprintf(&stream, "commit refs/heads/main\nmark :%d\ncommitter Ada <a@b> %d +0000\ndata 4\npush\n%s"+
			"M 100644 inline public/index.html\ndata %d\n%s\n", i+1, 1800000000+i, from, len(text), text)
		from = ""
	}
	marks := filepath.Join(t.TempDir(), "marks")
	importStream(t, o.dir, stream.String(), marks)
	for line := range strings.Lines(readFile(t, marks)) {
		_, id, _ := strings.Cut(strings.TrimSpace(line), " ")
		ids = append(ids, id)
	}
	o.git(o.dir, "push", "-q", o.bare, "main:refs/heads/all")
	return ids
}

// sendPush sends a delivery as GitHub does.
func sendPush(t *testing.T, address, secret, id, body string) error {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-GitHub-Event", "push")
	req.Header.Set("X-GitHub-Delivery", id)
	req.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusAccepted {
		return errors.New(res.Status)
	}
	return nil
}

// checkRuns checks that runs do not overlap and have different commits.
func checkRuns(t *testing.T, name string, runs []daemon.Run) {
	t.Helper()
	var end time.Time
	commits := map[string]bool{}
	for _, run := range runs {
		if run.Started.Before(end) {
			t.Errorf("%s: two runs at once: %+v", name, runs)
		}
		if commits[run.Commit] {
			t.Errorf("%s: %s was deployed twice", name, run.Commit)
		}
		end, commits[run.Commit] = run.Started.Add(run.Duration), true
	}
}

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
		ids[i] = manyCommits(t, origins[i], pushes, fmt.Sprintf("site %d", i))
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
				if err := sendPush(t, server.URL+"/github", secret, fmt.Sprintf("%d-%d", i, n), body); err != nil {
					t.Errorf("site %d, push %d: %v", i, n, err)
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
		checkRuns(t, name, r.runs(name))
		total += len(r.runs(name))
	}
	// Of the first half a site deploys its first commit, the one in progress, and the
	// last.
	if total > sites*(3+pushes/2) {
		t.Errorf("%d runs for %d webhooks", total, sites*pushes)
	}
	t.Logf("%d webhooks, %d runs", sites*pushes, total)
}
