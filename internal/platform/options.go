package platform

import (
	"io"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// Options configure a Server. The zero value is an empty platform in a temporary
// folder, without latency, limits or faults. It accepts any token.
type Options struct {
	// Dir is the folder of the state. If it is "", the state is in a temporary folder, which
	// Close removes.
	Dir string
	// Addr is the address that Start listens on. It must be a loopback address. The
	// default is 127.0.0.1 and a free port.
	Addr string
	// Tokens are the accepted API tokens, each with its permissions. If it is nil, any
	// token is accepted and has every permission.
	Tokens map[string][]Permission
	// Keys are users' Global API Keys, by e-mail address. Each has every permission.
	Keys map[string]string
	// Accounts are the ids of the accounts that the tokens and keys belong to. Requests for
	// another account are refused. If it is nil, every account exists.
	Accounts []string
	// ControlToken protects the control routes. The default is a random token.
	ControlToken string
	// Subdomain is the account's name under workers.dev. The default is "local". With "-"
	// the account has no subdomain, and reading it is error 10007.
	Subdomain string
	// Workerd is the path of the workerd binary. By default workerd.Find finds it when the
	// first Worker is started or checked.
	Workerd string
	// CheckScripts starts each uploaded Worker before the upload is accepted. A Worker that
	// fails to start is refused with error 10021, as at Cloudflare. A check takes about
	// 50 ms.
	CheckScripts bool
	// StandIns lets bindings name resources that do not exist here. A KV namespace is created
	// under the id that is given. A service or a Durable Object of a Worker that is not deployed
	// is accepted. Without it such a binding is refused, as at Cloudflare.
	StandIns bool
	// Log receives the output of Workers and the messages of the platform. It may be nil.
	Log io.Writer
	// Behaviour is the initial behaviour.
	Behaviour Behaviour
	// Now is the clock of the edge's caches and of the rate limit. The default is time.Now.
	// Workers, expirations in KV and the log of requests use the machine's clock.
	Now func() time.Time
}

// Permission is a permission of a token.
type Permission = api.Permission

// The permissions; writing includes reading.
const (
	KVRead       = api.KVRead
	KVWrite      = api.KVWrite
	WorkersRead  = api.WorkersRead
	WorkersWrite = api.WorkersWrite
)

// Behaviour is how the platform behaves. It can change while the platform runs. The
// zero value has no delay and no limit, and is strongly consistent. In JSON,
// durations are nanoseconds.
type Behaviour struct {
	// Latency is added to every request.
	Latency time.Duration `json:"latency,omitempty"`
	// RateLimit is the number of requests that a token may send in RateWindow (at
	// Cloudflare 1,200 in five minutes). Further requests get a 429 until the window ends.
	// 0 is no limit.
	RateLimit  int           `json:"rate_limit,omitempty"`
	RateWindow time.Duration `json:"rate_window,omitempty"`
	// ListLag is the time for which lists show a changed key in its previous state.
	ListLag time.Duration `json:"list_lag,omitempty"`
	// EmptyPages adds an empty page before every page of a list.
	EmptyPages bool `json:"empty_pages,omitempty"`
	// EdgeTTL replaces one minute in the lifetimes of the edge's caches, so that tests need not
	// wait. A Worker's KV binding caches a read, also of a missing key, for cacheTtl/60 × EdgeTTL.
	// The default of cacheTtl is 60. The Cache API and Workers Caching scale their lifetimes in
	// the same way. If EdgeTTL is 0, a KV binding caches nothing, and the other lifetimes are not
	// scaled.
	EdgeTTL time.Duration `json:"edge_ttl,omitempty"`
}
