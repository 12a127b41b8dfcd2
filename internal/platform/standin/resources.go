package standin

import (
	"cmp"
	"fmt"

	"github.com/kv-sync/kv-sync/internal/workerd"
)

// queueService is the service of all queues: a queue may send its dead letters to another.
const queueService = "queues"

// database returns the binding of a D1 database. Each has its own service, so that processes with
// different databases have no file in common.
func (p *Part) database(bound Binding) string {
	name := bound.databaseService()
	p.builtIn(name, "/workerd/d1.js", "D1Database", "DATABASE", "")
	return wrapped("cloudflare-internal:d1-api", fmt.Sprintf(
		`(name = "fetcher", service = (name = %q, props = (json = "{\"database\": \"main\"}")))`, name))
}

func (p *Part) queue(bound Binding) string {
	p.builtIn(queueService, "/workerd/queues.js", "QueueShard", "SHARD", "service_binding_extra_handlers")
	props := `{"queue": ` + string(quoted(bound.text("queue_name"))) + `}`
	return fmt.Sprintf("queue = (name = %q, props = (json = %s))", queueService, workerd.Quote(props))
}

// builtIn adds a service whose code workerd has. Its class is bound to it, and has SQLite
// databases in a folder with the name of the service.
func (p *Part) builtIn(name, module, class, binding, flag string) {
	p.Experimental = true
	flags := ""
	if flag != "" {
		flags = fmt.Sprintf("compatibilityFlags = [%q], ", flag)
	}
	p.service(name, fmt.Sprintf(`worker = (modules = [(name = "main", bundled = %q)], compatibilityDate = %q, %s`+
		`durableObjectNamespaces = [(className = %q, uniqueKey = %q, enableSql = true)], `+
		`durableObjectStorage = (localDisk = %q), bindings = [(name = %q, durableObjectNamespace = %q)])`,
		module, date, flags, class, name, p.Disk, binding, class))
}

// dataset returns the binding of a data set of Analytics Engine.
func (p *Part) dataset(Binding) string {
	p.Experimental = true
	const accept = "export default { fetch: () => new Response() };"
	return fmt.Sprintf("analyticsEngine = %q", p.service("discard", simple(accept)))
}

func (p *Part) rateLimit(bound Binding) string {
	simple := cmp.Or(string(bound.Fields["simple"]), `{"limit": 1, "period": 60}`)
	return p.wrap("ratelimit.mjs", fmt.Sprintf(`(name = "simple", json = %s)`, workerd.Quote(simple)))
}

func (p *Part) email(bound Binding) string { return p.wrap("email.mjs", text("name", bound.Name)) }
