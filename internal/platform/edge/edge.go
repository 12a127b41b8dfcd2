// Package edge is one of Cloudflare's locations on this machine: what Workers read through
// its caches. They are the cache of KV reads and the cache of responses, which the Cache API
// and Workers Caching use.
package edge

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform/kv"
)

// Edge serves the bindings of Workers, KV and the Cache API. workerd connects over Unix
// sockets in a private folder, so other users of the machine cannot. KV and the Cache API
// have different sockets: a Worker can choose headers of a Cache API request, and must not
// be able to choose a KV namespace in this way.
type Edge struct {
	*Location
	dir     string
	servers []*http.Server
}

// Open starts to serve the bindings. events handles what happened in the Workers. The caller
// must call Close.
func Open(location *Location, store *kv.Store, events http.Handler) (*Edge, error) {
	dir, err := os.MkdirTemp("", "kv-sync-")
	if err != nil {
		return nil, err
	}
	e := &Edge{Location: location, dir: dir}
	for path, handler := range map[string]http.Handler{
		e.KVSocket():    &kv.Binding{Store: store, Reads: location},
		e.CacheSocket(): &cacheAPI{location},
		e.TailSocket():  events,
	} {
		listener, err := net.Listen("unix", path)
		if err != nil {
			e.Close()
			return nil, err
		}
		server := &http.Server{Handler: handler, ReadHeaderTimeout: 30 * time.Second}
		e.servers = append(e.servers, server)
		go server.Serve(listener) //nolint:errcheck // it returns when Close closes it
	}
	return e, nil
}

// KVSocket returns the path of the socket for KV bindings.
func (e *Edge) KVSocket() string { return filepath.Join(e.dir, "kv.sock") }

// CacheSocket returns the path of the socket for the Cache API.
func (e *Edge) CacheSocket() string { return filepath.Join(e.dir, "cache.sock") }

// TailSocket returns the path of the socket for the events of Workers.
func (e *Edge) TailSocket() string { return filepath.Join(e.dir, "tail.sock") }

// Close ends the servers and removes the sockets.
func (e *Edge) Close() {
	for _, server := range e.servers {
		_ = server.Close()
	}
	_ = os.RemoveAll(e.dir)
}
