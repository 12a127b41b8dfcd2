package edge

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// A Worker purges its cached responses with ctx.cache.purge(). workerd does not implement
// ctx.cache. So the platform adds a module that wraps the Worker's main module and provides
// ctx.cache. To purge, that module reads a URL from the cache named PurgeCache with the
// Cache API, and the platform executes the purge.

// cacheModule is the source of the module that provides ctx.cache.
//
//go:embed cachecontext.mjs
var cacheModule string

// PurgeCache is the name of the cache from which the module reads.
const PurgeCache = "ctx.cache.purge"

// ContextModule returns the source of the module that wraps a main module.
func ContextModule(main string) []byte {
	path, _ := json.Marshal("./" + main) //nolint:errchkjson // a string
	return []byte(strings.ReplaceAll(cacheModule, `"./main.mjs"`, string(path)))
}

// purgeOptions are the options of ctx.cache.purge(). A response is purged if any of
// them matches.
type purgeOptions struct {
	Tags         []string `json:"tags"`
	PathPrefixes []string `json:"pathPrefixes"`
	Everything   bool     `json:"purgeEverything"`
}

// purgeResult is the result of ctx.cache.purge().
type purgeResult struct {
	Success bool          `json:"success"`
	Errors  []api.Message `json:"errors"`
}

// Limits of purges for each account, as in Cloudflare's free plan.
const (
	maxPurges     = 25
	purgeInterval = time.Minute / 5
	maxPurgeItems = 100
)

// purgeBucket is a token bucket that limits the purges of an account.
type purgeBucket struct {
	left float64
	at   time.Time
}

// mayPurge reports whether an account may purge now. If so, it counts the purge.
func (l *Location) mayPurge(account string) bool {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.purges[account]
	if b == nil {
		b = &purgeBucket{left: maxPurges, at: now}
		l.purges[account] = b
	}
	b.left, b.at = min(maxPurges, b.left+float64(now.Sub(b.at))/float64(purgeInterval)), now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

// purge executes a purge that an entrypoint of a Worker (account/script) requests.
func (l *Location) purge(w http.ResponseWriter, worker string, query url.Values) {
	w.Header().Set("CF-Cache-Status", "HIT") // workerd accepts only hits from a cache
	account, _, _ := strings.Cut(worker, "/")
	var o purgeOptions
	result := purgeResult{Errors: []api.Message{}}
	refuse := func(code int, format string, args ...any) {
		result.Errors = append(result.Errors, api.Message{Code: code, Message: fmt.Sprintf(format, args...)})
	}
	switch err := json.Unmarshal([]byte(query.Get("options")), &o); {
	case err != nil:
		refuse(1012, "the options cannot be read: %v", err)
	case len(o.Tags)+len(o.PathPrefixes) == 0 && !o.Everything:
		refuse(1012, "one of tags, pathPrefixes and purgeEverything is needed")
	case len(o.Tags)+len(o.PathPrefixes) > maxPurgeItems:
		refuse(1012, "at most %d tags and path prefixes can be purged at once", maxPurgeItems)
	case !l.mayPurge(account):
		refuse(1134, "Unable to purge, rate limit reached.")
	default:
		result.Success = true
		if query.Get("entrypoint") == "default" { // other entrypoints have no cached responses
			l.responses.purge(func(res *cachedResponse) bool { return res.worker == worker && o.match(res) })
		}
	}
	api.WriteJSON(w, http.StatusOK, result)
}

// match reports whether the options match a response.
func (o *purgeOptions) match(res *cachedResponse) bool {
	return o.Everything ||
		slices.ContainsFunc(o.PathPrefixes, func(prefix string) bool { return strings.HasPrefix(res.path, prefix) }) ||
		slices.ContainsFunc(o.Tags, func(tag string) bool { return slices.Contains(res.tags, strings.ToLower(tag)) })
}

const (
	maxTags     = 1000
	maxTagBytes = 1024
)

// cacheTags returns the tags of a response in lower case. It omits tags that Cloudflare ignores.
func cacheTags(h http.Header) []string {
	var tags []string
	for tag := range strings.SplitSeq(strings.Join(h.Values("Cache-Tag"), ","), ",") {
		tag = strings.ToLower(strings.TrimSpace(tag))
		printable := !strings.ContainsFunc(tag, func(c rune) bool { return c <= ' ' || c > '~' })
		if tag != "" && len(tag) <= maxTagBytes && printable && len(tags) < maxTags {
			tags = append(tags, tag)
		}
	}
	return tags
}
