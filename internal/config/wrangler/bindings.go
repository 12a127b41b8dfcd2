package wrangler

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/kv-sync/kv-sync/internal/config/tree"
	"github.com/kv-sync/kv-sync/sync/cloud"
)

// bindingKind describes how an entry of a wrangler file becomes a binding of the API. The
// model is wrangler's createWorkerUploadForm. A test compares the results.
type bindingKind struct {
	// wire is the binding's type in the API.
	wire string
	// name is the member with the binding's name; "" is "binding".
	name string
	// required and optional map members to the API's names; "" keeps the name.
	required, optional map[string]string
	// local lists members that wrangler uses only on a developer's machine.
	local []string
	// resource is the required member that may be missing, because wrangler would find or
	// create what it names. create says how to create it, and hint is a member with a
	// further name of it.
	resource, create, hint string
	// check may refuse an entry, or change the fields that were read.
	check func(w *reader, entry *tree.Node, fields map[string]json.RawMessage)
}

// fields returns a map of members that the API calls by the same names.
func fields(names ...string) map[string]string {
	m := make(map[string]string, len(names))
	for _, n := range names {
		m[n] = n
	}
	return m
}

// listKinds are the sections with a list of bindings.
var listKinds = map[string]bindingKind{
	"kv_namespaces": {wire: "kv_namespace", required: map[string]string{"id": "namespace_id"},
		local: []string{"preview_id", "remote"}, resource: "id",
		create: "the KV namespace with npx wrangler kv namespace create NAME"},
	"r2_buckets": {wire: "r2_bucket", required: fields("bucket_name"), optional: fields("jurisdiction"),
		local: []string{"preview_bucket_name", "remote", "local_dev"}, resource: "bucket_name",
		create: "the bucket with npx wrangler r2 bucket create NAME"},
	"d1_databases": {wire: "d1", required: map[string]string{"database_id": "id"},
		optional: map[string]string{"database_internal_env": "internalEnv"},
		local: []string{"database_name", "preview_database_id", "migrations_dir", "migrations_table",
			"migrations_pattern", "remote", "jurisdiction"},
		resource: "database_id", create: "the database with npx wrangler d1 create NAME", hint: "database_name"},
	"vectorize":  {wire: "vectorize", required: fields("index_name"), local: []string{"remote"}},
	"hyperdrive": {wire: "hyperdrive", required: fields("id"), local: []string{"localConnectionString"}},
	"services": {wire: "service", required: fields("service"),
		optional: fields("environment", "entrypoint", "props", "cross_account_grant"), local: []string{"remote"}},
	"analytics_engine_datasets": {wire: "analytics_engine", optional: fields("dataset"), local: []string{"remote"}},
	"dispatch_namespaces": {wire: "dispatch_namespace", required: fields("namespace"), optional: fields("outbound"),
		local: []string{"remote"}, resource: "namespace",
		create: "the namespace with npx wrangler dispatch-namespace create NAME", check: dispatchOutbound},
	"mtls_certificates": {wire: "mtls_certificate", required: fields("certificate_id"), local: []string{"remote"}},
	"pipelines": {wire: "pipelines", optional: fields("stream", "pipeline"), local: []string{"remote"},
		check: pipelineTarget},
	"worker_loaders":        {wire: "worker_loader"},
	"secrets_store_secrets": {wire: "secrets_store_secret", required: fields("store_id", "secret_name")},
	"ratelimits":            {wire: "ratelimit", name: "name", required: fields("namespace_id", "simple")},
	"send_email": {wire: "send_email", name: "name",
		optional: fields("destination_address", "allowed_destination_addresses", "allowed_sender_addresses"),
		local:    []string{"remote"}},
	"workflows": {wire: "workflow", required: map[string]string{"name": "workflow_name", "class_name": "class_name"},
		optional: fields("script_name"),
		local:    []string{"remote", "limits", "schedules", "concurrency", "default_retention", "jurisdiction"},
		check:    foreignWorkflow},
	"vpc_services": {wire: "vpc_service", required: fields("service_id"), local: []string{"remote"}},
	"vpc_networks": {wire: "vpc_network", optional: fields("tunnel_id", "network_id"), local: []string{"remote"}},
	"ai_search_namespaces": {wire: "ai_search_namespace", required: fields("namespace"), local: []string{"remote"},
		resource: "namespace", create: "the namespace with npx wrangler ai-search namespace create NAME"},
	"ai_search": {wire: "ai_search", required: fields("instance_name"), local: []string{"remote"}},
	"durable_objects.bindings": {wire: "durable_object_namespace", name: "name", required: fields("class_name"),
		optional: fields("script_name", "environment")},
	"queues.producers": {wire: "queue", required: map[string]string{"queue": "queue_name"},
		optional: fields("delivery_delay"), local: []string{"remote"}, resource: "queue",
		create: "the queue with npx wrangler queues create NAME"},
	"logfwdr.bindings": {wire: "logfwdr", name: "name", required: fields("destination")},
}

