package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// build is the input of one deploy of a cell: a commit, and the page in the published folder.
type build struct {
	nth          int // the number of earlier deploys of the cell
	commit, page string
}

// place is a row of the table: where a deploy gets its files from, and how it finds out the commit.
type place struct {
	name   string
	deploy func(*cell, build) outcome
	// command is set if the row deploys with the kv-sync command, whose messages name flags.
	command bool
	// unordered is set if the order of two commits cannot be determined.
	unordered bool
	// unpushed is set if a commit that was never pushed cannot be recognised.
	unpushed bool
	// skipped has the columns that do not apply to this row, with the reasons.
	skipped map[string]string
}

// cell is a cell of the table. It runs the deploys of a column from the place of a row, with its
// own site.
type cell struct {
	*past
	place
	site string
	n    int
}

// dir makes a folder that belongs to the runner's user.
func (c *cell) dir(elements ...string) string {
	c.t.Helper()
	dir := filepath.Join(elements...)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		c.t.Fatal(err)
	}
	give(c.t, dir)
	return dir
}

// at makes a checkout of the build's commit, as actions/checkout does.
func (c *cell) at(dir string, b build) string {
	c.t.Helper()
	return c.cloned(dir, b.commit, "--depth="+strconv.Itoa(c.depth), c.origin, "+"+b.commit+":refs/remotes/origin/main")
}

// whole makes a checkout with every branch, as actions/checkout does with fetch-depth: 0.
func (c *cell) whole(dir string, b build) string {
	c.t.Helper()
	return c.cloned(dir, b.commit, c.origin, "+refs/heads/*:refs/remotes/origin/*")
}

// cloned makes a checkout with few processes, because every deploy of every cell makes one.
func (c *cell) cloned(dir, commit string, fetch ...string) string {
	c.t.Helper()
	c.dir(dir)
	c.git(dir, "init", "-q", "--template=")
	c.git(dir, append([]string{"fetch", "-q", "--no-tags"}, fetch...)...)
	c.git(dir, "checkout", "-q", "-B", "main", commit)
	write(c.t, filepath.Join(dir, ".git", "config"),
		[]byte("[core]\n\trepositoryformatversion = 0\n[remote \"origin\"]\n\turl = https://github.com/someone/site\n"))
	give(c.t, dir)
	return dir
}

// filled puts the build's page into a folder.
func (c *cell) filled(folder string, b build) {
	c.t.Helper()
	write(c.t, filepath.Join(folder, "index.html"), []byte(b.page))
	give(c.t, folder)
}

// action runs the Action in a workspace. with has additional inputs, and env additional variables.
func (c *cell) action(workspace, commit string, with, env map[string]string) outcome {
	c.t.Helper()
	vars := map[string]string{"GITHUB_REPOSITORY_ID": "7", "GITHUB_API_URL": c.hub}
	inputs := map[string]string{"name": c.site, "github-token": "gh-secret-token-123"}
	for name, v := range env {
		vars[name] = v
	}
	for name, v := range with {
		inputs[name] = v
	}
	return c.run(workspace, commit, inputs, vars)
}

// kvSync deploys with the kv-sync command from a clone.
func (c *cell) kvSync(root, dir string) outcome {
	c.t.Helper()
	site, err := app.Open(c.t.Context(), app.Inputs{
		Root: root, Directory: dir, Name: c.site, Token: c.token, AccountID: c.platform.AccountID,
		BaseURL:  c.platform.BaseURL,
		CacheDir: c.t.TempDir(), Getenv: func(string) string { return "" },
	})
	if err != nil {
		c.t.Fatal(err)
	}
	defer site.Close()
	o := outcome{outputs: map[string]string{}}
	res, err := site.Deploy(c.t.Context(), plan.Options{})
	if f := app.Explain(advice.Terminal, err); f != nil {
		o.code, o.log = f.Code, f.Message+"; "+f.Fix
	} else {
		o.outputs["version-id"] = res.Version
		for _, n := range res.Plan.Notices {
			o.log += n.String() + "\n"
		}
		if res.Plan.NoChange {
			o.log += "nothing to do"
		}
	}
	c.t.Log(o.code, o.log)
	return o
}

// step deploys a commit with its page, or with the given page.
func (c *cell) step(name string, page ...string) outcome {
	c.t.Helper()
	b := build{nth: c.n, commit: c.commits[name], page: pages[name]}
	if len(page) > 0 {
		b.page = page[0]
	}
	c.n++
	return c.deploy(c, b)
}

// deployed is like step, and checks that the deploy goes live.
func (c *cell) deployed(name string, page ...string) outcome {
	c.t.Helper()
	o := c.step(name, page...)
	if o.want(c.t, 0); o.code != 0 {
		c.t.FailNow()
	}
	return o
}

// refused checks that a deploy was refused, and that the message names the waiver: as an input
// of the Action, or as a flag of the command.
func (c *cell) refused(o outcome, says, waiver string) {
	c.t.Helper()
	way := "the input " + waiver + ": true on workflow_dispatch"
	if c.command {
		way = "--" + waiver
	} else if strings.Contains(o.log, "--") {
		c.t.Error("the log names a flag")
	}
	o.want(c.t, 4, says, way)
}

