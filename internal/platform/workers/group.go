package workers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sort"
	"strings"

	"github.com/kv-sync/kv-sync/internal/platform/edge"
	"github.com/kv-sync/kv-sync/internal/platform/scripts"
	"github.com/kv-sync/kv-sync/internal/platform/standin"
	"github.com/kv-sync/kv-sync/internal/workerd"
	"github.com/kv-sync/kv-sync/internal/workerlog"
)

// A group is the set of scripts that one workerd process serves. Scripts that bindings
// connect are in one group, because workerd can bind services and Durable Objects only
// within one process.

// member is a script of a group. It is a copy from the time when the group was planned.
type member struct {
	name     string
	classes  map[string]scripts.Class
	versions []*scripts.Version // of the active deployment
	shares   []float64          // the versions' shares of the traffic, in percent
}

// plan describes a group. Its members are sorted by name.
type plan struct {
	account string
	members []member
}

// key identifies the configuration of a process. If a plan has the same key as a running
// process, no new process is needed.
func (p *plan) key() string {
	var b strings.Builder
	for _, m := range p.members {
		b.WriteString(m.name)
		for i, v := range m.versions {
			fmt.Fprintf(&b, " %s=%g", v.ID, m.shares[i])
		}
		// A transfer changes the classes without a new version.
		for _, name := range slices.Sorted(maps.Keys(m.classes)) {
			fmt.Fprintf(&b, " %s:%s", name, m.classes[name].Namespace)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// stateful reports whether the group has Durable Objects, databases or queues. Then two of its
// processes must not run at the same time.
func (p *plan) stateful() bool {
	return slices.ContainsFunc(p.members, func(m member) bool { return len(m.classes) > 0 || len(m.shared()) > 0 })
}

// shared returns the names of the databases and queues that the versions have bindings to.
func (m member) shared() []string {
	var names []string
	for _, v := range m.versions {
		for _, b := range v.Bindings {
			if name := standIn(b).Shared(); name != "" {
				names = append(names, name)
			}
		}
	}
	return names
}

// boundScripts returns the names of the scripts that a version has bindings to. The store is locked.
func boundScripts(a *scripts.Account, v *scripts.Version) []string {
	var names []string
	for _, b := range v.Bindings {
		switch b.Text("type") {
		case "service":
			names = append(names, b.Text("service"))
		case "durable_object_namespace":
			if owner, _ := a.Owner(b.Text("namespace_id")); owner != nil {
				names = append(names, owner.Name)
			}
		}
	}
	return names
}

// plans divides the deployed scripts of an account into groups. The store is locked.
func plans(a *scripts.Account) []*plan {
	members := map[string]member{}
	links := map[string][]string{}
	link := func(a, b string) { links[a], links[b] = append(links[a], b), append(links[b], a) }
	for name, sc := range a.Scripts {
		d := sc.Active()
		if d == nil {
			continue
		}
		m := member{name: name, classes: sc.Classes}
		for _, s := range d.Versions {
			m.versions, m.shares = append(m.versions, sc.Version(s.Version)), append(m.shares, s.Percentage)
		}
		members[name] = m
		for _, v := range m.versions {
			for _, other := range boundScripts(a, v) {
				link(name, other)
			}
		}
		for _, resource := range m.shared() {
			link(name, "/"+resource) // no script has such a name
		}
	}
	var list []*plan
	grouped := map[string]bool{}
	for name := range members {
		p := &plan{account: a.ID}
		for todo := []string{name}; len(todo) > 0; todo = todo[1:] {
			at := todo[0]
			m, ok := members[at]
			if grouped[at] || !ok && !strings.HasPrefix(at, "/") {
				continue
			}
			grouped[at] = true
			if ok {
				p.members = append(p.members, m)
			}
			todo = append(todo, links[at]...)
		}
		if len(p.members) > 0 {
			sort.Slice(p.members, func(i, j int) bool { return p.members[i].name < p.members[j].name })
			list = append(list, p)
		}
	}
	return list
}

// serviceName returns the name of a member's version in the configuration.
func serviceName(member, version int) string { return fmt.Sprintf("worker-%d-%d", member, version) }

// frontName returns the name of the service that gets the requests of a version: its assets
// if it has any, and otherwise its Worker.
func frontName(m member, i, j int) string {
	if m.versions[j].Assets != nil {
		return "assets-" + serviceName(i, j)
	}
	return serviceName(i, j)
}

// startGroup starts the process of a group. Durable Objects store their state below objects.
// The output of workerd and of the Workers is written to log.
func (w *Workers) startGroup(ctx context.Context, p *plan, objects string, log io.Writer) (*workerd.Process, error) {
	path, err := w.options.Find()
	if err != nil {
		return nil, err
	}
	b := &configBuilder{workers: w, plan: p, objects: objects, files: map[string][]byte{}, namespaces: map[string]bool{},
		caches: map[string]bool{}, standIns: standin.Part{Disk: objectsService}}
	if err := b.build(); err != nil {
		return nil, err
	}
	output := workerlog.NewProcess(w.named(p), log)
	id := w.receiver.Add(output)
	b.services = append(b.services, w.receiver.Services(id, b.files)...)
	process, err := workerd.Start(ctx, path, workerd.Config{
		Capnp: b.text(), Files: b.files, Sockets: b.socketNames, Experimental: b.experimental || b.standIns.Experimental,
		Log: output,
	})
	if err != nil {
		w.receiver.Remove(id)
		if refused := (*workerd.ConfigError)(nil); errors.As(err, &refused) {
			return nil, &workerd.ConfigError{Output: output.Failure(refused.Output)}
		}
		return nil, err
	}
	go func() {
		<-process.Done()
		w.receiver.Remove(id)
	}()
	return process, nil
}

// named returns the Workers of a group, as its log needs them.
func (w *Workers) named(p *plan) map[string]workerlog.Worker {
	all := map[string]workerlog.Worker{}
	for i, m := range p.members {
		for j, v := range m.versions {
			all[serviceName(i, j)] = workerlog.Worker{Name: m.name,
				Map: func(module string) []byte { return w.store.SourceMap(v, module) }}
		}
	}
	return all
}

// configBuilder writes the configuration of a group.
type configBuilder struct {
	workers     *Workers
	plan        *plan
	objects     string
	files       map[string][]byte
	namespaces  map[string]bool
	caches      map[string]bool
	services    []string
	sockets     []string
	socketNames []string
	standIns    standin.Part
	// experimental is set if the configuration needs workerd's --experimental.
	experimental bool
}

// objectsService is the name of the disk with the Durable Objects.
const objectsService = "objects"

func (b *configBuilder) text() string {
	members := []string{
		"services = [\n    " + strings.Join(append(b.services, b.standIns.Services()...), ",\n    ") + "\n  ]",
		"sockets = [\n    " + strings.Join(b.sockets, ",\n    ") + "\n  ]",
		"logging = (structuredLogging = true)",
	}
	if extensions := b.standIns.Extensions(b.files); extensions != "" {
		members = append(members, extensions)
	}
	return "using Workerd = import \"/workerd/workerd.capnp\";\nconst config :Workerd.Config = (\n  " +
		strings.Join(members, ",\n  ") + "\n);\n"
}

func (b *configBuilder) build() error {
	if b.plan.stateful() {
		if err := os.MkdirAll(b.objects, 0o700); err != nil {
			return err
		}
		b.services = append(b.services, fmt.Sprintf("(name = %q, disk = (path = %s, writable = true))",
			objectsService, workerd.Quote(b.objects)))
	}
	for i, m := range b.plan.members {
		for j, v := range m.versions {
			if err := b.version(m, i, j, v); err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
			b.socket(serviceName(i, j), frontName(m, i, j))
		}
	}
	b.tail()
	return nil
}

// socket adds a socket of a service.
func (b *configBuilder) socket(name, service string) {
	b.socketNames = append(b.socketNames, name)
	b.sockets = append(b.sockets, fmt.Sprintf("(name = %q, address = \"unix:%s\", http = (), service = %q)", name, name,
		service))
}

// version adds the services of one version of a member.
func (b *configBuilder) version(m member, i, j int, v *scripts.Version) error {
	name := serviceName(i, j)
	if v.Assets != nil {
		b.experimental = true
		dir, err := b.workers.store.LinkAssets(b.plan.account, v)
		if err != nil {
			return err
		}
		behaviour := fmt.Sprintf("compatibilityDate = %q", runnableDate(v.Date))
		if v.Main != "" {
			behaviour = fmt.Sprintf("userWorker = %q", name) // it takes the date from the Worker
		}
		b.services = append(b.services, fmt.Sprintf("(name = \"assets-%s\", assets = (path = %s, config = %s, %s))",
			name, workerd.Quote(dir), workerd.Quote(v.Assets.ServiceConfig()), behaviour))
	}
	if v.Main == "" {
		return nil
	}
	modules, err := b.modules(name, v, v.CacheScope(b.plan.account, m.name) != "")
	if err != nil {
		return err
	}
	worker := []string{
		"modules = [" + strings.Join(modules, ", ") + "]",
		fmt.Sprintf("compatibilityDate = %q", runnableDate(v.Date)),
		"bindings = [" + strings.Join(b.bindings(m, i, j, v), ", ") + "]",
		fmt.Sprintf("cacheApiOutbound = %q", b.cache(m)),
		b.tailed(m, v),
	}
	if workerd.Current() {
		worker = append(worker, workerlog.Tails(name, len(b.plan.members) > 1))
	}
	if len(v.Flags) > 0 {
		var flags []string
		for _, f := range v.Flags {
			flags = append(flags, workerd.Quote(f))
		}
		worker = append(worker, "compatibilityFlags = ["+strings.Join(flags, ", ")+"]")
	}
	if j == 0 && len(m.classes) > 0 {
		var classes []string
		for name, c := range m.classes {
			classes = append(classes, fmt.Sprintf("(className = %s, uniqueKey = %q, enableSql = %t)", workerd.Quote(name),
				c.Namespace, c.SQLite))
		}
		sort.Strings(classes)
		worker = append(worker, "durableObjectNamespaces = ["+strings.Join(classes, ", ")+"]",
			fmt.Sprintf("durableObjectStorage = (localDisk = %q)", objectsService))
	}
	b.services = append(b.services, fmt.Sprintf("(name = %q, worker = (%s))", name, strings.Join(worker, ", ")))
	return nil
}

// modules returns the modules of a version. The first one is the main module, or, with
// Workers Caching, the module that adds ctx.cache.
func (b *configBuilder) modules(service string, v *scripts.Version, cached bool) ([]string, error) {
	var list []string
	for n, m := range v.Modules {
		content, err := os.ReadFile(b.workers.store.ModuleFile(m))
		if err != nil {
			return nil, err
		}
		file := fmt.Sprintf("%s-%d", service, n)
		b.files[file] = content
		kind := map[scripts.ModuleKind]string{
			scripts.ESModule: "esModule", scripts.CommonJS: "commonJsModule", scripts.Wasm: "wasm", scripts.Data: "data",
			scripts.Text: "text", scripts.Python: "pythonModule", scripts.Requirements: "pythonRequirement",
		}[m.Kind()]
		entry := fmt.Sprintf("(name = %s, %s = embed %q)", workerd.Quote(m.Name), kind, file)
		if m.Name == v.Main {
			list = append([]string{entry}, list...)
		} else {
			list = append(list, entry)
		}
	}
	if cached {
		file := service + "-context"
		b.files[file] = edge.ContextModule(v.Main)
		list = append([]string{fmt.Sprintf("(name = %q, esModule = embed %q)", edge.PurgeCache, file)}, list...)
	}
	return list, nil
}

// runnableDate returns date, or the newest compatibility date that workerd knows.
func runnableDate(date string) string { return min(date, workerd.CompatibilityDate()) }
