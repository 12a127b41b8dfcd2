package main

import (
	"bytes"
	"context"
	"flag"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"github.com/kv-sync/kv-sync/internal/app/local"
	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
)

var (
	buildFrameworks = flag.Bool("frameworks", false,
		"build the projects of testdata/frameworks from their packages, and do not use the recordings")
	recordFrameworks = flag.Bool("record", false, "with -frameworks: write the recordings")
)

// kv-sync deploy deploys the output of a framework unchanged. Each request gets the same answer as
// from the site that wrangler deploys from the same folder, except for the differences that
// docs/serving.md lists. After a build without a change, a deploy uploads only what the generator
// changed.
func TestFrameworks(t *testing.T) {
	for _, f := range frameworks(t) {
		if f.about["recorded"] == "no" && !*buildFrameworks {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			p := &project{t: t, f: f, cache: t.TempDir()}
			if *buildFrameworks {
				p.root = filepath.Join(os.TempDir(), "kv-sync-frameworks", f.name)
				p.build()
			} else {
				t.Parallel()
				p.root = filepath.Join(t.TempDir(), f.name)
				f.clone(t, p.root)
				f.unpack(t, p.root)
			}
			p.compare()
			p.again()
		})
	}
}

// docs/frameworks.md has a row for each project, with the folder that is published.
func TestFrameworksAreDocumented(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "frameworks.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range frameworks(t) {
		if row := "\n| " + f.title + " | `" + f.about["assets"] + "`"; !strings.Contains(string(doc), row) {
			t.Errorf("docs/frameworks.md has no row %q", row)
		}
	}
}

// The recordings must be small, because they are in every clone of the repository.
func TestRecordingsAreSmall(t *testing.T) {
	const most = 300 << 10
	names, err := filepath.Glob(filepath.Join(frameworksDir, "*.tgz"))
	if err != nil {
		t.Fatal(err)
	}
	var all int64
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		all += info.Size()
	}
	if all > most {
		t.Errorf("the recordings have %d bytes, at most %d", all, most)
	}
}

// project is a built project that is deployed.
type project struct {
	t           *testing.T
	f           *framework
	root, cache string
}