// live checks that the version of a deploy is live.
func (c *cell) live(o outcome) {
	c.t.Helper()
	var list struct {
		Result struct {
			Deployments []struct {
				Versions []struct {
					ID string `json:"version_id"`
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(c.api("/workers/scripts/"+c.site+"/deployments")), &list); err != nil {
		c.t.Fatal(err)
	}
	got := list.Result.Deployments[0].Versions[0].ID
	if got != o.outputs["version-id"] || got == "" {
		c.t.Errorf("live is version %q, want %q", got, o.outputs["version-id"])
	}
}

// columns are the columns of the table: sequences of deploys of one site.
var columns = []struct {
	name string
	run  func(*cell)
}{
	{"newer", func(c *cell) {
		c.deployed("one")
		o := c.step("two")
		if c.unordered {
			c.refused(o, "it is not known whether commit", "any-order")
			return
		}
		o.want(c.t, 0)
		c.live(o)
		if got := c.page(); got != pages["two"] {
			c.t.Errorf("the site says %q", got)
		}
	}},
	{"older", func(c *cell) {
		newer := c.deployed("two")
		o := c.step("one")
		if c.unordered {
			c.refused(o, "it is not known whether commit", "any-order")
		} else {
			c.refused(o, "is older than the live one", "any-order")
		}
		c.live(newer)
	}},
	{"diverged", func(c *cell) {
		first := c.deployed("two")
		o := c.step("side")
		if c.unordered {
			c.refused(o, "it is not known whether commit", "any-order")
			c.live(first)
			return
		}
		o.want(c.t, 0, "does not contain the live one")
		c.live(o)
	}},
	{"same commit", func(c *cell) {
		c.deployed("one")
		before := c.requests()
		c.step("one").want(c.t, 0, "nothing to do")
		if n := c.requests() - before; n != 2 {
			c.t.Errorf("no change took %d requests", n)
		}
	}},
	{"same commit, other content", func(c *cell) {
		c.deployed("one")
		before := c.requests()
		o := c.deployed("one", "built again")
		if n := c.requests() - before; n > 7 {
			c.t.Errorf("one file took %d requests", n)
		}
		c.live(o)
		if got := c.page(); got != "built again" {
			c.t.Errorf("the site says %q", got)
		}
	}},
	{"revert, then the reverted commit", func(c *cell) {
		c.deployed("one")
		before := c.requests()
		again := c.deployed("revert")
		again.want(c.t, 0, "nothing to do")
		if n := c.requests() - before; n != 4 {
			c.t.Errorf("the same content of a newer commit took %d requests", n)
		}
		c.refused(c.step("two"), "is older than the live one", "any-order")
		c.live(again)
	}},
	{"run again after a rollback", func(c *cell) {
		good := c.deployed("one")
		c.deployed("two")
		c.rollBack()
		c.refused(c.step("two"), "is held back", "release")
		c.live(good)
	}},
	{"a commit that was never pushed is live", func(c *cell) {
		first := c.laptop()
		o := c.step("two")
		if c.unordered || c.unpushed {
			c.refused(o, "it is not known whether commit", "any-order")
			c.live(first)
			return
		}
		o.want(c.t, 0, "does not contain the live one")
		c.live(o)
	}},
}

// laptop deploys a commit that was never pushed, with the kv-sync command.
func (c *cell) laptop() outcome {
	c.t.Helper()
	root := c.at(filepath.Join(c.dir(c.t.TempDir()), "clone"), build{commit: c.commits["one"]})
	c.filled(filepath.Join(root, "public"), build{page: pages["laptop"]})
	c.git(root, "commit", "-q", "-a", "-m", "not pushed")
	o := c.kvSync(root, "public")
	if o.code != 0 {
		c.t.FailNow()
	}
	return o
}

func (c *cell) rollBack() {
	c.t.Helper()
	workspace := c.dir(c.t.TempDir(), "workspace")
	c.action(workspace, c.commits["revert"], map[string]string{"mode": "rollback"},
		map[string]string{"GITHUB_EVENT_NAME": "workflow_dispatch"}).want(c.t, 0, "is back at deployment")
}

// page requests the page of the site.
func (c *cell) page() string {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, c.platform.SiteURL(c.site)+"/", nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return body(c.t, req)
}

// requests counts the requests to the cell's account.
func (c *cell) requests() int {
	n := 0
	for _, q := range c.platform.Server.Requests() {
		if strings.Contains(q.Path, "/accounts/"+c.platform.AccountID+"/") {
			n++
		}
	}
	return n
}

// The live site never goes back to an older commit. This holds for every place where a deploy
// runs, and for every way to find out the commit (promise 5).
func TestOrderOfEveryOrigin(t *testing.T) {
	p := newPast(t)
	for i, row := range places {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			for j, column := range columns {
				t.Run(column.name, func(t *testing.T) {
					if why := row.skipped[column.name]; why != "" {
						t.Log("left out: " + why)
						return
					}
					t.Parallel()
					r, account := *p.runner, *p.platform
					account.AccountID = fmt.Sprintf("%030x%02x", i+1, j)
					r.t, r.seen, r.platform = t, bytes.Buffer{}, &account
					sub := past{runner: &r, commits: p.commits, hub: p.hub}
					column.run(&cell{past: &sub, place: row, site: fmt.Sprintf("site-%d-%d", i, j)})
				})
			}
		})
	}
}
