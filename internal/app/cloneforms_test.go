package app_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// cloned is a clone that a form made, and what a deploy from it publishes.
type cloned struct {
	// dir is the project's folder, chdir the process's current folder; "" keeps it.
	dir, chdir string
	env        map[string]string
	// bare reports whether there is no work tree, so the commit has to be named.
	bare bool
	// site is the published folder on disk; "" means dir/public.
	site string
	// want are the files of the commit; nil means those of origin.
	want files
	// commit is checked out; "" means the commit of origin.
	commit string
	// partial reports whether a sparse checkout leaves out files of the site.
	partial bool
	// directory is the option --dir.
	directory string
}

// form is a form of clone.
type form struct {
	name string
	make func(o repo) cloned
	// alone are words of the error without the git command; nil if the clone can be read
	// without it.
	alone []string
	// refused are words of the error with the git command; nil if there is none.
	refused []string
}

// originOf makes the repository of which all others are clones. It has three commits, so that
// its pack has deltas.
func originOf(t *testing.T, args ...string) repo {
	t.Helper()
	o := newRepo(t, args...)
	line := func(i int) string { return strings.Repeat(fmt.Sprintf("a line of many, the %dth\n", i), 40) }
	for i := range 3 {
		text := ""
		for j := range 8 + i {
			text += line(j)
		}
		o.write("kv-sync.toml", "directory = \"public\"\n")
		o.write("public/index.html", fmt.Sprintf("<h1>state %d</h1>", i))
		o.write("public/long.txt", text)
		o.write("public/deep/page.html", "<p>page")
		o.write("public/deep/er/style.css", fmt.Sprintf("p { margin: %dpx }", i))
		o.write("public/other/x.txt", "x")
		o.write("docs/readme.md", "read me")
		o.commit(fmt.Sprint("state ", i))
	}
	o.git("branch", "side", "HEAD~1")
	return o
}

func clone(o repo, args ...string) repo {
	o.Helper()
	o.git(append(append([]string{"clone", "-q"}, args...), "file://"+o.dir, "../clone")...)
	return o.at("../clone")
}

func plainly(args ...string) func(o repo) cloned {
	return func(o repo) cloned { return cloned{dir: clone(o, args...).dir} }
}

// within makes a clone and then does something in it.
func within(do func(r repo) cloned, args ...string) func(o repo) cloned {
	return func(o repo) cloned {
		r := clone(o, args...)
		c := do(r)
		if c.dir == "" {
			c.dir = r.dir
		}
		return c
	}
}

// run runs commands of git in a clone.
func run(commands ...string) func(r repo) cloned {
	return func(r repo) cloned {
		for _, c := range commands {
			r.git(strings.Fields(c)...)
		}
		return cloned{}
	}
}

var wholeClone = []string{"partial clone", "`filter`", "`sparse-checkout`", "actions/checkout", "install git"}