// compare deploys the project with kv-sync and with wrangler, each to a platform of its own, and
// compares the answers.
func (p *project) compare() {
	t := p.t
	t.Helper()
	platform, err := local.Start(t.Context(), local.Options{CacheDir: p.cache, Project: p.root, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := platform.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	start := time.Now()
	report := p.deploy()
	ours := time.Since(start)

	theirs, took := p.deployWithWrangler()
	files := p.assets()
	c := &crawl{t: t, ours: report.Get("url").String(), theirs: theirs, lostPage: files["404.html"],
		statuses: map[int]int{}}
	for _, path := range paths(slices.Collect(maps.Keys(files)), p.f.words("paths")) {
		c.visit(path)
	}
	t.Logf("%d files, %d requests (%v), %d differ; kv-sync %.1f s, wrangler %.1f s", len(files), c.asked,
		c.statuses, len(c.differences), ours.Seconds(), took.Seconds())
	if n := len(c.differences); n > 0 {
		t.Errorf("%d of %d requests differ\n%s", n, c.asked, strings.Join(c.differences[:min(n, 20)], "\n"))
	}
}

// deploy runs kv-sync deploy --local and returns its report. If the project needs further
// arguments, deploy checks that a deploy without them fails and names them.
func (p *project) deploy() gjson.Result {
	t := p.t
	t.Helper()
	more := p.f.words("deploy")
	if len(more) > 0 {
		if _, stderr, err := p.kvSync("deploy", "--local"); err == nil || !strings.Contains(stderr, p.f.about["deploy"]) {
			t.Errorf("without %q: %v\n%s", more, err, stderr)
		}
	}
	out, stderr, err := p.kvSync(append([]string{"deploy", "--local", "--json"}, more...)...)
	t.Logf("%s", stderr)
	if err != nil {
		t.Fatalf("kv-sync deploy: %v\n%s%s", err, stderr, out)
	}
	return gjson.Parse(out)
}

// kvSync runs the command in the project.
func (p *project) kvSync(args ...string) (stdout, stderr string, err error) {
	p.t.Helper()
	cmd := exec.CommandContext(p.t.Context(), "kv-sync", args...)
	cmd.Dir = p.root
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+p.cache)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// deployWithWrangler deploys with wrangler. It returns the address of the site, and how long the
// deploy took.
func (p *project) deployWithWrangler() (address string, took time.Duration) {
	t := p.t
	t.Helper()
	wrangler, err := platformtest.InstallWrangler(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f := platformtest.Start(t)
	args := []string{"deploy"}
	if config := p.f.about["wrangler"]; config != "" {
		file := filepath.Join(p.root, ".wrangler", "oracle", "wrangler.json")
		write(t, file, config)
		args = append(args, "--config", file)
	}
	start := time.Now()
	out, err := f.Run(t.Context(), wrangler, p.root, args...)
	if err != nil {
		t.Fatal(err)
	}
	took = time.Since(start)
	for script := range f.Server.SiteURLs() {
		address = f.SiteURL(script)
	}
	if address == "" {
		t.Fatalf("wrangler deployed nothing: %s", out)
	}
	return address, took
}

// build installs the packages and builds the site, in an empty folder.
func (p *project) build() {
	t := p.t
	t.Helper()
	if err := os.RemoveAll(p.root); err != nil {
		t.Fatal(err)
	}
	p.f.clone(t, p.root)
	p.run("install")
	p.run("build")
	if *recordFrameworks && p.f.about["recorded"] != "no" {
		p.f.record(t, p.root)
	}
}

// run runs a command of the project, with the node that wrangler needs.
func (p *project) run(key string) {
	t := p.t
	t.Helper()
	wrangler, err := platformtest.InstallWrangler(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", p.f.about[key])
	cmd.Dir = p.root
	cmd.Env = append(os.Environ(), wrangler.Path(), "CI=1",
		"ASTRO_TELEMETRY_DISABLED=1", "NEXT_TELEMETRY_DISABLED=1", "NUXT_TELEMETRY_DISABLED=1",
		"WRANGLER_SEND_METRICS=false", "DO_NOT_TRACK=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", p.f.about[key], err, out)
	}
}

// again builds the site without a change, deploys it again, and checks that only the files that
// the generator changed are uploaded, and each new content once.
func (p *project) again() {
	t := p.t
	t.Helper()
	before := p.assets()
	if *buildFrameworks {
		for _, top := range p.f.words("output") {
			if err := os.RemoveAll(filepath.Join(p.root, filepath.FromSlash(top))); err != nil {
				t.Fatal(err)
			}
		}
		p.run("build")
	} else {
		p.f.unpack(t, p.root)
	}
	changed, blobs := changes(before, p.assets())
	report := p.deploy()
	var uploaded []string
	for _, kind := range []string{"added", "changed"} {
		for _, asset := range report.Get("plan." + kind).Array() {
			uploaded = append(uploaded, asset.Get("path").String())
		}
	}
	slices.Sort(uploaded)
	t.Logf("a build without a change: the generator changed %q, with %d new contents; the Worker changed: %v", changed,
		blobs, report.Get("plan.worker_changed"))
	if !slices.Equal(changed, uploaded) || report.Get("plan.blobs").Int() != int64(blobs) {
		t.Errorf("uploaded %q in %v blobs", uploaded, report.Get("plan.blobs"))
	}
	if !*buildFrameworks && !report.Get("no_change").Bool() {
		t.Errorf("the same output was deployed again: %s", report)
	}
}

// changes returns the paths of the files that are new or have another content, and the number of
// contents that no file had before.
func changes(before, after map[string]string) (paths []string, contents int) {
	known := map[string]bool{}
	for _, content := range before {
		known[content] = true
	}
	for name, content := range after {
		if before[name] != content {
			paths = append(paths, "/"+name)
		}
		if !known[content] {
			known[content] = true
			contents++
		}
	}
	slices.Sort(paths)
	return paths, contents
}

// assets returns the files of the site's folder and their contents.
func (p *project) assets() map[string]string {
	p.t.Helper()
	dir := filepath.Join(p.root, filepath.FromSlash(p.f.about["assets"]))
	files := map[string]string{}
	for _, name := range filesBelow(p.t, dir, ".") {
		b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			p.t.Fatal(err)
		}
		files[name] = string(b)
	}
	return files
}
