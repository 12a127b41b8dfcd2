package main

import (
	"path/filepath"
	"strings"
)

// on returns the variables that the runner sets for an event.
func on(event, payload string) map[string]string {
	return map[string]string{"GITHUB_EVENT_NAME": event, "event": payload}
}

const (
	byHand         = "every deploy of this row is from a working copy"
	noSecondDeploy = "the deploy of two is refused, so nothing can be rolled back"
)

// laptopRow has the columns that do not apply to a row that deploys with the command.
var laptopRow = map[string]string{"a commit that was never pushed is live": byHand}

// committedRow has the columns that do not apply if the files come from the commit.
var committedRow = map[string]string{"same commit, other content": "a commit has one content"}

// places are the rows of the table. Unless a row differs, the job uses actions/checkout with
// fetch-depth: 0, and has the default GitHub token.
var places = []place{
	{name: "tracked folder", deploy: func(c *cell, b build) outcome {
		w := c.at(filepath.Join(c.t.TempDir(), "workspace"), b)
		c.filled(filepath.Join(w, "public"), b)
		return c.action(w, b.commit, map[string]string{"directory": "public"}, nil)
	}},
	{name: "built folder, ignored", deploy: func(c *cell, b build) outcome {
		w := c.at(filepath.Join(c.t.TempDir(), "workspace"), b)
		c.filled(filepath.Join(w, "dist"), b)
		return c.action(w, b.commit, map[string]string{"directory": "dist"}, nil)
	}},
	{name: "artifact", deploy: func(c *cell, b build) outcome {
		return c.artifact(b, nil)
	}},
	{name: "artifact below a home directory of dotfiles", deploy: func(c *cell, b build) outcome {
		home := c.dotfiles()
		w := c.dir(home, "work", "workspace")
		c.filled(filepath.Join(w, "public"), b)
		return c.action(w, b.commit, nil, nil)
	}},
	{name: "checkout with path, tracked", deploy: func(c *cell, b build) outcome {
		w := c.dir(c.t.TempDir(), "workspace")
		c.filled(filepath.Join(c.at(filepath.Join(w, "site"), b), "public"), b)
		return c.action(w, b.commit, map[string]string{"directory": "site/public"}, nil)
	}},
	{name: "checkout with path, as a commit", skipped: committedRow, deploy: func(c *cell, b build) outcome {
		w := c.dir(c.t.TempDir(), "workspace")
		c.at(filepath.Join(w, "site"), b)
		return c.action(w, b.commit, map[string]string{"directory": "site/public", "source": "commit"}, nil)
	}},
	{name: "checkout with path, built", deploy: func(c *cell, b build) outcome {
		w := c.dir(c.t.TempDir(), "workspace")
		c.filled(filepath.Join(c.at(filepath.Join(w, "site"), b), "dist"), b)
		return c.action(w, b.commit, map[string]string{"directory": "site/dist"}, nil)
	}},
	{name: "checkout with path, as the working directory", deploy: func(c *cell, b build) outcome {
		w := c.dir(c.t.TempDir(), "workspace")
		c.filled(filepath.Join(c.at(filepath.Join(w, "site"), b), "dist"), b)
		return c.action(w, b.commit, map[string]string{"working-directory": "site", "directory": "dist"}, nil)
	}},
	{name: "submodule", deploy: func(c *cell, b build) outcome {
		w := c.at(filepath.Join(c.t.TempDir(), "workspace"), b)
		folder := filepath.Join(w, "pages")
		c.filled(folder, b)
		c.dir(w, ".git", "modules")
		c.git(folder, "init", "-q", "--separate-git-dir", filepath.Join(w, ".git", "modules", "pages"))
		c.git(folder, "remote", "add", "origin", "https://github.com/someone/pages")
		c.git(folder, "add", "-A")
		c.git(folder, "commit", "-q", "-m", "of the submodule")
		return c.action(w, b.commit, map[string]string{"directory": "pages"}, nil)
	}},
	{name: "work tree of gh-pages", deploy: func(c *cell, b build) outcome {
		w := c.at(filepath.Join(c.t.TempDir(), "workspace"), b)
		folder := filepath.Join(w, "dist")
		c.git(w, "worktree", "add", "-q", "--detach", "--no-checkout", folder)
		c.git(folder, "symbolic-ref", "HEAD", "refs/heads/gh-pages")
		c.git(folder, "read-tree", "--empty")
		c.filled(folder, b)
		c.git(folder, "add", "-A")
		c.git(folder, "commit", "-q", "-m", "the built site")
		return c.action(w, b.commit, map[string]string{"directory": "dist"}, nil)
	}},
	{name: "project in a home directory of dotfiles", command: true, skipped: laptopRow,
		deploy: func(c *cell, b build) outcome {
			root := c.whole(filepath.Join(c.dotfiles(), "project"), b)
			c.filled(filepath.Join(root, "dist"), b)
			return c.kvSync(root, "dist")
		}},
	{name: "clone of a fork", command: true, skipped: laptopRow, deploy: func(c *cell, b build) outcome {
		root := c.whole(filepath.Join(c.t.TempDir(), "clone"), b)
		c.filled(filepath.Join(root, "public"), b)
		if b.nth == 0 { // the first deploy is from the original repository
			return c.action(root, b.commit, map[string]string{"directory": "public"}, nil)
		}
		c.git(root, "remote", "set-url", "origin", "git@github.com:mona/site.git")
		c.git(root, "remote", "add", "upstream", "https://github.com/Someone/Site.git")
		return c.kvSync(root, "public")
	}},
	{name: "renamed repository", deploy: func(c *cell, b build) outcome {
		w := c.at(filepath.Join(c.t.TempDir(), "workspace"), b)
		c.filled(filepath.Join(w, "dist"), b)
		env := map[string]string{"GITHUB_REPOSITORY": "someone/site"}
		if b.nth > 0 {
			env["GITHUB_REPOSITORY"] = "another/name"
			c.git(w, "remote", "set-url", "origin", "https://github.com/another/name")
		}
		return c.action(w, b.commit, map[string]string{"directory": "dist"}, env)
	}},
	{name: "workflow_run, artifact", deploy: func(c *cell, b build) outcome {
		// GITHUB_SHA is the tip of the default branch.
		return c.artifact(b, workflowRun(b, map[string]string{"GITHUB_SHA": c.commits["revert"]}))
	}},
	{name: "workflow_run, artifact beside the default branch", deploy: func(c *cell, b build) outcome {
		// Without ref, actions/checkout takes the default branch, which is newer than the artifact.
		tip := c.commits["revert"]
		w := c.at(filepath.Join(c.t.TempDir(), "workspace"), build{commit: tip})
		c.filled(filepath.Join(w, "dist"), b)
		return c.action(w, b.commit, map[string]string{"directory": "dist"},
			workflowRun(b, map[string]string{"GITHUB_SHA": tip}))
	}},
	{name: "workflow_run, checkout of its commit", deploy: func(c *cell, b build) outcome {
		w := c.at(filepath.Join(c.t.TempDir(), "workspace"), b)
		c.filled(filepath.Join(w, "dist"), b)
		return c.action(w, b.commit, map[string]string{"directory": "dist"},
			workflowRun(b, map[string]string{"GITHUB_SHA": c.commits["revert"]}))
	}},
	{name: "merged pull request, checkout", deploy: func(c *cell, b build) outcome {
		w := c.at(filepath.Join(c.t.TempDir(), "workspace"), b)
		c.filled(filepath.Join(w, "public"), b)
		return c.action(w, b.commit, map[string]string{"directory": "public"}, merged(b))
	}},
	{name: "merged pull request, artifact", deploy: func(c *cell, b build) outcome {
		env := merged(b)
		env["GITHUB_SHA"] = strings.Repeat("2", 40) // GitHub's test merge, which no branch contains
		return c.artifact(b, env)
	}},
	{name: "shallow clone, tracked", deploy: func(c *cell, b build) outcome {
		c.depth = 1
		w := c.at(filepath.Join(c.t.TempDir(), "workspace"), b)
		c.filled(filepath.Join(w, "public"), b)
		return c.action(w, b.commit, map[string]string{"directory": "public"}, nil)
	}},
	{name: "shallow clone, built", deploy: func(c *cell, b build) outcome {
		c.depth = 1
		w := c.at(filepath.Join(c.t.TempDir(), "workspace"), b)
		c.filled(filepath.Join(w, "dist"), b)
		return c.action(w, b.commit, map[string]string{"directory": "dist"}, nil)
	}},
	{name: "whole history without GitHub", unpushed: true, deploy: func(c *cell, b build) outcome {
		w := c.whole(filepath.Join(c.t.TempDir(), "workspace"), b)
		c.filled(filepath.Join(w, "dist"), b)
		return c.action(w, b.commit, map[string]string{"directory": "dist", "github-token": ""}, nil)
	}},
	{name: "shallow clone without GitHub", unordered: true,
		skipped: map[string]string{"run again after a rollback": noSecondDeploy,
			"revert, then the reverted commit": "the order of the revert is not known"},
		deploy: func(c *cell, b build) outcome {
			c.depth = 1
			w := c.at(filepath.Join(c.t.TempDir(), "workspace"), b)
			c.filled(filepath.Join(w, "dist"), b)
			return c.action(w, b.commit, map[string]string{"directory": "dist", "github-token": ""}, nil)
		}},
	{name: "artifact without GitHub", unordered: true,
		skipped: map[string]string{"run again after a rollback": noSecondDeploy,
			"revert, then the reverted commit": "the order of the revert is not known"},
		deploy: func(c *cell, b build) outcome {
			w := c.dir(c.t.TempDir(), "workspace")
			c.filled(filepath.Join(w, "public"), b)
			return c.action(w, b.commit, map[string]string{"github-token": ""}, nil)
		}},
	{name: "one site of several", deploy: func(c *cell, b build) outcome {
		w := c.at(filepath.Join(c.t.TempDir(), "workspace"), b)
		c.filled(filepath.Join(w, "apps/a/public"), b)
		return c.action(w, b.commit, map[string]string{"working-directory": "apps/a"}, nil)
	}},
}

