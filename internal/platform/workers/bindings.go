package workers

import (
	"encoding/json"
	"fmt"

	"github.com/kv-sync/kv-sync/internal/platform/edge"
	"github.com/kv-sync/kv-sync/internal/platform/kv"
	"github.com/kv-sync/kv-sync/internal/platform/scripts"
	"github.com/kv-sync/kv-sync/internal/platform/standin"
	"github.com/kv-sync/kv-sync/internal/workerd"
)

// Note says in one line how a binding differs on the platform from Cloudflare, or "".
func Note(b scripts.Binding) string { return standin.Note(standIn(b)) }

// standIn converts a binding to the type of package standin.
func standIn(b scripts.Binding) standin.Binding {
	return standin.Binding{Name: b.Text("name"), Type: b.Text("type"), Fields: b}
}

func (b *configBuilder) bindings(m member, i, j int, v *scripts.Version) []string {
	var list []string
	for _, bound := range v.Bindings {
		list = append(list, fmt.Sprintf("(name = %s, %s)", workerd.Quote(bound.Text("name")), b.binding(m, i, j, v, bound)))
	}
	return list
}

// binding returns the value of a binding.
func (b *configBuilder) binding(m member, i, j int, v *scripts.Version, bound scripts.Binding) string {
	switch bound.Text("type") {
	case "plain_text", "secret_text":
		return "text = " + workerd.Quote(bound.Text("text"))
	case "json":
		return "json = " + workerd.Quote(string(bound["json"]))
	case "version_metadata":
		// cannot fail
		raw, _ := json.Marshal(map[string]any{"id": v.ID, "tag": v.Annotations["workers/tag"], "timestamp": v.Created})
		return "json = " + workerd.Quote(string(raw))
	case "kv_namespace":
		return fmt.Sprintf("kvNamespace = %q", b.namespace(bound.Text("namespace_id")))
	case "worker_loader":
		// Each version has its own id. So in a split deployment get() of one version does
		// not return a Worker that the other version loaded.
		b.experimental = true
		return "workerLoader = (id = " + workerd.Quote(m.name+"/"+v.ID+"/"+bound.Text("name")) + ")"
	case "assets":
		if v.Assets == nil {
			return b.absent(bound, "the version has no assets")
		}
		return fmt.Sprintf("service = (name = \"assets-%s\", entrypoint = \"AssetWorker\")", serviceName(i, j))
	case "durable_object_namespace":
		service, name, ok := b.objectClass(bound.Text("namespace_id"))
		if !ok {
			return b.absent(bound, fmt.Sprintf("no Worker here has the class %s; deploy one, and then this Worker again",
				bound.Text("class_name")))
		}
		return fmt.Sprintf("durableObjectNamespace = (className = %s, serviceName = %q)", workerd.Quote(name), service)
	case "service":
		service, ok := b.service(bound.Text("service"), bound.Text("entrypoint") == "")
		if !ok {
			return fmt.Sprintf("service = %q", b.standIns.Unreachable(bound.Text("service")))
		}
		designator := fmt.Sprintf("name = %q", service)
		if entrypoint := bound.Text("entrypoint"); entrypoint != "" && entrypoint != "default" {
			designator += ", entrypoint = " + workerd.Quote(entrypoint)
		}
		if props := bound["props"]; props != nil {
			designator += ", props = (json = " + workerd.Quote(string(props)) + ")"
		}
		return "service = (" + designator + ")"
	}
	return b.standIns.Bind(standIn(bound))
}

// absent returns the value of a binding whose target does not exist.
func (b *configBuilder) absent(bound scripts.Binding, why string) string {
	return b.standIns.Absent(fmt.Sprintf("env.%s (%s) does not work: %s", bound.Text("name"), bound.Text("type"), why))
}

// objectClass returns the service and the class that implement a namespace of Durable Objects.
func (b *configBuilder) objectClass(namespace string) (service, name string, ok bool) {
	for i, m := range b.plan.members {
		for name, c := range m.classes {
			if c.Namespace == namespace {
				return serviceName(i, 0), name, true
			}
		}
	}
	return "", "", false
}

// service returns the service of the first version of a script. With front it returns the
// service that gets the requests of that version.
func (b *configBuilder) service(script string, front bool) (string, bool) {
	for i, m := range b.plan.members {
		if m.name == script {
			if front {
				return frontName(m, i, 0), true
			}
			return serviceName(i, 0), true
		}
	}
	return "", false
}

// namespace returns the service of a KV namespace, and adds it if necessary.
func (b *configBuilder) namespace(id string) string {
	name := "kv-" + id
	if !b.namespaces[name] {
		b.namespaces[name] = true
		b.services = append(b.services, fmt.Sprintf(
			"(name = %q, external = (address = %s, http = (injectRequestHeaders = [(name = %q, value = %q), (name = %q, "+
				"value = %q)])))",
			name, workerd.Quote("unix:"+b.workers.options.Edge.KVSocket()), kv.HeaderNamespace, id,
			kv.HeaderAccount, b.plan.account))
	}
	return name
}

// cache returns the service of a member's Cache API, and adds it if necessary. All versions of
// a script share the cache. (At Cloudflare all Workers of a zone share it.)
func (b *configBuilder) cache(m member) string {
	name := "cache-" + m.name
	if !b.caches[name] {
		b.caches[name] = true
		b.services = append(b.services, fmt.Sprintf(
			"(name = %q, external = (address = %s, http = (forwardedProtoHeader = %q, injectRequestHeaders = [(name = %q, "+
				"value = %q)])))",
			name, workerd.Quote("unix:"+b.workers.options.Edge.CacheSocket()), edge.HeaderScheme,
			edge.HeaderZone, b.plan.account+"/"+m.name))
	}
	return name
}