var forms = []form{
	{name: "plain", make: plainly()},
	{name: "depth 1", make: plainly("--depth=1")},
	{name: "depth 1, deepened", make: within(run("fetch -q --deepen=1"), "--depth=1")},
	{name: "single branch", make: plainly("--single-branch")},
	{name: "mirror without --bare's work tree", make: func(o repo) cloned {
		return cloned{dir: clone(o, "--mirror").dir, bare: true}
	}},
	{name: "bare", make: func(o repo) cloned { return cloned{dir: clone(o, "--bare").dir, bare: true} }},
	{name: "bare, inside of a work tree", make: func(o repo) cloned {
		o.git("init", "-q", "../outer")
		o.git("clone", "-q", "--bare", o.dir, "../outer/inner.git")
		return cloned{dir: o.path("../outer/inner.git"), bare: true}
	}},
	{name: "bare by its config alone", make: within(func(r repo) cloned {
		r.git("config", "core.bare", "true")
		return cloned{bare: true}
	}, "--no-checkout")},
	{name: "worktree of a bare repository", make: within(func(r repo) cloned {
		r.git("worktree", "add", "-q", "../linked", "main")
		return cloned{dir: r.path("../linked")}
	}, "--bare")},
	{name: "blobless", make: plainly("--filter=blob:none"), alone: wholeClone},
	{name: "blobless, nothing checked out", make: func(o repo) cloned {
		return cloned{dir: clone(o, "--filter=blob:none", "--bare").dir, bare: true}
	}, alone: wholeClone},
	{name: "treeless", make: plainly("--filter=tree:0"), alone: wholeClone},
	{name: "treeless of depth 1", make: plainly("--filter=tree:0", "--depth=1"), alone: wholeClone},
	{name: "blobless, its remote offline", make: within(func(r repo) cloned {
		r.git("remote", "set-url", "origin", "file://"+r.path("../gone"))
		return cloned{bare: true}
	}, "--filter=blob:none", "--bare"), alone: wholeClone,
		refused: []string{"promisor remote", "the remote can be reached"}},
	{name: "as actions/checkout makes a sparse one", make: within(func(r repo) cloned {
		r.git("sparse-checkout", "set", "public/deep")
		r.git("checkout", "-q", "main")
		return cloned{partial: true}
	}, "--filter=blob:none", "--no-checkout", "--depth=1"), alone: wholeClone},

	{name: "sparse cone with the site", make: within(run("sparse-checkout set --cone public"))},
	{name: "sparse cone without the site", make: within(func(r repo) cloned {
		r.git("sparse-checkout", "set", "--cone", "docs")
		return cloned{partial: true}
	})},
	{name: "sparse cone with a part of the site", make: within(func(r repo) cloned {
		r.git("sparse-checkout", "set", "--cone", "public/deep")
		return cloned{partial: true}
	})},
	{name: "sparse patterns with the site", make: within(func(r repo) cloned {
		r.git("sparse-checkout", "set", "--no-cone", "/public/")
		return cloned{directory: "public"}
	})},
	{name: "sparse patterns without the site", make: within(func(r repo) cloned {
		r.git("sparse-checkout", "set", "--no-cone", "/docs/", "/kv-sync.toml")
		return cloned{partial: true}
	})},
	{name: "sparse index with the site", make: within(run("sparse-checkout set --cone --sparse-index public"))},
	{name: "sparse index with a part of the site", make: within(func(r repo) cloned {
		r.git("sparse-checkout", "set", "--cone", "--sparse-index", "public/deep/er")
		return cloned{partial: true}
	})},
	{name: "sparse index without the site", make: within(func(r repo) cloned {
		r.git("sparse-checkout", "set", "--cone", "--sparse-index", "docs")
		return cloned{partial: true}
	})},

	{name: "linked worktree", make: within(func(r repo) cloned {
		r.git("worktree", "add", "-q", "../linked", "-b", "topic", "main")
		r.git("checkout", "-q", "side") // the main work tree has another commit
		return cloned{dir: r.path("../linked")}
	})},
	{name: "linked worktree with its own config", make: within(func(r repo) cloned {
		r.git("config", "extensions.worktreeConfig", "true")
		r.git("worktree", "add", "-q", "../linked", "-b", "topic", "main")
		r.at("../linked").git("sparse-checkout", "set", "--cone", "public")
		return cloned{dir: r.path("../linked")}
	})},
	{name: "linked worktree, relative by hand", make: within(func(r repo) cloned {
		// As git 2.48 writes it with worktree.useRelativePaths.
		r.git("worktree", "add", "-q", "../linked", "-b", "topic", "main")
		r.write("../linked/.git", "gitdir: ../clone/.git/worktrees/linked\n")
		r.write(".git/worktrees/linked/gitdir", "../../../../linked/.git\n")
		r.git("config", "core.repositoryFormatVersion", "1")
		r.git("config", "extensions.relativeWorktrees", "true")
		return cloned{dir: r.path("../linked")}
	})},

	{name: "shared", make: plainlyLocal("--shared")},
	{name: "shared by a shared one", make: func(o repo) cloned {
		o.git("clone", "-q", "--shared", o.dir, "../first")
		o.git("clone", "-q", "--shared", "../first", "../clone")
		return cloned{dir: o.path("../clone")}
	}},
	{name: "shared by a shared one, relative", make: func(o repo) cloned {
		o.git("clone", "-q", "--shared", o.dir, "../first")
		o.git("clone", "-q", "--shared", "../first", "../clone")
		o.write("../first/.git/objects/info/alternates", "../../../origin/.git/objects\n")
		o.write("../clone/.git/objects/info/alternates", "../../../first/.git/objects\n")
		return cloned{dir: o.path("../clone")}
	}},
	{name: "reference", make: func(o repo) cloned {
		o.git("clone", "-q", "--bare", o.dir, "../cache.git")
		o.git("clone", "-q", "--reference", "../cache.git", "file://"+o.dir, "../clone")
		return cloned{dir: o.path("../clone")}
	}},

	{name: "inside of a submodule", make: func(o repo) cloned {
		o.git("init", "-q", "-b", "main", "../super")
		s := o.at("../super")
		s.git("submodule", "add", "-q", "file://"+o.dir, "modules/site")
		s.commit("with a submodule")
		return cloned{dir: s.path("modules/site")}
	}},
	{name: "with a submodule in the site that is not checked out", make: within(func(r repo) cloned {
		r.git("clone", "-q", "--bare", r.path("../origin"), "../library.git")
		r.git("submodule", "add", "-q", "file://"+r.path("../library.git"), "public/library")
		id := r.commit("with a submodule")
		r.git("submodule", "deinit", "-q", "-f", "public/library")
		return cloned{commit: id}
	})},
	{name: "separate git directory", make: func(o repo) cloned {
		o.git("clone", "-q", "--separate-git-dir", o.path("../elsewhere.git"), o.dir, "../clone")
		return cloned{dir: o.path("../clone")}
	}},

	{name: "packed refs", make: within(run("pack-refs --all"))},
	{name: "packed refs, detached", make: within(run("pack-refs --all", "checkout -q --detach"))},
	{name: "loose objects alone", make: within(func(r repo) cloned {
		packs, err := filepath.Glob(r.path(".git/objects/pack/*.pack"))
		if err != nil || len(packs) != 1 {
			r.Fatal(packs, err)
		}
		r.move(".git/objects/pack/"+filepath.Base(packs[0]), "../all.pack")
		r.remove(".git/objects/pack")
		r.git("init", "-q")
		unpack(r, r.path("../all.pack"))
		return cloned{}
	})},
	{name: "packed and loose", make: within(func(r repo) cloned {
		r.write("public/index.html", "<h1>loose</h1>")
		id := r.commit("loose")
		return cloned{commit: id, want: siteIn(r.T, r.path("public"))}
	})},
	{name: "multi-pack-index, bitmaps, reverse index, commit-graph", make: within(func(r repo) cloned {
		r.git("config", "pack.writeReverseIndex", "true")
		r.git("repack", "-q", "-adb")
		r.write("public/new.html", "new")
		id := r.commit("another pack")
		r.git("repack", "-q", "-d")
		r.git("multi-pack-index", "write", "--bitmap")
		r.git("commit-graph", "write", "--reachable", "--changed-paths")
		return cloned{commit: id, want: siteIn(r.T, r.path("public"))}
	})},
	{name: "objects by ref deltas", make: within(run("-c repack.useDeltaBaseOffset=false repack -q -adf --depth=50"))},

	{name: "split index", make: within(func(r repo) cloned {
		r.git("config", "core.splitIndex", "true")
		r.git("config", "splitIndex.maxPercentChange", "100")
		r.git("update-index", "--split-index")
		r.write("public/index.html", "<h1>replaced in the split index</h1>")
		r.write("public/added.txt", "added")
		r.remove("public/other")
		return cloned{commit: r.commit("split"), want: siteIn(r.T, r.path("public"))}
	})},
	{name: "index version 4", make: within(run("update-index --index-version 4"))},
	{name: "index version 4, split", make: within(run("update-index --index-version 4", "update-index --split-index"))},
	{name: "untracked cache", make: within(run("update-index --force-untracked-cache", "status"))},
	{name: "fsmonitor", make: within(func(r repo) cloned {
		r.write(".git/monitor", "#!/bin/sh\nprintf 'token\\000/\\000'\n")
		if err := os.Chmod(r.path(".git/monitor"), 0o755); err != nil {
			r.Fatal(err)
		}
		r.git("config", "core.fsmonitor", ".git/monitor")
		r.git("update-index", "--fsmonitor")
		r.git("status")
		return cloned{}
	})},

	{name: "GIT_DIR, relative", make: within(func(r repo) cloned {
		r.move(".git", "moved.git")
		r.write("moved.git/info/exclude", "/moved.git/\n")
		return cloned{chdir: r.dir, env: map[string]string{"GIT_DIR": "moved.git"}}
	})},
	{name: "GIT_DIR as git sets it in a bare repository's hook", make: within(func(r repo) cloned {
		return cloned{chdir: r.dir, bare: true, env: map[string]string{"GIT_DIR": "."}}
	}, "--bare")},
	{name: "GIT_DIR and GIT_WORK_TREE", make: within(func(r repo) cloned {
		if err := os.Mkdir(r.path("../tree"), 0o755); err != nil {
			r.Fatal(err)
		}
		r.git("--work-tree=../tree", "checkout", "-q", "-f", "main")
		return cloned{dir: r.path("../tree"), env: map[string]string{"GIT_DIR": r.dir, "GIT_WORK_TREE": r.path("../tree")}}
	}, "--bare")},
	{name: "core.worktree", make: within(func(r repo) cloned {
		r.move(".git", "../apart.git")
		r.at("../apart.git").git("config", "core.worktree", "../clone")
		return cloned{dir: r.path("docs"), directory: "../public", site: r.path("public"),
			env: map[string]string{"GIT_DIR": r.path("../apart.git")}}
	})},
	{name: "GIT_COMMON_DIR", make: within(func(r repo) cloned {
		r.git("worktree", "add", "-q", "../linked", "-b", "topic", "main")
		return cloned{dir: r.path("../linked"), chdir: r.path("../linked"), env: map[string]string{
			"GIT_DIR": r.path(".git/worktrees/linked"), "GIT_COMMON_DIR": r.path(".git")}}
	})},
	{name: "GIT_INDEX_FILE", make: within(func(r repo) cloned {
		r.move(".git/index", "../index")
		r.git("read-tree", "origin/side") // the default index is that of another commit
		return cloned{env: map[string]string{"GIT_INDEX_FILE": r.path("../index")}}
	})},
	{name: "GIT_OBJECT_DIRECTORY", make: within(func(r repo) cloned {
		r.move(".git/objects", "../store")
		return cloned{env: map[string]string{"GIT_OBJECT_DIRECTORY": r.path("../store")}}
	})},
	{name: "GIT_ALTERNATE_OBJECT_DIRECTORIES", make: within(func(r repo) cloned {
		r.move(".git/objects", "../store")
		r.write("../other/pack/none", "")
		r.git("init", "-q")
		return cloned{env: map[string]string{"GIT_ALTERNATE_OBJECT_DIRECTORIES": r.path("../other") + ":" +
			r.path("../store")}}
	})},
	{name: "GIT_CEILING_DIRECTORIES above", make: func(o repo) cloned {
		return cloned{dir: clone(o).dir, env: map[string]string{"GIT_CEILING_DIRECTORIES": o.path("..")}}
	}},
	{name: "GIT_CEILING_DIRECTORIES between", make: func(o repo) cloned {
		c := clone(o)
		return cloned{dir: c.path("docs"), directory: "../public", env: map[string]string{"GIT_CEILING_DIRECTORIES": c.dir}}
	}, alone: []string{"no git repository"}, refused: []string{"no git repository"}},

	{name: "detached", make: within(run("checkout -q --detach"))},
	{name: "unborn branch", make: within(run("checkout -q --orphan fresh")),
		alone: []string{"the branch fresh has no commit yet"}, refused: []string{"the branch fresh has no commit yet"}},
	{name: "replaced objects", make: within(func(r repo) cloned {
		// kv-sync reads the original objects, although git shows the replacements.
		was, other := r.git("rev-parse", "HEAD:public/index.html"), r.git("rev-parse", "HEAD~1:public/index.html")
		r.git("replace", was, other)
		r.git("replace", "--graft", "HEAD")
		return cloned{}
	})},
	{name: "replaced objects in a partial clone", make: within(func(r repo) cloned {
		r.git("replace", r.git("rev-parse", "HEAD:public/index.html"), r.git("rev-parse", "HEAD:public/long.txt"))
		return cloned{bare: true}
	}, "--filter=blob:none", "--bare"), alone: wholeClone},
	{name: "objects with ids of another hash beside", make: within(func(r repo) cloned {
		// As git 2.45 writes it with extensions.compatObjectFormat.
		r.git("config", "core.repositoryFormatVersion", "1")
		r.git("config", "extensions.compatObjectFormat", "sha256")
		return cloned{}
	})},
	{name: "SHA-256", make: func(o repo) cloned {
		other := originOf(o.T, "--object-format=sha256")
		return cloned{dir: clone(other).dir, commit: other.git("rev-parse", "HEAD")}
	}, alone: []string{"object format is SHA-256", "object format is SHA-1", "install git"}},
	{name: "SHA-256, sparse", make: func(o repo) cloned {
		other := originOf(o.T, "--object-format=sha256")
		r := clone(other)
		r.git("sparse-checkout", "set", "--cone", "docs")
		return cloned{dir: r.dir, partial: true, commit: other.git("rev-parse", "HEAD")}
	}, alone: []string{"object format is SHA-256"}},
}

