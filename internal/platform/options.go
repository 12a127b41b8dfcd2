package platform

import (
	"io"
	"time"
)

// Options configure a Server. The zero value is an empty platform in a temporary
// folder, without latency, limits or faults. It accepts any token.
type Options struct {
	// Dir is the folder of the state. Empty: a temporary folder, which Close removes.
	Dir string
	// Addr is the address that Start listens at. It must be a loopback address.
	// Empty: 127.0.0.1 and a free port.
	Addr string
	// Tokens are the accepted API tokens, each with its permissions.
	// Nil: any token, with every permission.
	Tokens map[string][]Permission
	// Keys are users' Global API Keys, by e-mail address. Each has every permission.
	Keys map[string]string
	// ControlToken guards the control routes. Empty: a random one.
	ControlToken string
	// Subdomain is the account's name under workers.dev. "-": the account has
	// none, and asking for it is error 10007. Empty: "local".
	Subdomain string
	// Workerd is the path of the workerd binary. Empty: workerd.Find, when the
	// first Worker is started or checked.
	Workerd string
	// CheckScripts starts each uploaded Worker before the upload is accepted. One that
	// fails to start is refused with error 10021, as at Cloudflare. It takes about
	// 50 ms an upload.
	CheckScripts bool
	// Log gets the output of Workers and the messages of the platform. Nil: none.
	Log io.Writer
	// Behaviour is the initial behaviour.
	Behaviour Behaviour
	// Now is the clock of the edge's caches and of the rate limit. Nil: time.Now.
	// Workers, expirations in KV and the log of requests use the machine's clock.
	Now func() time.Time
}

// Permission is a permission of a token.
type Permission string

// The permissions; writing includes reading.
const (
	KVRead       Permission = "kv:read"
	KVWrite      Permission = "kv:write"
	WorkersRead  Permission = "workers:read"
	WorkersWrite Permission = "workers:write"
)

// Behaviour is how the platform behaves. It can change while the platform runs. The
// zero value has no delay and no limit, and is strongly consistent. In JSON,
// durations are nanoseconds.
type Behaviour struct {
	// Latency is added to every request.
	Latency time.Duration `json:"latency,omitempty"`
	// RateLimit is the number of requests of a token in RateWindow (Cloudflare: 1,200
	// in five minutes). Further ones get a 429 until the window ends. Zero: no limit.
	RateLimit  int           `json:"rate_limit,omitempty"`
	RateWindow time.Duration `json:"rate_window,omitempty"`
	// ListLag is how long lists show a changed key in its previous state.
	ListLag time.Duration `json:"list_lag,omitempty"`
	// EmptyPages adds an empty page before every page of a list.
	EmptyPages bool `json:"empty_pages,omitempty"`
	// EdgeTTL replaces one minute in the caches of the edge. A Worker's KV binding
	// caches a read, also of an absent key, for cacheTtl/60 × EdgeTTL, and for EdgeTTL
	// without a cacheTtl. The Cache API and Workers Caching scale their times in the
	// same way. Zero: a binding sees every write at once, and the other two use their
	// times unscaled.
	EdgeTTL time.Duration `json:"edge_ttl,omitempty"`
}
