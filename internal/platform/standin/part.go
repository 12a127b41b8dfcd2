package standin

import (
	_ "embed" // the modules
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/workerd"
)

// Part collects what stand-ins add to the configuration of a process. Its zero value is empty.
type Part struct {
	// Disk is the name of the service on whose disk databases and queues are.
	Disk string
	// Experimental reports that the configuration needs workerd's --experimental.
	Experimental bool

	services map[string]string
	modules  map[string]bool
}

// date is the compatibility date of the stand-ins' own code.
const date = "2026-10-01"

//go:embed absent.mjs
var absentModule []byte

//go:embed ratelimit.mjs
var rateLimitModule []byte

//go:embed email.mjs
var emailModule []byte

// sources are the modules that wrap a binding, by the name of their file.
var sources = map[string][]byte{
	"absent.mjs": absentModule, "ratelimit.mjs": rateLimitModule, "email.mjs": emailModule,
}

// Bind returns the value of a binding in the configuration, for instance `wrapped = (…)`.
func (p *Part) Bind(bound Binding) string {
	if k := kindOf(bound); k.write != nil {
		return k.write(p, bound)
	}
	return p.Absent(missing(bound))
}

// Absent returns the value of a binding that throws an error whenever it is used. why is the text
// of the error.
func (p *Part) Absent(why string) string { return p.wrap("absent.mjs", text("why", why)) }

// Unreachable returns the name of a service that stands in for a Worker that is not deployed.
func (p *Part) Unreachable(worker string) string {
	answer := fmt.Sprintf("The Worker %s is not deployed on the local platform. Deploy it there, too.\n", worker)
	code := "export default { fetch: () => new Response(" + string(quoted(answer)) + ", { status: 503 }) };"
	return p.service("no-"+worker, simple(code))
}

// simple returns a Worker of one module without bindings.
func simple(code string) string {
	return fmt.Sprintf(`worker = (modules = [(name = "main", esModule = %s)], compatibilityDate = %q)`,
		workerd.Quote(code), date)
}

// Services returns the services that the bindings need, sorted by name.
func (p *Part) Services() []string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(p.services)) {
		list = append(list, fmt.Sprintf("(name = %s, %s)", workerd.Quote(name), p.services[name]))
	}
	return list
}

// Extensions returns the member "extensions" of the configuration, or "" if it needs none. The
// files that it embeds are added to files.
func (p *Part) Extensions(files map[string][]byte) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(p.modules)) {
		files[name] = sources[name]
		list = append(list, fmt.Sprintf("(name = %q, internal = true, esModule = embed %q)", moduleName(name), name))
	}
	if len(list) == 0 {
		return ""
	}
	return "extensions = [(modules = [" + strings.Join(list, ", ") + "])]"
}

func moduleName(file string) string { return "kv-sync-local:" + strings.TrimSuffix(file, ".mjs") }

// wrap returns a binding that a module builds from inner bindings.
func (p *Part) wrap(file string, inner ...string) string {
	if p.modules == nil {
		p.modules = map[string]bool{}
	}
	p.modules[file] = true
	return wrapped(moduleName(file), inner...)
}

func wrapped(module string, inner ...string) string {
	return fmt.Sprintf("wrapped = (moduleName = %q, innerBindings = [%s])", module, strings.Join(inner, ", "))
}

func text(name, value string) string {
	return fmt.Sprintf("(name = %q, text = %s)", name, workerd.Quote(value))
}

// service adds a service once, and returns its name.
func (p *Part) service(name, definition string) string {
	if p.services == nil {
		p.services = map[string]string{}
	}
	p.services[name] = definition
	return name
}

// quoted returns a text as JSON, which is also a literal of JavaScript.
func quoted(s string) json.RawMessage {
	raw, _ := json.Marshal(s) //nolint:errchkjson // a string cannot fail
	return raw
}
