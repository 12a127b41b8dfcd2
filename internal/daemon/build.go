package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/build"
	kvsync "github.com/kv-sync/kv-sync/sync"
)

// errOvertaken ends a build whose commit nobody wants any more.
var errOvertaken = errors.New("a newer commit was pushed while this one was being built")

// patience is how many builds in a row may be ended for a newer commit: where
// people push faster than it builds, one is let through.
const patience = 2

// build checks a commit out, builds it, and deploys what came out.
func (l *lane) build(ctx context.Context, commit string, opt kvsync.Options) (*kvsync.Result, error) {
	tree := filepath.Join(l.dir, "tree")
	if err := l.mirror.checkout(ctx, commit, tree); err != nil {
		return nil, err
	}
	log, err := openBuildLog(filepath.Join(l.dir, "build.log"), l.d.redact)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	in := l.inputs("")
	in.Root, in.Boundary, in.BuiltFrom = filepath.Join(tree, filepath.FromSlash(l.site.Root)), tree, commit
	in.Builds, in.BuildConfined, in.BuildOutput, in.BuildTimeout = true, true, log, time.Duration(l.site.BuildTimeout)
	home := filepath.Join(l.dir, "home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, fmt.Errorf("make a home for the build: %w", err)
	}
	in.BuildEnv, in.Secrets, in.AfterBuild = l.buildEnviron(home), l.d.secrets, l.mirror.restore
	// Git may be at work in another site's mirror meanwhile: what it runs for a setting
	// there would be no process of the build.
	in.BuildGuarded, in.BuildWritable = l.d.cfg.State, []string{tree, home}
	in.Getenv = func(name string) string {
		if name == "GIT_WORK_TREE" {
			return tree
		}
		return l.getenv(name)
	}
	if err := inside(tree, in.Root); err != nil {
		return nil, &app.UsageError{Err: fmt.Errorf("root %s: %w", l.site.Root, err), Fix: "name a folder of the repository, as root in the daemon's configuration"}
	}
	byIndex, err := l.compile(ctx, in, commit)
	if err == nil {
		if byIndex && l.site.Build.Line != "" {
			getenv := in.Getenv
			in.Getenv = func(name string) string { // the code is built after the files are up
				if name == "KV_SYNC_BUILD" {
					return l.site.Build.Line
				}
				return getenv(name)
			}
		}
		l.enter(PhaseDeploy, "")
		var res *kvsync.Result
		if res, err = l.with(ctx, in, func(site *app.Site) (*kvsync.Result, error) { return site.Deploy(ctx, opt) }); err == nil {
			return res, nil
		}
	}
	if failed := (*build.Error)(nil); errors.As(err, &failed) && ctx.Err() == nil {
		return nil, &app.UsageError{Err: fmt.Errorf("%w; mend it and push; the end of its output:\n%s", failed, log.tail())}
	}
	return nil, err
}

// compile runs the build, but in the layout kv-assets, whose deploy does, and
// reports whether it is that.
func (l *lane) compile(ctx context.Context, in app.Inputs, commit string) (byIndex bool, err error) {
	in.DeployedOnly = true // what is to be published is not there yet
	site, err := app.Open(ctx, in)
	if err != nil {
		return false, err
	}
	defer site.Close()
	if site.Layout().Compiled {
		return true, nil
	}
	watched, stop := l.overtaking(ctx, commit)
	defer stop()
	err = site.Build(watched, l.site.Build.Line)
	if cause := context.Cause(watched); err != nil && errors.Is(cause, errOvertaken) {
		return false, cause
	}
	return false, err
}

// overtaking is a context that ends when the branch is at another commit: when
// somebody pushes, that is asked beside the build.
func (l *lane) overtaking(ctx context.Context, commit string) (context.Context, func()) {
	watched, cancel := context.WithCancelCause(ctx)
	var asking sync.WaitGroup
	if l.overtaken < patience {
		asking.Go(func() { l.overtake(watched, commit, cancel) })
	}
	return watched, func() {
		cancel(nil)
		asking.Wait()
		if errors.Is(context.Cause(watched), errOvertaken) {
			l.overtaken++
		} else {
			l.overtaken = 0
		}
	}
}

func (l *lane) overtake(ctx context.Context, commit string, cancel context.CancelCauseFunc) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.wake: // the wish stays
		}
		at, err := l.mirror.look(ctx, l.site.Branch)
		if err == nil && at.commit != commit {
			l.wish(func(w *wishes) { w.ask("push", false) })
			cancel(errOvertaken)
			return
		}
	}
}

