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
	// Capnp is the text of the configuration. It may embed Files by name. The addresses of its
	// sockets are "unix:<name>", relative to the folder of the process.
	Capnp string
	// Files are the files in the folder of the process by name.
	Files map[string][]byte
	// Sockets are the names of the sockets that Start waits for.
	Sockets []string
	// Experimental allows workerd's experimental features: worker loaders and assets services.
	// It also allows experimental compatibility flags, which Cloudflare refuses. So set it only
	// for these features.
	Experimental bool
	// Log gets the output of the process. If it is nil, the output is discarded.
	Log io.Writer
}

// Process is a running workerd. Its methods are safe for concurrent use.
type Process struct {
	dir  string
	cmd  *exec.Cmd
	out  *output
	done chan struct{}
}

// ConfigError is returned by Start if workerd refuses the configuration or a Worker throws an
// exception at its start. Output is the output of workerd.
type ConfigError struct{ Output string }

func (e *ConfigError) Error() string { return "workerd: " + e.Output }

// Start runs the workerd at path. It returns when every socket of the configuration
// listens, after the top-level code of each Worker has run.
func Start(ctx context.Context, path string, config Config) (*Process, error) {
	// The folder has the Unix sockets. Other users cannot open them, and the paths are shorter
	// than the systems' limit of 104 bytes.
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
			return nil, fmt.Errorf("start workerd: the file name %q is not in the folder of the process", name)
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return nil, fmt.Errorf("start workerd: %w", err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "config.capnp"), []byte(config.Capnp), 0o600); err != nil {
		return nil, fmt.Errorf("start workerd: %w", err)
	}
	controlReader, controlWriter, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start workerd: %w", err)
	}
	defer controlReader.Close() //nolint:errcheck // only read

	p := &Process{dir: dir, out: &output{}, done: make(chan struct{})}
	// ctx is only for the start, so the process is not started with it.
	args := []string{"serve", "config.capnp", "--control-fd=3"}
	if config.Experimental {
		args = append(args, "--experimental")
	}
	p.cmd = exec.Command(path, args...)
	p.cmd.Dir = dir
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir()} // no tokens
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	p.cmd.ExtraFiles = []*os.File{controlWriter}
	p.cmd.WaitDelay = 5 * time.Second
	if err := p.spawn(); err != nil {
		return nil, errors.Join(fmt.Errorf("start workerd: %w", err), controlWriter.Close())
	}
	_ = controlWriter.Close()

	listening := make(chan bool, 1)
	go func() { listening <- awaitSockets(controlReader, config.Sockets) }()
	select {
	case ok := <-listening:
		if ok {
			p.out.forward(config.Log)
			return p, nil
		}
		p.Stop() // the process has closed its control pipe, so it is ending
		return nil, &ConfigError{Output: p.out.text()}
	case <-ctx.Done():
		p.Stop()
		return nil, fmt.Errorf("start workerd: %w", context.Cause(ctx))
	}
}

// spawn starts the process from a goroutine that is locked to its thread until the process has
// ended. Linux kills the process when the thread that started it ends.
func (p *Process) spawn() error {
	p.cmd.SysProcAttr = killWithParent()
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := p.cmd.Start(); err != nil {
			started <- err
			return
		}
		stopGuard := startGuard(p.cmd.Process.Pid)
		started <- nil
		_ = p.cmd.Wait() // the exit code says nothing that the output does not
		stopGuard()
		close(p.done)
	}()
	return <-started
}

// awaitSockets reads workerd's control messages until each socket listens. It returns false if
// the process ends before.
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
	_ = p.cmd.Process.Kill() // workerd needs no clean-up; its SQLite databases recover from a kill
	<-p.done
	_ = os.RemoveAll(p.dir)
}

// output buffers the output of a process until forward is called, and then writes it to a log.
type output struct {
	mu        sync.Mutex
	buffer    bytes.Buffer
	log       io.Writer
	forwarded bool // forward was called
}

// maxBuffer is the largest size of output.buffer.
const maxBuffer = 64 << 10

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case !o.forwarded:
		o.buffer.Write(p[:min(len(p), maxBuffer-o.buffer.Len())])
	case o.log != nil:
		_, _ = o.log.Write(p) // an error of the log must not stop the Worker
	}
	return len(p), nil
}

// forward writes the buffered and the later output to log, or discards it if log is nil.
func (o *output) forward(log io.Writer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.log, o.forwarded = log, true
	if log != nil {
		_, _ = log.Write(o.buffer.Bytes())
	}
	o.buffer = bytes.Buffer{}
}

func (o *output) text() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.TrimSpace(o.buffer.String())
}
