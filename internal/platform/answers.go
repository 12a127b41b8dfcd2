package platform

import (
	"bytes"
	"container/list"
	"io"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// What the location keeps of answers, and the largest that it keeps.
const (
	maxAnswers = 128 << 20
	maxAnswer  = 32 << 20
)

// kept is an answer that the edge keeps.
type kept struct {
	status    int
	header    http.Header
	body      []byte
	at, until time.Time
	// updating and failing are until when it may be given while another is asked for,
	// and where the Worker fails to give one.
	updating, failing time.Time
	asked             atomic.Bool // somebody asks for another
	// worker, path and tags are what Workers Caching purges it by.
	worker, path string
	tags         []string
	// vary are the request headers that tell a path's answers apart. What has it
	// is no answer itself, but says how to ask for one.
	vary []string
}

// respond gives the answer, or the part of it that was asked for, or a 304.
func (k *kept) respond(w http.ResponseWriter, r *http.Request, status string, now time.Time) {
	h := w.Header()
	maps.Copy(h, k.header.Clone())
	h.Set("CF-Cache-Status", status)
	if now.After(k.at) {
		h.Set("Age", strconv.Itoa(int(now.Sub(k.at).Seconds())))
	}
	if k.status != http.StatusOK {
		if k.status != http.StatusNoContent {
			h.Set("Content-Length", strconv.Itoa(len(k.body)))
		}
		w.WriteHeader(k.status)
		if r.Method != http.MethodHead {
			_, _ = w.Write(k.body)
		}
		return
	}
	if h["Content-Type"] == nil {
		h["Content-Type"] = nil // what the Worker does not say is not guessed
	}
	modified, _ := http.ParseTime(h.Get("Last-Modified")) // the zero time: unknown
	http.ServeContent(w, r, "", modified, bytes.NewReader(k.body))
}

// response is what Workers Caching gives of it.
func (k *kept) response(r *http.Request, status string, now time.Time) *http.Response {
	w := &written{header: http.Header{}, status: http.StatusOK}
	k.respond(w, r, status, now)
	mark(w.header, status)
	return &http.Response{
		StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: w.header, Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()),
	}
}

// written is an answer that was written into memory.
type written struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *written) Header() http.Header         { return w.header }
func (w *written) WriteHeader(status int)      { w.status = status }
func (w *written) Write(p []byte) (int, error) { return w.body.Write(p) }

// answers are those that a location keeps, by key. When they exceed maxAnswers,
// those that nobody asked for go first.
type answers struct {
	mu     sync.Mutex
	size   int
	recent *list.List // of *place, the latest first
	places map[string]*list.Element
}

type place struct {
	key string
	*kept
}

// size is what a place takes of memory, roughly.
func (p *place) size() int {
	n := len(p.key) + len(p.body) + 512
	for name, values := range p.header {
		n += len(name)
		for _, value := range values {
			n += len(value)
		}
	}
	return n
}

func newAnswers() *answers {
	return &answers{recent: list.New(), places: map[string]*list.Element{}}
}

func (a *answers) get(key string) *kept {
	a.mu.Lock()
	defer a.mu.Unlock()
	at := a.places[key]
	if at == nil {
		return nil
	}
	a.recent.MoveToFront(at)
	return at.Value.(*place).kept
}

func (a *answers) put(key string, k *kept) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.remove(a.places[key])
	p := &place{key, k}
	a.places[key] = a.recent.PushFront(p)
	for a.size += p.size(); a.size > maxAnswers; {
		a.remove(a.recent.Back())
	}
}

// delete reports whether there was an answer.
func (a *answers) delete(key string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.remove(a.places[key])
}

// purge deletes what is picked.
func (a *answers) purge(picked func(*kept) bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, at := range a.places {
		if picked(at.Value.(*place).kept) {
			a.remove(at)
		}
	}
}

func (a *answers) remove(at *list.Element) bool {
	if at == nil {
		return false
	}
	p := a.recent.Remove(at).(*place)
	delete(a.places, p.key)
	a.size -= p.size()
	return true
}

func (a *answers) clear() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.size, a.recent, a.places = 0, list.New(), map[string]*list.Element{}
}
