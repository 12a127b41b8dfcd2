package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"github.com/kv-sync/kv-sync/internal/cloudflare"
	"github.com/kv-sync/kv-sync/internal/platform"
	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
	kvsync "github.com/kv-sync/kv-sync/sync"
	"github.com/kv-sync/kv-sync/sync/site"
)

// races is the number of rounds of TestRounds for each number of deployers; `make rounds` sets
// it. racesFrom is the seed of the first round.
var (
	races     = flag.Int("rounds", 0, "rounds of several deployers at the same moment, as separate processes")
	racesFrom = flag.Uint64("rounds-from", 0, "with -rounds: the seed of the first round")
)

// Promise 5, with the built command in separate processes: of several commits that are deployed at
// the same moment the newest is live at the end, or its run says that it is not, or a rollback
// holds it back. The same test in one process is TestNewestOfSeveralDeployers of package sync.
func TestRounds(t *testing.T) {
	if *races == 0 {
		t.Skip("run by make rounds only; package sync does the same in one process in every run")
	}
	command := filepath.Join(t.TempDir(), "kv-sync")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", command, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, deployers := range []int{3, 5} {
		t.Run(fmt.Sprint(deployers), func(t *testing.T) {
			c := newContest(t, command, deployers)
			for seed := *racesFrom; seed < *racesFrom+uint64(*races); seed++ {
				r := c.run(seed)
				for _, wrong := range r.check() {
					t.Errorf("round %d: %s\n%s", seed, wrong, r.story())
				}
			}
			t.Logf("%d rounds: the newest commit was live at the end of %d; %v", *races, c.newest, c.codes)
		})
	}
}

// contest has a site, and a clone of its repository for each deployer.
type contest struct {
	*victim

	command string
	clones  []string
	commits []string // all, oldest first
	newest  int      // the rounds at whose end the newest commit was live
	codes   map[string]int
}

func newContest(t *testing.T, command string, deployers int) *contest {
	v := &victim{t: t, repo: t.TempDir(), cache: t.TempDir(), p: platformtest.Start(t)}
	c := &contest{victim: v, command: command, codes: make(map[string]int)}
	git(t, v.repo, "init", "--quiet", "--initial-branch", "main", ".")
	git(t, v.repo, "config", "uploadpack.allowAnySHA1InWant", "true")
	write(t, filepath.Join(v.repo, "public", "same.css"), "same")
	for range 2 {
		c.commit()
		c.mustRun("deploy")
	}
	for i := range deployers {
		c.clones = append(c.clones, filepath.Join(t.TempDir(), fmt.Sprint("clone", i)))
		git(t, v.repo, "clone", "--quiet", v.repo, c.clones[i])
	}
	return c
}

func (c *contest) commit() {
	c.t.Helper()
	write(c.t, filepath.Join(c.repo, "public", "index.html"), fmt.Sprint("page ", len(c.commits)))
	git(c.t, c.repo, "add", "-A")
	git(c.t, c.repo, "commit", "--quiet", "-m", fmt.Sprint("page ", len(c.commits)))
	c.commits = append(c.commits, strings.TrimSpace(git(c.t, c.repo, "rev-parse", "HEAD")))
}

// race is one round: several runs at the same moment.
type race struct {
	*contest

	before int // how many commits there were
	net    *network

	mu      sync.Mutex
	runs    map[string]outcome
	secrets []string // the confirmed ones
}

// outcome is how a process ended.
type outcome struct {
	code int
	text string
}

