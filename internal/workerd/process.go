package workerd

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
)

// Config is the configuration of one process.
type Config struct {
	// Capnp is the text of the configuration. It may embed Files by name, and
	// names its sockets "unix:<name>" relative to the process's own folder.
	Capnp string
	// Files are written beside the configuration, by name.
	Files map[string][]byte
	// Sockets are the names of the sockets that Start waits for.
	Sockets []string
	// Experimental allows workerd's experimental features: worker loaders and assets
	// services. It also allows experimental compatibility flags, which Cloudflare
	// refuses. So set it only if necessary.
	Experimental bool
	// Log gets the output of the process after its start. Nil discards it.
	Log io.Writer
}

// Process is a running workerd. Its methods are safe for concurrent use.
type Process struct {
	dir  string
	cmd  *exec.Cmd
	out  *output
	done chan struct{}
	err  error // why it ended; valid after done
}

// ConfigError is returned by Start when workerd refuses the configuration or a
// Worker throws while it starts. Its text is workerd's own.
type ConfigError struct{ Output string }

func (e *ConfigError) Error() string { return "workerd: " + e.Output }

// Start runs the workerd at path. It returns when every socket of the configuration
// listens, after the top-level code of each Worker has run.
func Start(ctx context.Context, path string, config Config) (*Process, error) {
	// Sockets are files in this folder. Other users cannot reach them, and their paths
	// are shorter than the limit of 104 bytes.
	dir, err := os.MkdirTemp("", "kv-sync-")
	if err != nil {
		return nil, fmt.Errorf("start workerd: %w", err)
	}
	p, err := start(ctx, path, dir, config)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return p, nil
}

func start(ctx context.Context, path, dir string, config Config) (*Process, error) {
	for name, content := range config.Files {
		if !filepath.IsLocal(name) {
			return nil, fmt.Errorf("start workerd: the file name %q leaves its folder", name)
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return nil, fmt.Errorf("start workerd: %w", err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "config.capnp"), []byte(config.Capnp), 0o600); err != nil {
		return nil, fmt.Errorf("start workerd: %w", err)
	}
	control, theirs, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start workerd: %w", err)
	}
	defer control.Close() //nolint:errcheck // only read

	p := &Process{dir: dir, out: &output{}, done: make(chan struct{})}
	// The process outlives ctx, which limits only the start.
	args := []string{"serve", "config.capnp", "--control-fd=3"}
	if config.Experimental {
		args = append(args, "--experimental")
	}
	p.cmd = exec.Command(path, args...)
	p.cmd.Dir = dir
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir()} // none of our tokens
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	p.cmd.ExtraFiles = []*os.File{theirs}
	p.cmd.WaitDelay = 5 * time.Second
	if err := p.spawn(); err != nil {
		return nil, errors.Join(fmt.Errorf("start workerd: %w", err), theirs.Close())
	}
	_ = theirs.Close()

	listening := make(chan bool, 1)
	go func() { listening <- awaitSockets(control, config.Sockets) }()
	select {
	case ok := <-listening:
		if ok {
			p.out.forward(config.Log)
			return p, nil
		}
		p.Stop() // it closed its control pipe, so it ends
		return nil, &ConfigError{Output: p.out.text()}
	case <-ctx.Done():
		p.Stop()
		return nil, fmt.Errorf("start workerd: %w", context.Cause(ctx))
	}
}

// spawn starts the process from a goroutine that keeps its thread until the process has
// ended, because for Linux the parent is the thread.
func (p *Process) spawn() error {
	p.cmd.SysProcAttr = dieWithParent()
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := p.cmd.Start(); err != nil {
			started <- err
			return
		}
		release := watchParent(p.cmd.Process.Pid)
		started <- nil
		p.err = p.cmd.Wait()
		release()
		close(p.done)
	}()
	return <-started
}

// awaitSockets reads workerd's control messages until each socket listens. It reports false
// if the process ends before that.
func awaitSockets(control io.Reader, sockets []string) bool {
	waiting := make(map[string]bool, len(sockets))
	for _, name := range sockets {
		waiting[name] = true
	}
	lines := bufio.NewScanner(control)
	for len(waiting) > 0 && lines.Scan() {
		var message struct{ Event, Socket string }
		if json.Unmarshal(lines.Bytes(), &message) == nil && message.Event == "listen" {
			delete(waiting, message.Socket)
		}
	}
	return len(waiting) == 0
}

// Dial connects to the socket whose address in the configuration is "unix:" + file.
func (p *Process) Dial(ctx context.Context, file string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", filepath.Join(p.dir, file))
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Stop ends the process and removes its folder. It may be called more than once.
func (p *Process) Stop() {
	_ = p.cmd.Process.Kill() // it needs no clean-up; SQLite recovers
	<-p.done
	_ = os.RemoveAll(p.dir)
}

// output buffers what a process prints during its start, then passes it on.
type output struct {
	mu     sync.Mutex
	early  bytes.Buffer
	to     io.Writer
	passed bool
}

// maxEarly limits the memory for the output of one Worker.
const maxEarly = 64 << 10

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case !o.passed:
		o.early.Write(p[:min(len(p), maxEarly-o.early.Len())])
	case o.to != nil:
		_, _ = o.to.Write(p) // a failing log must not stop the Worker
	}
	return len(p), nil
}

func (o *output) forward(to io.Writer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.to, o.passed = to, true
	if to != nil {
		_, _ = to.Write(o.early.Bytes())
	}
	o.early = bytes.Buffer{}
}

func (o *output) text() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.TrimSpace(o.early.String())
}
