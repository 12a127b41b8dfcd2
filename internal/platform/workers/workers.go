// Package workers runs the deployed scripts of the local platform in workerd. Each script has a
// site, a loopback port (site.go). It passes requests on to the active versions, which run in
// a group of workerd services (group.go).
package workers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kv-sync/kv-sync/internal/loopback"
	"github.com/kv-sync/kv-sync/internal/platform/edge"
	"github.com/kv-sync/kv-sync/internal/platform/scripts"
	"github.com/kv-sync/kv-sync/internal/workerd"
	"github.com/kv-sync/kv-sync/internal/workerlog"
)

// Workers runs the deployed scripts. The first request for a script starts a process. Each
// later deployment replaces that process.
type Workers struct {
	options Options
	store   *scripts.Store
	life    context.Context // ends with the platform
	// receiver takes what tail Workers report.
	receiver *workerlog.Receiver
	// checkLimit is how long a start check may take.
	checkLimit time.Duration

	// ready has the process of the last start check.
	ready ready

	refreshing sync.Mutex // serialises changes of processes
	listening  bool       // whether processes send the events of their Workers

	mu      sync.Mutex
	sites   map[string]*site // by account/script
	retired sync.WaitGroup   // processes that finish their requests
	closed  bool
}

// Options configure Workers.
type Options struct {
	// Find returns the path of the workerd binary.
	Find func() (string, error)
	// Edge serves the bindings of the Workers.
	Edge *edge.Edge
	// Log receives the output of Workers and messages of the platform.
	Log io.Writer
}

// New returns the runtime of a store. Processes end when life ends, or with Close.
func New(life context.Context, store *scripts.Store, options Options) (*Workers, error) {
	receiver, err := workerlog.Listen()
	if err != nil {
		return nil, err
	}
	return &Workers{options: options, store: store, life: life, receiver: receiver, checkLimit: checkLimit}, nil
}

// logf writes a line into the platform's log.
func (o Options) logf(format string, args ...any) {
	_, _ = io.WriteString(o.Log, fmt.Sprintf(format, args...)+"\n")
}

const (
	startLimit = 30 * time.Second
	checkLimit = 10 * time.Second
	// drainLimit is the time that a replaced process has to finish its requests.
	drainLimit = 30 * time.Second
	// holdLimit is the same for a process with Durable Objects. It is shorter, because new
	// requests wait for that process.
	holdLimit = 5 * time.Second
)

// Open creates the site of a script, and returns its port. It uses the given port if that is
// free.
func (w *Workers) Open(accountID, script string, port int) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := accountID + "/" + script
	if w.sites[at] != nil || w.closed {
		return port, nil
	}
	listener, err := loopback.Listen(fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil && port != 0 {
		w.options.logf("%s: port %d is taken, using another: %v", script, port, err)
		listener, err = loopback.Listen("127.0.0.1:0")
	}
	if err != nil {
		return 0, fmt.Errorf("open the site of %s: %w", script, err)
	}
	st := &site{workers: w, account: accountID, script: script}
	st.http = &http.Server{Handler: st, ReadHeaderTimeout: 30 * time.Second}
	go serve(listener, st.http) // it returns when Remove or Close closes the server
	if w.sites == nil {
		w.sites = map[string]*site{}
	}
	w.sites[at] = st
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// Available returns why workerd is missing, or nil.
func (w *Workers) Available() error {
	_, err := w.options.Find()
	return err
}

// Activate makes the running processes serve the active deployments. No request cancels it.
func (w *Workers) Activate(accountID string) { w.refresh(accountID, "") }

// refresh replaces outdated processes: those of the running scripts, and that of the script
// wanted, even if it does not run yet. When refresh returns, new requests get the active
// versions. A request cannot cancel it, because other requests wait for it, too.
func (w *Workers) refresh(accountID, wanted string) {
	w.refreshing.Lock()
	defer w.refreshing.Unlock()
	sites := w.sitesOf(accountID)
	var list []*plan
	w.store.View(accountID, func(a *scripts.Account) { list = plans(a) })
	w.replace(slices.DeleteFunc(list, func(p *plan) bool { return !w.outdated(p, sites, wanted) }), sites)
}

func (w *Workers) sitesOf(accountID string) map[string]*site {
	w.mu.Lock()
	defer w.mu.Unlock()
	sites := map[string]*site{}
	for at, st := range w.sites {
		if strings.HasPrefix(at, accountID+"/") {
			sites[st.script] = st
		}
	}
	return sites
}

// outdated reports whether a group needs a new process.
func (w *Workers) outdated(p *plan, sites map[string]*site, wanted string) bool {
	key, needed, current := p.key(), false, true
	for _, m := range p.members {
		st := sites[m.name]
		if st == nil {
			return false // the script is being removed
		}
		r := st.running()
		needed = needed || r != nil || m.name == wanted
		current = current && r != nil && r.key == key && !r.ended()
	}
	return needed && !current
}

// start starts the process of a group. w.refreshing is held.
func (w *Workers) start(p *plan) *running {
	ctx, cancel := context.WithTimeout(w.life, startLimit)
	defer cancel()
	process := w.ready.take(p.key(), w.options.Log)
	if process == nil {
		var err error
		if process, err = w.startGroup(ctx, p, w.store.ObjectsDir(p.account), w.options.Log); err != nil {
			w.options.logf("%v", err)
			return &running{key: p.key(), err: err}
		}
	}
	if w.listening {
		w.listenTo(process, true)
	}
	r := newRunning(p, process)
	if r.stateful {
		go w.restartAfter(p.account, process)
	}
	return r
}

// replace starts the processes of groups, makes the sites use them, and retires the old
// processes. Two processes must not have the same Durable Objects open, and a new process runs
// due alarms at once. So if there are Durable Objects, new requests wait, the old process ends,
// and only then the new one starts.
func (w *Workers) replace(plans []*plan, sites map[string]*site) {
	old, exclusive := map[*running]bool{}, false
	for _, p := range plans {
		exclusive = exclusive || p.stateful()
		for _, m := range p.members {
			if r := sites[m.name].running(); r != nil {
				old[r] = true
				exclusive = exclusive || r.stateful
			}
		}
	}
	if exclusive && len(old) > 0 {
		for _, st := range sites {
			st.hold()
			defer st.release()
		}
		for r := range old {
			r.drain(w.life, holdLimit)
			r.stop()
		}
	}
	started := make([]*running, len(plans)) // all processes start before the first site uses one
	for i, p := range plans {
		started[i] = w.start(p)
	}
	for i, p := range plans {
		p.route(started[i], sites)
	}
	for r := range old {
		if !w.used(r) {
			w.retire(r)
		}
	}
}

// route makes the sites of a group send new requests to r.
func (p *plan) route(r *running, sites map[string]*site) {
	for i, m := range p.members {
		var routes []siteRoute
		for j, share := range m.shares {
			routes = append(routes, siteRoute{socket: serviceName(i, j), share: share,
				cacheScope: m.versions[j].CacheScope(p.account, m.name)})
		}
		sites[m.name].use(r, routes)
	}
}

// used reports whether a site still sends requests to r.
func (w *Workers) used(r *running) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, st := range w.sites {
		if st.running() == r {
			return true
		}
	}
	return false
}

