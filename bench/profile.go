package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/platform"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// profile deploys every scenario with kv-sync's engine, each in a process of its own. It writes
// profiles of each deploy for go tool pprof and go tool trace.
func profile(ctx context.Context, o options, out io.Writer) (err error) {
	folder, err := filepath.Abs(o.profile)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "kv-sync-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work) //nolint:errcheck // a leftover in a temporary folder is harmless
	s, err := openSite(ctx, o.files)
	if err != nil {
		return err
	}
	server, err := startServer(ctx, work, o.latency)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop(), s.show(0)) }()
	for _, name := range []string{folderName, freshName, commitName} {
		t := &tool{name: name, title: "kv-sync, " + name, emptyCache: name != folderName}
		ws, err := newWorkspace(t, server, s, o.command, filepath.Join(work, name))
		if err != nil {
			return err
		}
		for step, sc := range scenarios {
			prefix := filepath.Join(folder, fmt.Sprintf("%s-%d", name, step))
			t.command = profiled(prefix)
			if err := s.show(sc.revision); err != nil {
				return err
			}
			got, err := ws.deploy(ctx, sc.revision)
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "%-16s  %-16s  %s  %s.*\n", sc.name, t.title, got, prefix)
			if err := server.writeTimeline(ctx, prefix+".requests"); err != nil {
				return err
			}
		}
	}
	return nil
}

// profiled returns a [tool.command] that runs onceRole. The names of the profiles begin with prefix.
func profiled(prefix string) func(context.Context, *workspace, int) (*exec.Cmd, error) {
	return func(ctx context.Context, s *workspace, revision int) (*exec.Cmd, error) {
		args := []string{"-profile", prefix, "-name", s.script, "-root", s.site.dir}
		if s.tool.name == commitName {
			args = append(args, "-source", "commit", "-commit", s.site.Commits[revision])
		} else {
			args = append(args, "-source", "folder")
		}
		cmd, err := self(ctx, "once", args...)
		if err != nil {
			return nil, err
		}
		cmd.Env = append(s.environment(), "GOMEMLIMIT=96MiB") // kv-sync sets the same limit
		return cmd, nil
	}
}

// onceRole makes one deploy and profiles it.
func onceRole(ctx context.Context, args []string) (err error) {
	f := flag.NewFlagSet("once", flag.ContinueOnError)
	prefix := f.String("profile", "", "")
	in := app.Inputs{Directory: "public"}
	f.StringVar(&in.Name, "name", "", "")
	f.StringVar(&in.Root, "root", "", "")
	f.StringVar(&in.Source, "source", "", "")
	f.StringVar(&in.Commit, "commit", "", "")
	if err := f.Parse(args); err != nil {
		return err
	}
	runtime.MemProfileRate = 16 << 10
	cpu, err := os.Create(*prefix + ".cpu.pprof")
	if err != nil {
		return err
	}
	events, err := os.Create(*prefix + ".trace")
	if err != nil {
		return err
	}
	runtime.SetCPUProfileRate(250) // the highest rate on Linux, because most deploys take only 0.1 s
	if err := errors.Join(pprof.StartCPUProfile(cpu), trace.Start(events)); err != nil {
		return err
	}
	defer func() {
		pprof.StopCPUProfile()
		trace.Stop()
		err = errors.Join(err, cpu.Close(), events.Close(), writeAllocations(*prefix+".allocs.pprof"))
	}()
	site, err := app.Open(ctx, in)
	if err != nil {
		return err
	}
	_, err = site.Deploy(ctx, plan.Options{})
	return errors.Join(err, site.Close())
}

func writeAllocations(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup("allocs").WriteTo(f, 0), f.Close())
}

// writeTimeline writes the time and the duration of each request of a deploy.
func (s *server) writeTimeline(ctx context.Context, path string) error {
	sent, err := s.requests(ctx)
	if err != nil || len(sent) == 0 {
		return err
	}
	slices.SortFunc(sent, func(a, b platform.Request) int { return a.Time.Compare(b.Time) })
	var text strings.Builder
	for _, r := range sent {
		fmt.Fprintf(&text, "%8s +%-8s %-28s %9d bytes in, %d\n", milliseconds(r.Time.Sub(sent[0].Time)),
			milliseconds(r.Duration), r.Kind, r.BytesIn, r.Status)
	}
	return os.WriteFile(path, []byte(text.String()), 0o644)
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}
