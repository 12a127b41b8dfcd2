package platform

import (
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform/api"
	"github.com/kv-sync/kv-sync/sync/wait"
)

// Request is a request to the API, with its outcome.
type Request struct {
	RequestInfo
	Time     time.Time     `json:"time"`
	Status   int           `json:"status"` // 0 if the connection was closed without a response
	BytesIn  int64         `json:"bytes_in"`
	BytesOut int64         `json:"bytes_out"`
	Duration time.Duration `json:"duration"`
}

// maxJournal limits the log of requests. The oldest are dropped first.
const maxJournal = 100_000

// journal is the log of requests.
type journal struct {
	mu   sync.Mutex
	seq  int64
	list []*Request
	// open is the number of requests that have not ended. idle is signalled when it becomes 0.
	open int
	idle sync.Cond
}

// WaitIdle waits until all requests have ended. A request may continue after its client has
// disconnected.
func (s *Server) WaitIdle() {
	j := &s.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	for j.open > 0 {
		j.idle.Wait()
	}
}

// Requests returns the requests to the API since the platform was opened or the log was
// reset. They are in the order in which their responses began, or in which they ended without
// a response. A request is in the log before its client receives the first byte of the
// response. Its bytes and its duration are final when it has ended: see [Server.WaitIdle].
func (s *Server) Requests() []Request {
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	list := make([]Request, len(s.journal.list))
	for i, r := range s.journal.list {
		list[i] = *r
	}
	return list
}

// ResetRequests empties the log of requests. The next request has number 1.
func (s *Server) ResetRequests() {
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	s.journal.seq, s.journal.list = 0, nil
}

func (j *journal) next() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.seq++
	j.open++
	return j.seq
}

// answered logs a request when its response begins.
func (j *journal) answered(r *Request) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.add(r)
}

func (j *journal) add(r *Request) {
	if len(j.list) >= maxJournal {
		j.list = append([]*Request(nil), j.list[maxJournal/2:]...)
	}
	j.list = append(j.list, r)
}

// ended completes the entry of a request. It adds the entry if there was no response.
func (j *journal) ended(r *Request, final Request) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if r.Status == 0 {
		j.add(r)
	}
	*r = final
	if j.open--; j.open == 0 {
		j.idle.Broadcast()
	}
}

// serve numbers, delays, handles and logs one request. It applies the request's fault.
func (s *Server) serve(rt api.Route, w http.ResponseWriter, r *http.Request) {
	info := RequestInfo{Seq: s.journal.next(), Kind: rt.Kind, Method: r.Method, Path: r.URL.EscapedPath(),
		Query: r.URL.RawQuery}
	start := time.Now()
	body := &countedBody{ReadCloser: r.Body}
	r.Body = body
	entry := &Request{RequestInfo: info, Time: start.UTC()}
	out := &countedWriter{ResponseWriter: w, begin: func(status int) {
		entry.Status = status
		s.journal.answered(entry)
	}}
	defer func() {
		s.journal.ended(entry, Request{RequestInfo: info, Time: start.UTC(), Status: out.status, BytesIn: body.n,
			BytesOut: out.n, Duration: time.Since(start)})
	}()
	w.Header().Set("Cf-Ray", api.NewID()[:16]+"-LOC")
	_ = wait.For(r.Context(), s.behaviour.get().Latency)

	f := s.behaviour.faultFor(info)
	if s.prevents(f, out, r) {
		return
	}
	c := &api.Call{W: out, R: r, Account: r.PathValue("account"), Skips: f.fails}
	if f.Kind == FaultLoseReply {
		c.W = &discardWriter{header: http.Header{}}
	}
	if err := s.dispatch(rt, c); err != nil {
		api.WriteError(c.W, err)
	}
	if f.Kind == FaultLoseReply {
		panic(http.ErrAbortHandler)
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 1<<20)) // so that the connection can be reused
}

// prevents applies a fault that prevents the request from having an effect. It reports
// whether there is one.
func (s *Server) prevents(f Fault, w http.ResponseWriter, r *http.Request) bool {
	status := f.Status
	if status == 0 {
		status = http.StatusInternalServerError
	}
	injected := api.Failure(status, 10013, "injected fault")
	switch f.Kind {
	case FaultStatus:
		drain(r)
		if f.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter.Seconds())))
		}
		api.WriteError(w, injected)
	case FaultHTML:
		drain(r)
		w.Header().Set("Content-Type", "text/html; charset=UTF-8")
		w.WriteHeader(status)
		_, _ = io.WriteString(w,
			"<!DOCTYPE html><html><head><title>"+http.StatusText(status)+"</title></head><body>cloudflare</body></html>")
	case FaultUnsuccessful:
		drain(r)
		api.WriteErrorWith(w, http.StatusOK, injected)
	case FaultHang:
		drain(r) // net/http notices a disconnect only after it has read the body
		select {
		case <-r.Context().Done():
		case <-s.life.Done():
		}
		panic(http.ErrAbortHandler)
	case FaultDrop:
		panic(http.ErrAbortHandler)
	default:
		return false
	}
	return true
}

func drain(r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }

type countedBody struct {
	io.ReadCloser
	n int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n += int64(n)
	return n, err
}

type countedWriter struct {
	http.ResponseWriter
	// begin is called with the status before the first byte of the response is sent.
	begin  func(status int)
	status int
	n      int64
}

func (w *countedWriter) WriteHeader(status int) {
	w.answer(status)
	w.ResponseWriter.WriteHeader(status)
}

// answer records the status before the first byte of the response is sent.
func (w *countedWriter) answer(status int) {
	if w.status == 0 {
		w.status = status
		w.begin(status)
	}
}

func (w *countedWriter) Write(p []byte) (int, error) {
	w.answer(http.StatusOK)
	n, err := w.ResponseWriter.Write(p)
	w.n += int64(n)
	return n, err
}

// discardWriter discards a response.
type discardWriter struct{ header http.Header }

func (w *discardWriter) Header() http.Header         { return w.header }
func (w *discardWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w *discardWriter) WriteHeader(int)             {}