// run does one round. All its processes send their first requests before one of them is answered.
func (c *contest) run(seed uint64) *race {
	random := rand.New(rand.NewPCG(seed, uint64(len(c.clones))))
	c.commit()
	c.mustRun("deploy")
	r := &race{contest: c, before: len(c.commits), runs: make(map[string]outcome)}
	for range c.clones {
		c.commit()
	}
	for i, clone := range c.clones {
		fetch := []string{"fetch", "--quiet", "origin"}
		if random.IntN(2) == 0 { // it does not know newer commits
			fetch = append(fetch, c.commits[r.before+i])
		}
		git(c.t, clone, fetch...)
		git(c.t, clone, "checkout", "--quiet", "--detach", c.commits[r.before+i])
	}
	actors := r.actors(random, seed)
	r.net = &network{random: random, left: len(actors), open: make(chan struct{})}
	c.p.Server.ResetRequests()
	c.p.Server.SetFault(r.net.delay)
	var all sync.WaitGroup
	for _, act := range actors {
		all.Go(func() {
			defer r.net.arrive()
			act()
		})
	}
	all.Wait()
	c.p.Server.SetFault(nil)
	return r
}

// actors are the runs of a round.
func (r *race) actors(random *rand.Rand, seed uint64) (list []func()) {
	process := func(name, dir string, args ...string) {
		list = append(list, func() { r.process(name, dir, args...) })
	}
	for i, clone := range r.clones {
		process(fmt.Sprint("deploy ", r.before+i), clone, "deploy")
	}
	if random.IntN(2) == 0 {
		process("prune", r.repo, "prune")
	}
	if random.IntN(2) == 0 {
		process("rollback", r.repo, "rollback")
	}
	if edits := random.IntN(3); edits > 0 {
		pauses := []time.Duration{pause(random, 1000), pause(random, 1000)}
		list = append(list, func() {
			for i := range edits {
				time.Sleep(pauses[i]) // of a person
				r.setSecret(fmt.Sprintf("S%d_%d", seed, i))
			}
		})
	}
	return list
}

func (r *race) process(name, dir string, args ...string) {
	cmd := r.victim.command(args...)
	cmd.Path, cmd.Dir = r.command, dir
	out, err := cmd.CombinedOutput()
	code := 0
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
		code = failed.ExitCode()
	} else if err != nil {
		code = -1
		out = append(out, err.Error()...)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.runs[name] = outcome{code, string(out)}
	r.codes[fmt.Sprintf("%s exit %d", args[0], code)]++
}

// setSecret sets a secret as the dashboard does. The API refuses that after a rollback.
func (r *race) setSecret(name string) {
	status, _ := r.call(http.MethodPut, "/secrets", fmt.Sprintf(`{"name":%q,"text":"x","type":"secret_text"}`, name))
	r.mu.Lock()
	defer r.mu.Unlock()
	if status == http.StatusOK {
		r.secrets = append(r.secrets, name)
	}
	r.codes[fmt.Sprint("secret ", status)]++
}

// call sends a request about the script.
func (c *contest) call(method, path, body string) (status int, answer gjson.Result) {
	req, err := http.NewRequestWithContext(c.t.Context(), method,
		c.p.BaseURL+"/accounts/"+c.p.AccountID+"/workers/scripts/victim"+path, strings.NewReader(body))
	if err != nil {
		c.t.Error(err)
		return 0, gjson.Result{}
	}
	req.Header.Set("Authorization", "Bearer "+c.p.Token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Error(err)
		return 0, gjson.Result{}
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Error(err)
	}
	return res.StatusCode, gjson.GetBytes(b, "result")
}

// live is the active version, and the message with which it was activated.
func (r *race) live() (bindings gjson.Result, message string) {
	_, list := r.call(http.MethodGet, "/deployments", "")
	top := list.Get("deployments.0")
	_, v := r.call(http.MethodGet, "/versions/"+top.Get("versions.0.version_id").String(), "")
	return v.Get("resources.bindings"), top.Get("annotations.workers/message").String()
}

var heldBack = regexp.MustCompile(`Commit ([0-9a-f]{12}) is held back`)

