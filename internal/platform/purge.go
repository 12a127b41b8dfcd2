package platform

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A Worker purges its own answers with ctx.cache.purge(). workerd leaves ctx.cache to
// whoever embeds it, and gives no way to set it; so a module before the Worker's own
// does, which asks us through the one way out that every Worker has: the Cache API.

// cacheModule is that module; purgeCache names the cache that it opens.
//
//go:embed cachecontext.mjs
var cacheModule string

const purgeCache = "ctx.cache.purge"

// contextModule is the module that stands before a main module.
func contextModule(main string) []byte {
	path, _ := json.Marshal("./" + main) //nolint:errchkjson // a string
	return []byte(strings.ReplaceAll(cacheModule, `"./main.mjs"`, string(path)))
}

// purgeOptions are what ctx.cache.purge() takes: what any of them names is purged.
type purgeOptions struct {
	Tags         []string `json:"tags"`
	PathPrefixes []string `json:"pathPrefixes"`
	Everything   bool     `json:"purgeEverything"`
}

// purgeResult is what it gives.
type purgeResult struct {
	Success bool      `json:"success"`
	Errors  []message `json:"errors"`
}

// How often an account may purge: as on the free plan, which counts for all.
const (
	maxPurges     = 25
	purgeInterval = time.Minute / 5
	maxPurgeItems = 100
)

// purgeBucket is how many purges an account may still ask for.
type purgeBucket struct {
	left float64
	at   time.Time
}

// mayPurge counts a purge, or reports that there were too many.
func (l *location) mayPurge(account string) bool {
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

// purge carries out what an entrypoint of worker (account/script) asks for.
func (l *location) purge(w http.ResponseWriter, worker string, asked url.Values) {
	w.Header().Set("CF-Cache-Status", "HIT") // workerd takes no other answer of a cache
	account, _, _ := strings.Cut(worker, "/")
	var o purgeOptions
	result := purgeResult{Errors: []message{}}
	switch err := json.Unmarshal([]byte(asked.Get("options")), &o); {
	case err != nil:
		result.Errors = append(result.Errors, message{1012, "the options cannot be read: " + err.Error()})
	case len(o.Tags)+len(o.PathPrefixes) == 0 && !o.Everything:
		result.Errors = append(result.Errors, message{1012, "one of tags, pathPrefixes and purgeEverything is needed"})
	case len(o.Tags)+len(o.PathPrefixes) > maxPurgeItems:
		result.Errors = append(result.Errors, message{1012, fmt.Sprintf("at most %d tags and path prefixes can be purged at once", maxPurgeItems)})
	case !l.mayPurge(account):
		result.Errors = append(result.Errors, message{1134, "Unable to purge, rate limit reached."})
	default:
		result.Success = true
		if asked.Get("entrypoint") == "default" { // nothing is kept of others
			l.answers.purge(func(k *kept) bool { return k.worker == worker && o.names(k) })
		}
	}
	writeJSON(w, http.StatusOK, result)
}

// names reports whether an answer is to be purged.
func (o *purgeOptions) names(k *kept) bool {
	return o.Everything ||
		slices.ContainsFunc(o.PathPrefixes, func(prefix string) bool { return strings.HasPrefix(k.path, prefix) }) ||
		slices.ContainsFunc(o.Tags, func(tag string) bool { return slices.Contains(k.tags, strings.ToLower(tag)) })
}

const (
	maxTags     = 1000
	maxTagBytes = 1024
)

// cacheTags are the tags of an answer, in lower case, without those that Cloudflare
// drops.
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
