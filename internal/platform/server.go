package platform

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

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

	mu       sync.Mutex // guards accounts, with everything in them, and uploads
	accounts map[string]*account
	uploads  map[string]*assetSession

	workers  workers
	edge     *edge
	listener net.Listener
	http     *http.Server
	unused   unused
	stop     context.CancelFunc // cancels life
	life     context.Context    // ends with Close, as do requests that hang and processes that start
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
	s := &Server{
		options:  options,
		dir:      options.Dir,
		control:  options.ControlToken,
		accounts: map[string]*account{},
		uploads:  map[string]*assetSession{},
	}
	s.journal.idle.L = &s.journal.mu
	if s.control == "" {
		s.control = newID()
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
	s.mux = s.routes()
	s.workers.server, s.workers.checkLimit = s, checkLimit
	s.workers.find = sync.OnceValues(func() (string, error) {
		if options.Workerd != "" {
			return options.Workerd, nil
		}
		return workerd.Find(s.life, func(format string, args ...any) { fmt.Fprintf(options.Log, format+"\n", args...) })
	})
	if err := s.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("open the local platform in %s: %w", s.dir, err), s.Close(context.Background()))
	}
	return s, nil
}

func (s *Server) open() error {
	for _, dir := range []string{"accounts", "kv", "modules", "assets"} {
		if err := os.MkdirAll(filepath.Join(s.dir, dir), 0o700); err != nil {
			return err
		}
	}
	edge, err := openEdge(s)
	if err != nil {
		return err
	}
	s.edge = edge
	return s.load()
}

// Start listens on Options.Addr and serves until Close. It starts the processes of stored
// Durable Objects, so that their alarms run.
func (s *Server) Start() error {
	listener, err := listenLoopback(s.options.Addr)
	if err != nil {
		return fmt.Errorf("start the local platform: %w", err)
	}
	s.listener = listener
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: 30 * time.Second, ConnState: s.unused.note}
	go s.http.Serve(listener) //nolint:errcheck // it returns when Close closes it
	go s.workers.startStateful()
	return nil
}

// listenLoopback listens on a loopback address, and refuses any other address.
func listenLoopback(addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("%s is not a loopback address; use 127.0.0.1", addr)
	}
	return net.Listen("tcp", addr)
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
		return nil
	}
	s.stop()
	var errs []error
	if s.http != nil {
		s.unused.close()
		if err := s.http.Shutdown(ctx); err != nil {
			errs = append(errs, s.http.Close())
		}
	}
	s.workers.close()
	if s.edge != nil {
		s.edge.close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.accounts {
		for _, ns := range a.namespaces {
			errs = append(errs, ns.close())
		}
	}
	if s.temporary {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}

// newID returns 32 random hexadecimal digits, the form of most ids of the API.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}

// newUUID returns a random UUID, the form of versions and deployments.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// now returns the time for everything that the platform stores or returns.
func now() time.Time { return time.Now().UTC() }
