package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// newCell returns a cell outside of the table, for a site with this name.
func newCell(t *testing.T, site string) *cell {
	t.Helper()
	return &cell{past: newPast(t), site: site}
}

// Several sites of one repository have one order of commits: an older commit is refused for each
// of them. A rollback of one site holds back only that site (promise 5).
func TestSitesOfOneRepository(t *testing.T) {
	c := newCell(t, "")
	sites := []string{"a", "b", "c", "d", "e"}
	pushed := func(changed ...string) string {
		files := map[string][]byte{"step": []byte(strings.Join(changed, " "))}
		for _, site := range changed {
			files["apps/"+site+"/public/index.html"] = []byte(site + " of " + c.commits["last"])
		}
		c.commits["last"] = c.pushed("change "+strings.Join(changed, ", "), files)
		return c.commits["last"]
	}
	deploy := func(site, commit string) outcome {
		w := c.at(filepath.Join(t.TempDir(), "workspace"), build{commit: commit})
		return c.action(w, commit, map[string]string{"name": "", "working-directory": "apps/" + site}, nil)
	}
	first := pushed(sites...)
	for _, site := range sites {
		deploy(site, first).want(t, 0, site+" is live as deployment")
	}
	second := pushed("a")
	for _, site := range sites {
		o := deploy(site, second)
		o.want(t, 0)
		if same := strings.Contains(o.log, "nothing to do"); same != (site != "a") {
			t.Errorf("site %s: the deploy made a change: %t", site, !same)
		}
		deploy(site, first).want(t, 4, "is older than the live one")
	}
	c.site = "a"
	c.rollBack()
	third := pushed("c")
	deploy("a", third).want(t, 4, "is held back: it deploys the same as", "the input release")
	deploy("c", third).want(t, 0, "c is live as deployment")
	deploy("a", pushed("a")).want(t, 0, "a is live as deployment")
}

// A deploy from a fork does not replace the site of the original repository, unless the input
// take-over names that repository.
func TestForkOfTheRepository(t *testing.T) {
	c := newCell(t, "site")
	fork := func(with map[string]string) outcome {
		w := c.at(filepath.Join(t.TempDir(), "workspace"), build{commit: c.commits["two"]})
		c.git(w, "remote", "set-url", "origin", "https://github.com/mona/site")
		with["directory"] = "public"
		return c.action(w, c.commits["two"], with, map[string]string{"GITHUB_REPOSITORY": "mona/site",
			"GITHUB_REPOSITORY_ID": "8"})
	}
	c.place = places[0]
	mine := c.deployed("one")
	for _, with := range []map[string]string{{}, {"take-over": "true"}, {"take-over": "mona/site"}} {
		c.refused(fork(with), "site was deployed from the repository github.com/someone/site (id 7), and this is "+
			"github.com/mona/site (id 8)", "take-over")
		c.live(mine)
	}
	o := fork(map[string]string{"take-over": "github.com/someone/site"})
	o.want(t, 0)
	c.live(o)
	c.refused(c.step("revert"), "site was deployed from the repository github.com/mona/site (id 8)", "take-over")
}

// A site without a name gets the name of the repository, also without a checkout. It does not get
// the name of the folder, because in the container every job's folder is called "workspace".
func TestSitesAreCalledAfterTheirRepository(t *testing.T) {
	c := newCell(t, "")
	for _, name := range []string{"alpha", "beta"} {
		env := map[string]string{"GITHUB_REPOSITORY": "acme/" + name}
		w := c.dir(t.TempDir(), "workspace")
		c.filled(filepath.Join(w, "public"), build{page: name})
		c.action(w, c.commits["one"], map[string]string{"name": ""}, env).want(t, 0, name+" is live as deployment")
		w = c.dir(t.TempDir(), "workspace")
		c.filled(filepath.Join(c.at(filepath.Join(w, "site"), build{commit: c.commits["one"]}), "dist"), build{page: name})
		c.git(filepath.Join(w, "site"), "remote", "set-url", "origin", "https://github.com/acme/"+name)
		c.action(w, c.commits["one"], map[string]string{"name": "", "directory": "site/dist"}, env).want(t, 0,
			name+": nothing to do")
	}
	for _, name := range []string{"alpha", "beta"} {
		c.site = name
		if got := c.page(); got != name {
			t.Errorf("%s says %q", name, got)
		}
	}
}

// A project in a repository of dotfiles is not part of that repository, so its deploy has no
// commit and no order. A later deploy is compared with the last commit that was live.
func TestRepositoryOfDotfilesIsIgnored(t *testing.T) {
	c := newCell(t, "site")
	c.place = places[0]
	c.deployed("two")
	root := c.dir(c.dotfiles(), "project")
	c.filled(filepath.Join(root, "public"), build{page: "by hand"})
	o := c.kvSync(root, "public")
	o.want(t, 0, "no commit is known, so it is not checked whether this is newer than the live "+
		"commit "+c.commits["two"][:12])
	c.refused(c.step("one"), "is older than the live one", "any-order")
	c.live(o)
	if got := c.page(); got != "by hand" {
		t.Errorf("the site says %q", got)
	}
}

// A workflow_run job deploys the commit of the run whose artifact it has, not the default branch
// that it has checked out. If two runs end in the wrong order, only the older one is refused.
func TestRunsOfTwoCommits(t *testing.T) {
	c := newCell(t, "site")
	tip := c.commits["revert"]
	for _, row := range places {
		if row.name == "workflow_run, artifact beside the default branch" {
			c.place = row
		}
	}
	newer := c.deployed("two")
	c.refused(c.step("one"), "commit "+c.commits["one"][:12]+" is older than the live one, "+c.commits["two"][:12],
		"any-order")
	c.live(newer)
	// A job that has checked out another commit deploys that commit.
	w := c.at(filepath.Join(t.TempDir(), "workspace"), build{commit: c.commits["one"]})
	c.filled(filepath.Join(w, "dist"), build{page: "built here"})
	o := c.action(w, tip, map[string]string{"directory": "dist"}, workflowRun(build{commit: c.commits["two"]}, nil))
	c.refused(o, "commit "+c.commits["one"][:12]+" is older", "any-order")
	// Files that are tracked and unchanged belong to the checked-out commit.
	w = c.at(filepath.Join(t.TempDir(), "workspace"), build{commit: tip})
	o = c.action(w, tip, map[string]string{"directory": "public"},
		workflowRun(build{commit: c.commits["two"]}, map[string]string{"GITHUB_SHA": tip}))
	o.want(t, 0)
	if !strings.Contains(o.summary, "| Commit | "+tip) {
		t.Error("the deployed commit is not the tip")
	}
}