// check returns what is wrong at the end of a round.
func (r *race) check() (wrong []string) {
	bindings, message := r.live()
	commit := bindings.Get(`#(name=="KV_SYNC").json.commit`).String()
	live, held := slices.Index(r.commits, commit), -1
	told := false
	for name, o := range r.runs {
		if o.code != 0 && o.code != 4 && o.code != 7 {
			wrong = append(wrong, fmt.Sprintf("%s ended with exit code %d", name, o.code))
		}
		if m := heldBack.FindStringSubmatch(o.text); name == "rollback" && o.code == 0 && m != nil {
			held = slices.IndexFunc(r.commits, func(c string) bool { return strings.HasPrefix(c, m[1]) })
		}
		told = told || strings.Contains(o.text, "change it again")
	}
	for n := max(live, held) + 1; n < len(r.commits); n++ {
		if o, ok := r.runs[fmt.Sprint("deploy ", n)]; ok && o.code == 0 {
			wrong = append(wrong, fmt.Sprintf("commit %d is live, and the run of %d says that that one is", live, n))
		}
	}
	if live <= held && message != "" && !strings.HasPrefix(message, "Rollback") {
		wrong = append(wrong, fmt.Sprintf("commit %d is live, and %d was rolled back from", live, held))
	}
	for _, name := range r.secrets {
		if !bindings.Get(`#(name=="`+name+`")`).Exists() && !told {
			wrong = append(wrong, "the secret "+name+" is lost without a message")
		}
	}
	if live == len(r.commits)-1 {
		r.newest++
	}
	return append(wrong, r.damage()...)
}

// damage returns what the live deployment lacks.
func (r *race) damage() []string {
	account, err := cloudflare.New(cloudflare.Options{Token: r.p.Token, AccountID: r.p.AccountID, BaseURL: r.p.BaseURL})
	if err != nil {
		r.t.Fatal(err)
	}
	defer account.Close()
	e, err := kvsync.New(site.Config{Site: "victim", Account: account})
	if err != nil {
		r.t.Fatal(err)
	}
	if report, err := e.Verify(r.t.Context(), false); err != nil || !report.Whole() {
		return []string{fmt.Sprintf("the site is incomplete: %+v, %v", report, err)}
	}
	return nil
}

// story is what happened in a round, for a person who looks for the reason.
func (r *race) story() string {
	var out bytes.Buffer
	_, list := r.call(http.MethodGet, "/deployments", "")
	for _, d := range slices.Backward(list.Get("deployments").Array()) {
		fmt.Fprintf(&out, "  %s %s %s %s\n", d.Get("created_on"), d.Get("id"), d.Get("versions.0.version_id"),
			d.Get("annotations"))
	}
	for i := r.before - 1; i < len(r.commits); i++ {
		fmt.Fprintf(&out, "  commit %d is %s\n", i, r.commits[i])
	}
	for _, name := range slices.Sorted(maps.Keys(r.runs)) {
		fmt.Fprintf(&out, "  %s ended with exit code %d\n%s\n", name, r.runs[name].code, r.runs[name].text)
	}
	for _, q := range r.p.Server.Requests() {
		if !strings.HasPrefix(q.Kind, "kv.") {
			fmt.Fprintf(&out, "  %s %d %s\n", q.Time.Format("05.000"), q.Status, q.Kind)
		}
	}
	return out.String()
}

// network delays requests at random, so that the processes overlap in many ways.
type network struct {
	mu     sync.Mutex
	random *rand.Rand
	left   int // the processes that have not sent a request
	open   chan struct{}
}

// arrive counts a process that has sent its first request, or has ended without one. It returns
// false after all have.
func (n *network) arrive() (first bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.left == 0 {
		return false
	}
	if n.left--; n.left == 0 {
		close(n.open)
	}
	return true
}

func (n *network) delay(platform.RequestInfo) platform.Fault {
	most := 8
	if n.arrive() {
		<-n.open
		most = 11
	}
	n.mu.Lock()
	d := pause(n.random, 1<<n.random.IntN(most))
	n.mu.Unlock()
	time.Sleep(d)
	return platform.Fault{}
}

func pause(random *rand.Rand, most int) time.Duration {
	return time.Duration(random.IntN(most*1000)) * time.Microsecond
}