func plainlyLocal(args ...string) func(o repo) cloned {
	return func(o repo) cloned {
		o.git(append(append([]string{"clone", "-q"}, args...), o.dir, "../clone")...)
		return cloned{dir: o.path("../clone")}
	}
}

// unpack turns a pack into loose objects.
func unpack(r repo, pack string) {
	r.Helper()
	f, err := os.Open(pack)
	if err != nil {
		r.Fatal(err)
	}
	defer f.Close()
	cmd := gitCommand(r.dir, "unpack-objects", "-q")
	cmd.Stdin = f
	if out, err := cmd.CombinedOutput(); err != nil {
		r.Fatalf("%v\n%s", err, out)
	}
}

// reftable and relativeWorktree are forms that need a newer git.
func reftable(t *testing.T) form {
	if !gitHas(t, 2, 45) {
		return form{name: "NOT TESTED with a real one: reftable, which this git cannot make"}
	}
	return form{name: "reftable", make: plainly("--ref-format=reftable"),
		alone: []string{"extensions.refStorage", "install git"}}
}

func relativeWorktree(t *testing.T) form {
	if !gitHas(t, 2, 48) {
		return form{name: "NOT TESTED with a real one: relative worktrees, which this git cannot make"}
	}
	return form{name: "linked worktree, relative", make: within(func(r repo) cloned {
		r.git("worktree", "add", "-q", "--relative-paths", "../linked", "-b", "topic", "main")
		return cloned{dir: r.path("../linked")}
	})}
}