// artifact deploys a downloaded artifact from a job without a checkout.
func (c *cell) artifact(b build, env map[string]string) outcome {
	c.t.Helper()
	w := c.dir(c.t.TempDir(), "workspace")
	c.filled(filepath.Join(w, "public"), b)
	return c.action(w, b.commit, nil, env)
}

// dotfiles makes a home directory that is a git repository.
func (c *cell) dotfiles() string {
	c.t.Helper()
	home := c.t.TempDir()
	write(c.t, filepath.Join(home, ".bashrc"), []byte("# mine\n"))
	give(c.t, home)
	c.git(home, "init", "-q")
	c.git(home, "remote", "add", "origin", "https://github.com/mona/dotfiles")
	c.git(home, "add", ".bashrc")
	c.git(home, "commit", "-q", "-m", "my files")
	return home
}

func workflowRun(b build, env map[string]string) map[string]string {
	all := on("workflow_run",
		`{"repository":{"full_name":"someone/site","id":7},`+
			`"workflow_run":{"event":"push","head_sha":"`+b.commit+`","head_repository":{"full_name":"someone/site","id":7}}}`)
	for name, v := range env {
		all[name] = v
	}
	return all
}

func merged(b build) map[string]string {
	return on("pull_request",
		`{"action":"closed","repository":{"full_name":"someone/site","id":7},`+
			`"pull_request":{"merged":true,"merge_commit_sha":"`+b.commit+`","head":{"repo":{"full_name":"someone/site"}}}}`)
}
