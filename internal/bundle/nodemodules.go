package bundle

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

// nodeModules are the modules of node that Cloudflare has with nodejs_compat, by the compatibility
// date from which they exist. The flags enable_nodejs_X and disable_nodejs_X of a feature X
// override the date. TestNodeModules compares the table with workerd.
// Source: src/workerd/io/compatibility-date.capnp of workerd.
var nodeModules = []struct{ since, feature, names string }{
	{"", "", `_stream_duplex _stream_passthrough _stream_readable _stream_transform _stream_writable _tls_common
		_tls_wrap assert assert/strict async_hooks buffer constants crypto diagnostics_channel dns dns/promises events
		fs/promises module net path path/posix path/win32 process querystring stream stream/consumers stream/promises
		stream/web string_decoder test timers timers/promises tls url util util/types zlib`},
	{nodePlainNames, "", "sys"},
	{"2025-08-15", "http_modules", "_http_agent _http_client _http_common _http_incoming _http_outgoing http https"},
	{"2025-09-01", "http_server_modules", "_http_server"},
	{"2025-09-01", "http2_module", "http2"},
	{"2025-09-15", "fs_module", "fs"},
	{"2025-09-15", "os_module", "os"},
	{"2025-09-21", "console_module", "console"},
	{"2025-10-01", "vm_module", "vm"},
	{"2025-12-04", "cluster_module", "cluster"},
	{"2025-12-04", "domain_module", "domain"},
	{"2025-12-04", "punycode_module", "punycode"},
	{"2025-12-04", "trace_events_module", "trace_events"},
	{"2025-12-04", "wasi_module", "wasi"},
	{"2026-01-29", "stream_wrap_module", "_stream_wrap"},
	{"2026-01-29", "dgram_module", "dgram"},
	{"2026-01-29", "inspector_module", "inspector inspector/promises"},
	{"2026-01-29", "sqlite_module", "sqlite"},
	{"2026-03-17", "child_process_module", "child_process"},
	{"2026-03-17", "perf_hooks_module", "perf_hooks"},
	{"2026-03-17", "readline_module", "readline readline/promises"},
	{"2026-03-17", "repl_module", "repl"},
	{"2026-03-17", "tty_module", "tty"},
	{"2026-03-17", "v8_module", "v8"},
	{"2026-03-17", "worker_threads_module", "worker_threads"},
}

// missingModule is a module of node that is imported, and that the Worker does not have.
type missingModule struct {
	file, name string
	since      string // the date from which the Worker would have it; "" if no date helps
	fix        string // if no date helps
}

// missing returns why an imported module of node does not exist in this Worker, or nil if it exists.
// Without nodejs_compat the import is refused earlier.
func (p *project) missing(file, path string) *missingModule {
	name, ok := strings.CutPrefix(path, "node:")
	if !ok || level(p.CompatibilityDate, p.CompatibilityFlags) < nodeNamed {
		return nil
	}
	for _, m := range nodeModules {
		if !slices.Contains(strings.Fields(m.names), name) {
			continue
		}
		has := func(prefix string) bool {
			return m.feature != "" && slices.Contains(p.CompatibilityFlags, prefix+m.feature)
		}
		switch {
		case has("disable_nodejs_"):
			return &missingModule{file: file, name: path,
				fix: fmt.Sprintf("remove %q from compatibility_flags", "disable_nodejs_"+m.feature)}
		case p.CompatibilityDate >= m.since || has("enable_nodejs_"):
			return nil
		}
		return &missingModule{file: file, name: path, since: m.since}
	}
	return &missingModule{file: file, name: path, fix: "remove the import: Cloudflare does not have this module of node"}
}

// refuseMissing returns an error that lists the missing modules, or nil if there are none. Every fix
// names the same compatibility date: the first one with all of the modules.
func (p *project) refuseMissing(list []missingModule) error {
	if len(list) == 0 {
		return nil
	}
	slices.SortFunc(list, func(a, b missingModule) int {
		return cmp.Or(strings.Compare(a.file, b.file), strings.Compare(a.name, b.name))
	})
	newest := ""
	for _, m := range list {
		newest = max(newest, m.since)
	}
	out := &Error{}
	for _, m := range list {
		reason := fmt.Sprintf("%q does not exist in this Worker", m.name)
		if m.since != "" {
			reason = fmt.Sprintf("%q exists from the compatibility date %s on, and this Worker has %s", m.name, m.since,
				p.CompatibilityDate)
			m.fix = fmt.Sprintf("set compatibility_date to %s or later", newest)
		}
		out.Problems = append(out.Problems, manifest.Problem{Path: m.file, Reason: reason, Fix: m.fix})
	}
	return out
}
