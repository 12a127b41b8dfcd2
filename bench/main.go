// Command bench compares kv-sync with wrangler and with the floor, which is the least work that
// any tool must do. All tools deploy to a local platform in the same run. See docs/benchmarks.md.
//
//	make bench                      # everything, three runs
//	go run ./bench -runs 1 -only folder,floor
//	go run ./bench -write           # also put the tables into docs/benchmarks.md
//
// If a goal is missed, it prints the goal and exits with 1.
//
// The program starts its own binary in the roles of roles.go, for two reasons. First, the server
// runs in another process, so its CPU time and memory are not measured. Second, the process that
// starts the tools stays small. On Linux, the peak memory of a process is at least the memory of
// its parent at the start. So with a large parent, the peak memory of a small tool would be wrong.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	runs, files int
	only        []string
	latency     time.Duration
	command     string // the kv-sync binary
	write       bool
	doc         string
	profile     string
}

func (o options) wants(name string) bool { return len(o.only) == 0 || slices.Contains(o.only, name) }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := start(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func start(ctx context.Context, args []string, out io.Writer) error {
	if len(args) > 0 {
		if role, ok := roles[args[0]]; ok {
			return role(ctx, args[1:])
		}
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	if o.profile != "" {
		return profile(ctx, o, out)
	}
	return run(ctx, o, out)
}

func parse(args []string) (options, error) {
	var o options
	var only string
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.IntVar(&o.runs, "runs", 3, "the number of runs; the tables show medians")
	f.IntVar(&o.files, "files", 10_000, "the number of files of the site")
	f.StringVar(&only, "only", "", "measure only these, separated by commas: "+strings.Join(names(), ", "))
	f.DurationVar(&o.latency, "latency", 50*time.Millisecond, "the latency that the server adds to every request")
	f.StringVar(&o.command, "kv-sync", filepath.Join("bin", "kv-sync"), "the binary to measure")
	f.BoolVar(&o.write, "write", false, "write the tables into the file of -doc")
	f.StringVar(&o.doc, "doc", filepath.Join("docs", "benchmarks.md"), "the document for -write")
	f.StringVar(&o.profile, "profile", "",
		"instead of measuring, write CPU, allocation and execution profiles of kv-sync's deploys into this `folder`")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unknown argument %q", f.Arg(0))
	}
	if o.runs < 1 || o.files < minFiles {
		return o, fmt.Errorf("-runs must be at least 1, -files at least %d", minFiles)
	}
	if only != "" {
		o.only = strings.Split(only, ",")
	}
	for _, name := range o.only {
		if !slices.Contains(names(), name) {
			return o, fmt.Errorf("-only %q: unknown name; use %s", name, strings.Join(names(), ", "))
		}
	}
	var err error
	o.command, err = filepath.Abs(o.command)
	return o, err
}

// run makes all measurements and compares them with the goals.
func run(ctx context.Context, o options, out io.Writer) error {
	work, err := os.MkdirTemp("", "kv-sync-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work) //nolint:errcheck // a leftover in a temporary folder is harmless
	b := &bench{options: o, work: work, out: out}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	r := newResults(b)
	for n := range o.runs {
		if err := b.round(ctx, n, r); err != nil {
			return fmt.Errorf("run %d: %w", n+1, err)
		}
	}
	if o.wants(brokenName) {
		if r.outages, err = b.outages(ctx); err != nil {
			return fmt.Errorf("watch a site during deploys: %w", err)
		}
	}
	goals := r.judge()
	text := r.tables() + goals.table()
	fmt.Fprintf(out, "\n%s", text)
	if o.write {
		if err := writeInto(o.doc, text); err != nil {
			return err
		}
	}
	return goals.missed()
}

// bench is one run of the benchmark.
type bench struct {
	options
	work  string
	out   io.Writer
	site  *site
	tools []*tool
	// watched are the tools whose outages are measured.
	watched []*tool
	modules string // the folder node_modules with wrangler, or "" if no tool needs wrangler
	size    sizes
}

// prepare installs the tools and creates the site.
func (b *bench) prepare(ctx context.Context) (err error) {
	if _, err := os.Stat(b.command); err != nil {
		return fmt.Errorf("find the kv-sync binary: %w; run make build", err)
	}
	b.say("creating the site of %d files", b.files)
	if b.site, err = openSite(ctx, b.files); err != nil {
		return err
	}
	if b.tools, err = b.choose(ctx); err != nil {
		return err
	}
	return b.measureSizes()
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.out, "%s  %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}

// round measures every scenario of every tool once, on a new server. In each scenario it runs one
// tool after the other, so that a slow phase of the machine affects all tools.
func (b *bench) round(ctx context.Context, n int, r *results) (err error) {
	s, err := startServer(ctx, b.work, b.latency)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	workspaces := make([]*workspace, len(b.tools))
	for i, t := range b.tools {
		if workspaces[i], err = b.workspace(t, s, fmt.Sprintf("%d-%s", n, t.name)); err != nil {
			return err
		}
	}
	for step, sc := range scenarios {
		if err := b.site.show(sc.revision); err != nil {
			return err
		}
		// The order alternates, because it may affect the times.
		order := slices.Clone(workspaces)
		if (n+step)%2 == 1 {
			slices.Reverse(order)
		}
		for _, ws := range order {
			if step > 0 && ws.tool.firstOnly {
				continue
			}
			got, err := ws.deploy(ctx, sc.revision)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", ws.tool.title, sc.name, err)
			}
			b.say("run %d  %-16s  %-32s  %s", n+1, sc.name, ws.tool.title, got)
			r.add(ws.tool, step, got)
		}
	}
	return b.site.show(0)
}
