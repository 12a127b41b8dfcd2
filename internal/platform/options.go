package platform

import (
	"io"
	"time"
)

// Options configure a Server. The zero value is an empty platform in a temporary
// folder, without latency, limits or faults, that takes any token.
type Options struct {
	// Dir is where the state lies. Empty: a temporary folder, which Close removes.
	Dir string
	// Addr is where Start listens; it must be a loopback address.
	// Empty: 127.0.0.1 and a free port.
	Addr string
	// Tokens are the API tokens that are accepted, each with its permissions.
	// Nil: any token, with every permission.
	Tokens map[string][]Permission
	// Keys are users' Global API Keys, by their e-mail addresses: each may do
	// everything.
	Keys map[string]string
	// ControlToken guards the control routes. Empty: a random one.
	ControlToken string
	// Subdomain is the account's name under workers.dev. "-": the account has
	// none, and asking for it is error 10007. Empty: "local".
	Subdomain string
	// Workerd is the path of the workerd binary. Empty: workerd.Find, when the
	// first Worker is started or checked.
	Workerd string
	// CheckScripts starts each uploaded Worker once before it is accepted, and
	// refuses one that fails to start with error 10021, as Cloudflare does. It
	// costs about 50 ms an upload.
	CheckScripts bool
	// Log receives what Workers print and what the platform has to say. Nil: nothing.
	Log io.Writer
	// Behaviour is how the platform behaves at first.
	Behaviour Behaviour
	// Now is the clock of the edge's caches and of the rate limit. Nil: time.Now.
	// Workers, expirations in KV and the log of requests have the machine's clock.
	Now func() time.Time
}

// Permission is what a token may do.
type Permission string

// The permissions; writing includes reading.
const (
	KVRead       Permission = "kv:read"
	KVWrite      Permission = "kv:write"
	WorkersRead  Permission = "workers:read"
	WorkersWrite Permission = "workers:write"
)

// Behaviour is how the platform behaves. It may be changed while it runs; the
// zero value is prompt, unlimited and strongly consistent. In JSON, durations are
// nanoseconds.
type Behaviour struct {
	// Latency is added to every request.
	Latency time.Duration `json:"latency,omitempty"`
	// RateLimit is the number of requests that a token has in RateWindow
	// (Cloudflare: 1,200 in five minutes); what exceeds it is a 429 until the
	// window ends. Zero: no limit.
	RateLimit  int           `json:"rate_limit,omitempty"`
	RateWindow time.Duration `json:"rate_window,omitempty"`
	// ListLag is how long a list goes on showing a changed key as it was.
	ListLag time.Duration `json:"list_lag,omitempty"`
	// EmptyPages puts an empty page before every page of a list.
	EmptyPages bool `json:"empty_pages,omitempty"`
	// EdgeTTL is how long what Cloudflare keeps at the edge for a minute is kept
	// here. A Worker's KV binding goes on seeing what it read, absent keys
	// included, for cacheTtl/60 × EdgeTTL, and for EdgeTTL where it gives no
	// cacheTtl; what the Cache API and Workers Caching keep is scaled likewise.
	// Zero: a binding sees every write at once, and the other two take their times
	// as they are.
	EdgeTTL time.Duration `json:"edge_ttl,omitempty"`
}