func (w *Workers) retire(r *running) {
	w.retired.Go(func() {
		r.drain(w.life, drainLimit)
		r.stop()
	})
}

// Remove closes the site of a deleted script.
func (w *Workers) Remove(accountID, name string) {
	w.mu.Lock()
	st := w.sites[accountID+"/"+name]
	delete(w.sites, accountID+"/"+name)
	w.mu.Unlock()
	if st == nil {
		return
	}
	_ = st.http.Close()
	w.refresh(accountID, "") // the other scripts of the group continue without it
	if r := st.running(); r != nil && !w.used(r) {
		w.retire(r)
	}
}

// Close closes every site and ends every process.
func (w *Workers) Close() {
	w.refreshing.Lock()
	defer w.refreshing.Unlock()
	w.mu.Lock()
	w.closed = true
	sites := w.sites
	w.sites = nil
	w.mu.Unlock()
	for _, st := range sites {
		_ = st.http.Close()
	}
	for _, st := range sites {
		if r := st.running(); r != nil {
			r.stop()
		}
	}
	w.ready.close()
	w.retired.Wait()
	w.receiver.Close()
}

// Check starts the group of a draft's version. It returns an error if that fails, and
// otherwise the warnings in workerd's output. Durable Objects have an empty disk and are not
// called. A process without Durable Objects is kept for the switch.
func (w *Workers) Check(ctx context.Context, accountID string, d *scripts.Draft) (warnings string, err error) {
	name, list := d.Name, w.trial(accountID, d)
	i := slices.IndexFunc(list, func(p *plan) bool {
		return slices.ContainsFunc(p.members, func(m member) bool { return m.name == name })
	})
	objects, err := os.MkdirTemp("", "kv-sync-check-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(objects) //nolint:errcheck // a leftover in a temporary folder is harmless
	log := &startLog{}
	ctx, cancel := context.WithTimeoutCause(ctx, w.checkLimit,
		&workerd.ConfigError{Output: "Script startup exceeded CPU time limit."})
	defer cancel()
	process, err := w.startGroup(ctx, list[i], objects, log)
	var refused *workerd.ConfigError
	if errors.As(err, &refused) {
		return "", &workerd.ConfigError{Output: list[i].withScriptNames(refused.Output, name)}
	}
	if err != nil {
		return "", err
	}
	if list[i].stateful() { // the process has an empty disk, so the switch cannot use it
		process.Stop() // now its output is complete
		return log.text(), nil
	}
	w.ready.keep(&waiting{list[i].key(), process, log})
	return "", nil // all warnings are about Durable Objects
}

// trial returns the groups of an account in which a draft's version is deployed.
func (w *Workers) trial(accountID string, d *scripts.Draft) (list []*plan) {
	w.store.View(accountID, func(a *scripts.Account) {
		sc := *d.Script
		sc.Versions = append(sc.Versions[:len(sc.Versions):len(sc.Versions)], d.Added)
		sc.Deployments = []*scripts.Deployment{{Versions: []scripts.Share{{Version: d.Added.ID, Percentage: 100}}}}
		whole := &scripts.Account{ID: accountID, Scripts: map[string]*scripts.Script{sc.Name: &sc}}
		for name, other := range a.Scripts {
			if name != sc.Name {
				whole.Scripts[name] = d.After(other)
			}
		}
		list = plans(whole)
	})
	return list
}

// withScriptNames replaces the names of services in workerd's output by the names of scripts.
func (p *plan) withScriptNames(output, script string) string {
	for i, m := range p.members {
		name := "the Worker " + m.name + ", which it is bound to: "
		if m.name == script {
			name = ""
		}
		for j := range m.versions {
			output = strings.ReplaceAll(output, "service "+serviceName(i, j)+": ", name)
			output = strings.ReplaceAll(output, strconv.Quote(serviceName(i, j)), strconv.Quote(m.name))
		}
	}
	return output
}
