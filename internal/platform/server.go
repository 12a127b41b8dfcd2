package platform

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/kv-sync/kv-sync/internal/loopback"
	"github.com/kv-sync/kv-sync/internal/platform/api"
	"github.com/kv-sync/kv-sync/internal/platform/edge"
	"github.com/kv-sync/kv-sync/internal/platform/kv"
	"github.com/kv-sync/kv-sync/internal/platform/resources"
	"github.com/kv-sync/kv-sync/internal/platform/scripts"
	"github.com/kv-sync/kv-sync/internal/platform/tails"
	"github.com/kv-sync/kv-sync/internal/platform/triggers"
	"github.com/kv-sync/kv-sync/internal/platform/workers"
	"github.com/kv-sync/kv-sync/internal/workerd"
)

// Server is the platform. Its methods are safe for concurrent use.
type Server struct {
	options   Options
	dir       string
	temporary bool
	control   string
	mux       *http.ServeMux
	behaviour behaviour
	journal   journal
	log       *feed
	holders   sync.RWMutex // each client that holds the platform is a reader

	kv        *kv.Store
	scripts   *scripts.Store
	triggers  *triggers.Store
	resources *resources.Store
	tails     *tails.Tails
	edge      *edge.Edge
	workers   *workers.Workers
	listener  net.Listener
	http      *http.Server
	unused    unused
	stop      context.CancelFunc // cancels life
	life      context.Context    // ends with Close, and ends requests that hang and processes that start
}

// Open reads the stored state, if there is any, and returns a platform that can handle
// requests. The sites of stored scripts accept requests, too. Their workerd starts with the
// first request. The caller must call Close.
func Open(options Options) (*Server, error) {
	if options.Subdomain == "" {
		options.Subdomain = "local"
	}
	if options.Addr == "" {
		options.Addr = "127.0.0.1:0"
	}
	if options.Log == nil {
		options.Log = io.Discard
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	s := &Server{options: options, dir: options.Dir, control: options.ControlToken, log: &feed{to: options.Log}}
	s.journal.idle.L = &s.journal.mu
	if s.control == "" {
		s.control = api.NewID()
	}
	if s.dir == "" {
		dir, err := os.MkdirTemp("", "kv-sync-platform-")
		if err != nil {
			return nil, fmt.Errorf("open the local platform: %w", err)
		}
		s.dir, s.temporary = dir, true
	}
	s.life, s.stop = context.WithCancel(context.Background())
	s.behaviour.clock = options.Now
	s.behaviour.set(options.Behaviour)
	if err := s.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("open the local platform in %s: %w", s.dir, err), s.Close(context.Background()))
	}
	s.mux = s.newMux()
	return s, nil
}

// open opens the parts of the platform, each of which knows only those before it.
func (s *Server) open() (err error) {
	s.kv, err = kv.Open(s.dir, func() kv.Behaviour {
		b := s.behaviour.get()
		return kv.Behaviour{ListLag: b.ListLag, EmptyPages: b.EmptyPages}
	})
	if err != nil {
		return err
	}
	if s.options.StandIns {
		s.kv.AllowForeign()
	}
	s.scripts, err = scripts.Open(scripts.Options{
		Dir: s.dir, Subdomain: s.options.Subdomain, CheckScripts: s.options.CheckScripts, Log: s.logf,
		StandIns: s.options.StandIns, Note: workers.Note, Deleted: s.forget,
		HasNamespace: func(account, id string) bool {
			ns, apiErr := s.kv.Find(account, id)
			return ns != nil && apiErr == nil
		},
	})
	if err != nil {
		return err
	}
	if s.triggers, err = triggers.Open(s.dir, s.scripts); err != nil {
		return err
	}
	if s.resources, err = resources.Open(s.dir, s.scripts); err != nil {
		return err
	}
	s.tails = tails.New(s.scripts.Has, func(on bool) { s.workers.Listen(on) })
	location := edge.NewLocation(edge.Options{
		Now: s.options.Now, Minute: func() time.Duration { return s.behaviour.get().EdgeTTL },
	})
	if s.edge, err = edge.Open(location, s.kv, http.HandlerFunc(s.tails.Sink)); err != nil {
		return err
	}
	s.workers, err = workers.New(s.life, s.scripts, workers.Options{
		Find: s.findWorkerd(), Edge: s.edge, Log: s.log,
	})
	if err != nil {
		return err
	}
	return s.scripts.Run(s.workers)
}

// forget removes what belongs to a deleted script.
func (s *Server) forget(account, script string) *api.Error {
	if apiErr := s.triggers.Forget(account, script); apiErr != nil {
		return apiErr
	}
	return s.resources.Forget(account, script)
}

// findWorkerd returns a function that finds workerd when it is first called.
func (s *Server) findWorkerd() func() (string, error) {
	return sync.OnceValues(func() (string, error) {
		if s.options.Workerd != "" {
			return s.options.Workerd, nil
		}
		return workerd.Find(s.life, s.logf)
	})
}

// logf writes a line into the platform's log.
func (s *Server) logf(format string, args ...any) {
	_, _ = fmt.Fprintf(s.log, format+"\n", args...)
}

// Start listens on Options.Addr and serves until Close. It starts the processes of stored
// Durable Objects, so that their alarms run.
func (s *Server) Start() error {
	listener, err := loopback.Listen(s.options.Addr)
	if err != nil {
		return fmt.Errorf("start the local platform: %w", err)
	}
	s.listener = listener
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: 30 * time.Second, ConnState: s.unused.note}
	go s.http.Serve(listener) //nolint:errcheck // it returns when Close closes it
	go s.workers.StartStateful()
	return nil
}

// URL returns the API's base, with /client/v4. It is valid after Start.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() + "/client/v4" }

// ControlToken returns the token that the control routes require in the header
// X-Platform-Token.
func (s *Server) ControlToken() string { return s.control }

// Close ends requests, sites and processes. It aborts requests that have not ended when ctx
// ends. It removes the folder only if Open created a temporary one. A second call has no
// effect.
func (s *Server) Close(ctx context.Context) error {
	if s.life.Err() != nil {
		return nil //nolint:nilerr // it is closed already
	}
	s.stop()
	var errs []error
	if s.http != nil {
		s.unused.close()
		if err := s.http.Shutdown(ctx); err != nil {
			errs = append(errs, s.http.Close())
		}
	}
	if s.tails != nil {
		s.tails.Close()
	}
	if s.workers != nil {
		s.workers.Close()
	}
	if s.edge != nil {
		s.edge.Close()
	}
	if s.kv != nil {
		errs = append(errs, s.kv.Close())
	}
	if s.temporary {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}

// SiteURL returns the address of a script, without a slash at the end, or "" if
// there is no such script.
func (s *Server) SiteURL(script string) string { return s.SiteURLs()[script] }

// SiteURLs returns the address of every script. If two accounts have a script of the
// same name, it returns that of the first account.
func (s *Server) SiteURLs() map[string]string { return s.scripts.Addresses() }

// KillWorker kills the process of a script, which also runs the scripts that bindings connect
// to it. Requests in the process fail. The next request starts a new process. A process with
// Durable Objects is started again after a second, without a request. KillWorker reports
// whether a process ran.
func (s *Server) KillWorker(script string) bool { return s.workers.Kill(script) }

// AdvanceEdge advances the clock of the edge's caches by d. Expirations in KV use another clock.
func (s *Server) AdvanceEdge(d time.Duration) { s.edge.Advance(d) }

// ClearEdge empties the edge's caches.
func (s *Server) ClearEdge() { s.edge.Clear() }