// done is the result of a run that was interrupted, or whose outcome nobody could
// tell, if it did make the commit live: builds need not give the same twice, and a
// commit is not to be deployed twice.
func (l *lane) done(ctx context.Context, commit string, before state) (*kvsync.Result, error) {
	if before.Config != l.fingerprint || len(before.Runs) == 0 {
		return nil, nil
	}
	if last := before.Runs[0]; last.Commit != commit || last.Outcome != OutcomeInterrupted && last.Outcome != OutcomeFailed {
		return nil, nil
	}
	list, err := l.history(ctx)
	if err != nil || len(list) == 0 || list[0].Commit != commit || list[0].Rollback {
		return nil, err
	}
	return &kvsync.Result{Deployment: list[0].ID, Version: list[0].Version, Commit: commit}, nil
}

// notForBuilds are variables that speak for the daemon, or lead to its home, its keys,
// and services that start processes for its user.
var notForBuilds = []string{
	"HOME", "SSH_AUTH_SOCK", "SSH_AGENT_PID", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS",
	"NOTIFY_SOCKET", "STATE_DIRECTORY", "CACHE_DIRECTORY", "CREDENTIALS_DIRECTORY",
}

// buildEnviron is the daemon's environment, without what points git elsewhere, and
// with a home of the site's own: what a build writes there the daemon's git does
// not read. Package build takes credentials out.
func (l *lane) buildEnviron(home string) []string {
	var out []string
	for _, pair := range l.d.opt.Environ {
		name, _, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, "GIT_") && !slices.Contains(notForBuilds, name) {
			out = append(out, pair)
		}
	}
	return append(out, "HOME="+home, "CI=true")
}

// inside is an error where a folder is not there, or a symlink leads out of the
// work tree.
func inside(tree, dir string) error {
	top, err := filepath.EvalSymlinks(tree)
	if err != nil {
		return err
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return errors.New("the commit has no such folder")
	}
	if rel, err := filepath.Rel(top, real); err != nil || !filepath.IsLocal(rel) {
		return errors.New("it leads out of the repository")
	}
	return nil
}

// Bounds of a build's log: its beginning is kept, and its end.
const (
	logHead = 1 << 20
	logTail = 256 << 10
)

// buildLog is the file that a build's output goes to.
type buildLog struct {
	mu     sync.Mutex
	file   *os.File
	redact func(string) string
	line   []byte // the beginning of a line whose end has not come
	wrote  int64
	left   int64  // bytes that were left out
	end    []byte // the last that came
}

func openBuildLog(name string, redact func(string) string) (*buildLog, error) {
	if err := onlyFile(name); err != nil {
		return nil, fmt.Errorf("open the build's log: %w", err)
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the build's log: %w", err)
	}
	return &buildLog{file: f, redact: redact}, nil
}

var _ io.Writer = (*buildLog)(nil)

// longestLine is what a line may have before it is written in parts.
const longestLine = 64 << 10

// Write takes all that comes: a full disk does not end a build. It is noted by
// lines, for a secret that comes in two parts is known in neither.
func (b *buildLog) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.line = append(b.line, p...)
	whole := bytes.LastIndexByte(b.line, '\n') + 1
	if len(b.line)-whole > longestLine {
		whole = len(b.line)
	}
	b.note(b.line[:whole])
	b.line = append(b.line[:0], b.line[whole:]...)
	return len(p), nil
}

func (b *buildLog) note(p []byte) {
	text := []byte(b.redact(string(p)))
	if room := logHead - b.wrote; room > 0 {
		head := text[:min(int64(len(text)), room)]
		n, _ := b.file.Write(head)
		b.wrote += int64(n)
		b.left -= int64(n)
	}
	b.left += int64(len(text))
	b.end = append(b.end, text...)
	if len(b.end) > 2*logTail {
		b.end = append([]byte(nil), b.end[len(b.end)-logTail:]...)
	}
}

// flush notes a last line without an end.
func (b *buildLog) flush() {
	b.note(b.line)
	b.line = nil
}

// Close writes the end of what had no room.
func (b *buildLog) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.flush()
	if b.left > 0 {
		end := b.end[max(0, int64(len(b.end))-min(b.left, logTail)):]
		if out := b.left - int64(len(end)); out > 0 {
			fmt.Fprintf(b.file, "\n… %d bytes are left out here …\n", out)
		}
		_, _ = b.file.Write(end)
	}
	return b.file.Close()
}

// tail is the end of the output, as it is shown with a problem.
func (b *buildLog) tail() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.flush()
	const most, lines = 2 << 10, 15
	text := string(b.end[max(0, len(b.end)-most):])
	parts := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(parts[max(0, len(parts)-lines):], "\n")
}