// singleKinds are the sections with one binding.
var singleKinds = map[string]bindingKind{
	"ai":               {wire: "ai", optional: fields("staging"), local: []string{"remote"}},
	"browser":          {wire: "browser", local: []string{"remote"}},
	"images":           {wire: "images", local: []string{"remote"}},
	"stream":           {wire: "stream", local: []string{"remote"}},
	"media":            {wire: "media", local: []string{"remote"}},
	"version_metadata": {wire: "version_metadata"},
}

// bindingList reads a section of listKinds.
func (r *reader) bindingList(section string, n *tree.Node) {
	for _, entry := range r.List(n) {
		r.binding(listKinds[section], entry)
	}
}

// binding reads one entry.
func (r *reader) binding(kind bindingKind, entry *tree.Node) {
	t := r.Object(entry)
	if _, is := entry.Value.(*tree.Table); !is {
		return
	}
	nameMember := cmp.Or(kind.name, "binding")
	known := append([]string{nameMember}, kind.local...)
	out, unnamed := map[string]json.RawMessage{}, (*cloud.Unnamed)(nil)
	for _, member := range slices.Sorted(maps.Keys(kind.required)) {
		known = append(known, member)
		switch v := t.Get(member); {
		case member == kind.resource && (v == nil || v.Empty()):
			unnamed = r.unnamed(kind, entry)
		case v == nil:
			r.Refuse(entry, fmt.Sprintf("%s has no %q", entry.Path, member), "add it")
		case v.Value == "":
			r.Refuse(v, fmt.Sprintf("%s is empty", v.Path), "write its value")
		case v.Value != nil:
			out[kind.required[member]] = v.JSON()
		}
	}
	for member, wire := range kind.optional {
		known = append(known, member)
		if v := t.Get(member); v != nil && v.Value != nil && v.Value != "" {
			out[wire] = v.JSON()
		}
	}
	slices.Sort(known)
	r.RefuseUnknown(t, known...)
	name := t.Get(nameMember)
	if name == nil {
		r.Refuse(entry, fmt.Sprintf("%s has no %q", entry.Path, nameMember), "name the binding")
		return
	}
	if kind.check != nil {
		kind.check(r, entry, out)
	}
	r.bind(name, cloud.Binding{Name: r.Text(name), Type: kind.wire, Fields: out, Unnamed: unnamed})
}

// unnamed describes what an entry without its resource lacks.
func (r *reader) unnamed(kind bindingKind, entry *tree.Node) *cloud.Unnamed {
	out := &cloud.Unnamed{Setting: kind.resource, Create: kind.create, Where: r.Place(entry).String(),
		Field: kind.required[kind.resource]}
	if n := r.Object(entry).Get(kind.hint); n != nil {
		out.Hint = r.Text(n)
	}
	return out
}

// bind adds a binding if its name is free.
func (r *reader) bind(n *tree.Node, b cloud.Binding) {
	if r.reserve(n, b.Name) {
		r.out.Worker.Bindings = append(r.out.Worker.Bindings, b)
	}
}

