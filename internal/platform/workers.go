package platform

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kv-sync/kv-sync/internal/workerd"
)

// workers runs the deployed scripts. The first request for a script starts a process. Each
// later deployment replaces that process.
type workers struct {
	server *Server
	find   func() (string, error) // the workerd binary
	// checkLimit is how long a start check may take.
	checkLimit time.Duration

	// ready has the process of the last start check.
	ready ready

	refreshing sync.Mutex // serialises changes of processes

	mu      sync.Mutex
	sites   map[string]*site // by account/script
	retired sync.WaitGroup   // processes that finish their requests
	closed  bool
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

// open creates the site of a script. It uses the port of the earlier run if that is free.
// Server.mu is held.
func (w *workers) open(accountID string, sc *script) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := accountID + "/" + sc.Name
	if w.sites[at] != nil || w.closed {
		return nil
	}
	listener, err := listenLoopback(fmt.Sprintf("127.0.0.1:%d", sc.Port))
	if err != nil && sc.Port != 0 {
		w.log("%s: port %d is taken, using another: %v", sc.Name, sc.Port, err)
		sc.Port = 0
		listener, err = listenLoopback("127.0.0.1:0")
	}
	if err != nil {
		return fmt.Errorf("open the site of %s: %w", sc.Name, err)
	}
	st := &site{workers: w, account: accountID, script: sc.Name}
	st.http = &http.Server{Handler: st, ReadHeaderTimeout: 30 * time.Second}
	go st.http.Serve(listener) //nolint:errcheck // it returns when remove or close closes it
	if w.sites == nil {
		w.sites = map[string]*site{}
	}
	w.sites[at] = st
	if port := portOf(listener.Addr().String()); port != sc.Port {
		sc.Port = port
		if apiErr := w.server.save(accountID, sc); apiErr != nil {
			return apiErr
		}
	}
	return nil
}

func portOf(addr string) int {
	return positiveOr(addr[strings.LastIndexByte(addr, ':')+1:], 0)
}

// SiteURL returns the address of a script, without a slash at the end, or "" if
// there is no such script.
func (s *Server) SiteURL(script string) string { return s.SiteURLs()[script] }

// SiteURLs returns the address of every script. If two accounts have a script of the
// same name, it returns that of the first account.
func (s *Server) SiteURLs() map[string]string {
	ids := s.accountIDs()
	s.mu.Lock()
	defer s.mu.Unlock()
	urls := map[string]string{}
	for _, id := range ids {
		a := s.accounts[id]
		if a == nil {
			continue
		}
		for name, sc := range a.scripts {
			if urls[name] == "" {
				urls[name] = fmt.Sprintf("http://127.0.0.1:%d", sc.Port)
			}
		}
	}
	return urls
}

// activate makes the running processes serve the active deployments.
func (w *workers) activate(_ context.Context, accountID string) {
	w.refresh(accountID, "") //nolint:contextcheck // a switch continues when its request is cancelled
}

// refresh replaces outdated processes: those of the running scripts, and that of the script
// wanted, even if it does not run yet. When refresh returns, new requests get the active
// versions. A request cannot cancel it, because other requests wait for it, too.
func (w *workers) refresh(accountID, wanted string) {
	w.refreshing.Lock()
	defer w.refreshing.Unlock()
	sites := w.sitesOf(accountID)
	w.server.mu.Lock()
	var plans []*plan
	if a := w.server.accounts[accountID]; a != nil {
		plans = a.plans()
	}
	w.server.mu.Unlock()

	w.replace(slices.DeleteFunc(plans, func(p *plan) bool { return !w.outdated(p, sites, wanted) }), sites)
}

func (w *workers) sitesOf(accountID string) map[string]*site {
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
func (w *workers) outdated(p *plan, sites map[string]*site, wanted string) bool {
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

func (w *workers) start(p *plan) *running {
	ctx, cancel := context.WithTimeout(w.server.life, startLimit)
	defer cancel()
	process := w.ready.take(p.key(), w.server.options.Log)
	if process == nil {
		var err error
		if process, err = w.server.startGroup(ctx, p, w.server.objectsDir(p.account), w.server.options.Log); err != nil {
			w.log("%v", err)
			return &running{key: p.key(), err: err}
		}
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
func (w *workers) replace(plans []*plan, sites map[string]*site) {
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
			r.drain(w.server.life, holdLimit)
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
				cacheScope: m.versions[j].cacheScope(p.account, m.name)})
		}
		sites[m.name].use(r, routes)
	}
}

// used reports whether a site still sends requests to r.
func (w *workers) used(r *running) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, st := range w.sites {
		if st.running() == r {
			return true
		}
	}
	return false
}

func (w *workers) retire(r *running) {
	w.retired.Go(func() {
		r.drain(w.server.life, drainLimit)
		r.stop()
	})
}

// remove closes the site of a deleted script.
func (w *workers) remove(accountID, name string) {
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

// close closes every site and ends every process.
func (w *workers) close() {
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
}

// check starts the group of a draft's version. It returns an error if that fails, and
// otherwise the warnings in workerd's output. Durable Objects have an empty disk and are not
// called. A process without Durable Objects is kept for the switch.
func (w *workers) check(ctx context.Context, accountID string, d *draft) (warnings string, err error) {
	w.server.mu.Lock()
	trial := *d.script
	trial.Versions = append(trial.Versions[:len(trial.Versions):len(trial.Versions)], d.version)
	trial.Deployments = []*deployment{{Versions: []share{{d.version.ID, 100}}}}
	whole := &account{id: accountID, scripts: map[string]*script{trial.Name: &trial}}
	for name, other := range w.server.account(accountID).scripts {
		if name != trial.Name {
			whole.scripts[name] = d.withoutTransferred(other)
		}
	}
	plans := whole.plans()
	w.server.mu.Unlock()
	i := slices.IndexFunc(plans, func(p *plan) bool {
		return slices.ContainsFunc(p.members, func(m member) bool { return m.name == trial.Name })
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
	process, err := w.server.startGroup(ctx, plans[i], objects, log)
	var refused *workerd.ConfigError
	if errors.As(err, &refused) {
		return "", &workerd.ConfigError{Output: plans[i].withScriptNames(refused.Output, trial.Name)}
	}
	if err != nil {
		return "", err
	}
	if plans[i].stateful() { // the process has an empty disk, so the switch cannot use it
		process.Stop() // now its output is complete
		return log.text(), nil
	}
	w.ready.keep(&waiting{plans[i].key(), process, log})
	return "", nil // all warnings are about Durable Objects
}

// withScriptNames replaces the names of services in workerd's output by the names of scripts,
// and removes workerd's warnings.
func (p *plan) withScriptNames(output, script string) string {
	for i, m := range p.members {
		name := "the Worker " + m.name + ", which it is bound to: "
		if m.name == script {
			name = ""
		}
		for j := range m.versions {
			output = strings.ReplaceAll(output, "service "+serviceName(i, j)+": ", name)
		}
	}
	return strings.TrimSpace(warning.ReplaceAllString(output, ""))
}

var warning = regexp.MustCompile(`(?m)^workerd/\S+ warning: .*$`)
