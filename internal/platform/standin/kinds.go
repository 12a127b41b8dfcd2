package standin

import (
	"fmt"

	"github.com/kv-sync/kv-sync/internal/workerd"
)

// kind says what stands in for a type of binding.
type kind struct {
	// note says how the stand-in differs from the resource. "" means that a Worker sees no
	// difference.
	note string
	// stores reports that the stand-in keeps data, which would be in the account.
	stores bool
	// builtIn reports that workerd has the stand-in's code, which its older releases lack.
	builtIn bool
	// write writes the binding's value. It is nil if there is no stand-in.
	write func(p *Part, bound Binding) string
}

// kinds are the types for which this package has a stand-in, by their names in the API. They do not
// include the types that the platform itself serves, such as kv_namespace.
var kinds = map[string]kind{
	"d1": {write: (*Part).database, builtIn: true, stores: true},
	"queue": {write: (*Part).queue, builtIn: true,
		note: "its messages are kept on this machine, and no consumer gets them"},
	"analytics_engine": {write: (*Part).dataset, note: "what is written to it goes nowhere"},
	"ratelimit":        {write: (*Part).rateLimit},
	"send_email":       {write: (*Part).email, note: "no email is sent; the log has a line for each"},
}

// kindOf returns the kind of a binding. It is zero if this machine has no stand-in for it.
func kindOf(bound Binding) kind {
	k := kinds[bound.Type]
	if k.builtIn && !workerd.Current() {
		return kind{}
	}
	return k
}

// native are the types that the platform serves itself.
var native = map[string]bool{
	"assets": true, "durable_object_namespace": true, "inherit": true, "json": true, "kv_namespace": true,
	"plain_text": true, "secret_text": true, "service": true, "version_metadata": true, "worker_loader": true,
}

// Stores reports whether the resource of a binding has data, which are on this machine.
func Stores(bound Binding) bool { return bound.Type == "kv_namespace" || kindOf(bound).stores }

// Note says in one line how a binding differs on the local platform from Cloudflare. It returns ""
// if a Worker sees no difference.
func Note(bound Binding) string {
	if native[bound.Type] {
		return ""
	}
	k := kindOf(bound)
	if k.write == nil {
		return missing(bound)
	}
	if k.note == "" {
		return ""
	}
	return fmt.Sprintf("env.%s (%s) has a local stand-in: %s", bound.Name, bound.Type, k.note)
}

// missing is the message for a binding without a stand-in.
func missing(bound Binding) string {
	return fmt.Sprintf("env.%s (%s) has no stand-in on the local platform: each use of it throws an error", bound.Name,
		bound.Type)
}