// reserve records the name of a binding. It refuses a name that is used already, and the
// names of kv-sync's own bindings.
func (r *reader) reserve(n *tree.Node, name string) bool {
	switch {
	case name == "":
		r.Refuse(n, n.Path+" is empty", "write the binding's name")
	case cloud.IsOwnBinding(name):
		r.Refuse(n, fmt.Sprintf("the binding %s belongs to kv-sync", name), "choose another name")
	case r.bound[name] != nil:
		r.Refuse(n, fmt.Sprintf("the binding %s is defined twice, the other is %s", name, r.bound[name].Path),
			"rename one of them")
	default:
		r.bound[name] = n
		return true
	}
	return false
}

// vars reads the section "vars". A string becomes a text binding, any other value a JSON
// binding.
func (r *reader) vars(n *tree.Node) {
	t := r.Object(n)
	for _, name := range t.Names {
		v := t.Get(name)
		if s, ok := v.Value.(string); ok {
			r.bind(v, cloud.Binding{Name: name, Type: "plain_text",
				Fields: map[string]json.RawMessage{"text": tree.Encode(s)}})
			continue
		}
		r.bind(v, cloud.Binding{Name: name, Type: "json", Fields: map[string]json.RawMessage{"json": v.JSON()}})
	}
}

// unsafe reads the section "unsafe", whose bindings and metadata are sent unchanged.
func (r *reader) unsafe(n *tree.Node) {
	t := r.Object(n)
	r.RefuseUnknown(t, "bindings", "metadata")
	if b := t.Get("bindings"); b != nil {
		for _, entry := range r.List(b) {
			r.unsafeBinding(entry)
		}
	}
	if m := t.Get("metadata"); m != nil {
		members := r.Object(m)
		for _, name := range members.Names {
			r.addMetadata(name, members.Get(name).JSON())
		}
	}
}

func (r *reader) unsafeBinding(entry *tree.Node) {
	t := r.Object(entry)
	name, wire := t.Get("name"), t.Get("type")
	if name == nil || wire == nil {
		r.Refuse(entry, entry.Path+` needs "name" and "type"`, "write both")
		return
	}
	out := map[string]json.RawMessage{}
	for _, member := range t.Names {
		switch member {
		case "name", "type":
		case "dev":
			notUsed("it concerns wrangler dev only")(r, t.Get(member))
		default:
			out[member] = t.Get(member).JSON()
		}
	}
	r.bind(name, cloud.Binding{Name: r.Text(name), Type: r.Text(wire), Fields: out})
}

// dispatchOutbound converts "outbound" to the API's form.
func dispatchOutbound(w *reader, entry *tree.Node, out map[string]json.RawMessage) {
	n := w.Object(entry).Get("outbound")
	if n == nil {
		return
	}
	t := w.Object(n)
	w.RefuseUnknown(t, "service", "environment", "parameters")
	var outbound struct {
		Worker struct {
			Service     string `json:"service"`
			Environment string `json:"environment,omitempty"`
		} `json:"worker"`
		Params []map[string]string `json:"params,omitempty"`
	}
	if s := t.Get("service"); s != nil {
		outbound.Worker.Service = w.Text(s)
	} else {
		w.Refuse(n, n.Path+` has no "service"`, "name the outbound Worker")
	}
	if e := t.Get("environment"); e != nil {
		outbound.Worker.Environment = w.Text(e)
	}
	if p := t.Get("parameters"); p != nil {
		for _, name := range w.Texts(p) {
			outbound.Params = append(outbound.Params, map[string]string{"name": name})
		}
	}
	out["outbound"] = tree.Encode(outbound)
}

// pipelineTarget requires "stream" or "pipeline". Like wrangler, it prefers "stream".
func pipelineTarget(w *reader, entry *tree.Node, out map[string]json.RawMessage) {
	if out["stream"] != nil {
		delete(out, "pipeline")
	} else if out["pipeline"] == nil {
		w.Refuse(entry, entry.Path+` has neither "stream" nor "pipeline"`, "add one")
	}
}

// foreignWorkflow refuses a workflow that this Worker defines: creating it needs a separate
// request, which kv-sync does not send.
func foreignWorkflow(w *reader, entry *tree.Node, out map[string]json.RawMessage) {
	if out["script_name"] == nil {
		w.Refuse(entry, entry.Path+" defines a workflow, which kv-sync cannot create",
			`define it in a Worker that wrangler deploys, and name that Worker in "script_name"`)
	}
}
