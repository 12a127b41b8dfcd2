package workerlog

import (
	_ "embed" // the tail Worker
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/kv-sync/kv-sync/internal/workerd"
)

// Receiver receives the reports of tail Workers, over a socket that only this user can open. Its
// methods are safe for concurrent use.
type Receiver struct {
	dir  string
	http *http.Server

	mu        sync.Mutex
	processes map[string]*Process
	added     int
}

// headerProcess is the header with the id of a process. The configuration of the process adds it,
// so a Worker cannot set it.
const headerProcess = "X-Workerlog-Process"

// maxReport is the largest size of a report. It is about the limit that workerd has for the events
// of a tail Worker.
const maxReport = 1 << 20

// Listen returns a receiver that listens. The caller closes it.
func Listen() (*Receiver, error) {
	dir, err := os.MkdirTemp("", "kv-sync-")
	if err != nil {
		return nil, err
	}
	r := &Receiver{dir: dir, processes: map[string]*Process{}}
	listener, err := net.Listen("unix", r.socket())
	if err != nil {
		_ = os.RemoveAll(dir) // the listener's error is more useful
		return nil, err
	}
	r.http = &http.Server{Handler: r, ReadHeaderTimeout: 30 * time.Second}
	go r.http.Serve(listener) //nolint:errcheck // it returns when Close closes it
	return r, nil
}

func (r *Receiver) socket() string { return filepath.Join(r.dir, "log.sock") }

// Close stops listening.
func (r *Receiver) Close() {
	_ = r.http.Close()
	_ = os.RemoveAll(r.dir)
}

// Add makes the receiver pass reports to a process, and returns the id of the process.
func (r *Receiver) Add(p *Process) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.added++
	id := strconv.Itoa(r.added)
	r.processes[id] = p
	return id
}

// Remove forgets a process that has ended.
func (r *Receiver) Remove(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.processes, id)
}

// ServeHTTP handles a report.
func (r *Receiver) ServeHTTP(_ http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	p := r.processes[req.Header.Get(headerProcess)]
	r.mu.Unlock()
	var e event
	if p != nil && json.NewDecoder(io.LimitReader(req.Body, maxReport)).Decode(&e) == nil {
		p.report(e)
	}
}

//go:embed tail.mjs
var tail []byte

const tailService = "kv-sync-log"

// Services returns the configuration of the tail Worker's services for the process with this id. It
// adds the tail Worker's module to files.
func (r *Receiver) Services(id string, files map[string][]byte) []string {
	files[tailService+".mjs"] = tail
	receiver := fmt.Sprintf(`external = (address = %s, http = (injectRequestHeaders = [(name = %q, value = %q)]))`,
		workerd.Quote("unix:"+r.socket()), headerProcess, id)
	worker := fmt.Sprintf(`worker = (modules = [(name = "main", esModule = embed "%s.mjs")], `+
		`compatibilityDate = "2026-10-01", bindings = [(name = "LOG", service = "%s-receiver")])`, tailService, tailService)
	return []string{
		fmt.Sprintf(`(name = "%s-receiver", %s)`, tailService, receiver),
		fmt.Sprintf(`(name = %q, %s)`, tailService, worker),
	}
}

// Tails returns the part of a Worker's configuration with which the tail Worker reports the
// exceptions of that Worker. With console, it also reports its output.
func Tails(service string, console bool) string {
	props := fmt.Sprintf(`{"service": %q, "console": %t}`, service, console)
	return fmt.Sprintf("streamingTails = [(name = %q, props = (json = %s))]", tailService, workerd.Quote(props))
}
