package webhook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

type handler struct {
	opt    Options
	hooks  map[string]hook
	bodies *bodies

	// pending has a channel for each delivery that is being accepted. A second
	// delivery with the same id waits until the channel is closed.
	mu      sync.Mutex
	pending map[string]chan struct{}
}

type hook struct {
	Hook
	forge *forge
	keys  keys
}

// New returns a handler for the hooks' paths. It answers 404 at any other path. A
// delivery that was recorded or needs no action is answered with 202, so that the
// forge counts it as delivered.
//
// A hook without a secret is an error, because no delivery could be verified.
func New(opt Options) (http.Handler, error) {
	if opt.Observe == nil {
		opt.Observe = func(Forge, Result) {}
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	opt.BodyTime = cmp.Or(opt.BodyTime, 10*time.Second)
	if opt.Now == nil {
		opt.Now = time.Now
	}
	h := &handler{
		opt: opt, hooks: make(map[string]hook), bodies: newBodies(opt.BodyTime), pending: make(map[string]chan struct{}),
	}
	for _, k := range opt.Hooks {
		f, ok := find(k.Forge)
		if !ok {
			return nil, fmt.Errorf("webhook %s: unknown forge %q; use one of %q", k.Path, k.Forge, ForgeNames())
		}
		if _, exists := h.hooks[k.Path]; exists || !strings.HasPrefix(k.Path, "/") {
			return nil, fmt.Errorf("webhook %q: the path must be unique and begin with a slash", k.Path)
		}
		keys, err := newKeys(f, k.Secrets)
		if err != nil {
			return nil, fmt.Errorf("webhook %s: %w", k.Path, err)
		}
		h.hooks[k.Path] = hook{Hook: k, forge: f, keys: keys}
	}
	return h, nil
}

// answer is the outcome of a delivery for its sender, the log and the metrics.
type answer struct {
	status int
	result Result
	text   string
	cause  error // only logged
}

// delivery is what the log says about a delivery.
type delivery struct {
	hook      hook
	id, event string
	pushes    []Push // once the body is verified and read
	bytes     int
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k, ok := h.hooks[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "use POST", http.StatusMethodNotAllowed)
		return
	}
	started := time.Now()
	d := delivery{hook: k, id: header(r.Header, k.forge.deliveryHeaders), event: header(r.Header, k.forge.eventHeaders)}
	a := h.receive(w, r, &d)
	h.opt.Observe(k.Forge, a.result)
	h.log(r.Context(), d, a, time.Since(started))

	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if a.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "10")
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.text+"\n") // the sender may have hung up
}

// header returns the first of the named headers that is set, or "" if it is not
// short, printable ASCII: only that is logged, compared and stored.
func header(h http.Header, names []string) string {
	for _, name := range names {
		if v := h.Get(name); v != "" {
			if len(v) > 128 || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r > '~' }) {
				return ""
			}
			return v
		}
	}
	return ""
}

// receive reads and verifies a delivery, then processes it.
func (h *handler) receive(w http.ResponseWriter, r *http.Request, d *delivery) answer {
	form, err := isForm(d.hook.forge, r.Header)
	if err != nil {
		return answer{status: http.StatusUnsupportedMediaType, result: Malformed, text: err.Error()}
	}
	p, err := d.hook.forge.proof(d.hook.keys, r.Header, h.opt.Now())
	if err != nil {
		return answer{status: http.StatusUnauthorized, result: Unsigned, text: err.Error()}
	}
	body, release, err := h.bodies.read(w, r)
	defer release()
	if err != nil {
		return bodyError(err)
	}
	d.bytes = len(body)

	// Decoding an unverified form is safe: it only replaces escapes in place.
	if form && d.hook.forge.form == signedPayload {
		if body, err = formPayload(body); err != nil {
			return malformed(err)
		}
	}
	if !d.hook.keys.verify(p, body) {
		return answer{status: http.StatusUnauthorized, result: Unsigned,
			text: "the signature is wrong; check that the secret is the same on both sides"}
	}
	if form && d.hook.forge.form == signedForm {
		if body, err = formPayload(body); err != nil {
			return malformed(err)
		}
	}
	return h.process(r.Context(), d, body)
}

// process handles a verified delivery.
func (h *handler) process(ctx context.Context, d *delivery, body []byte) answer {
	if d.event == "ping" {
		return answer{status: http.StatusOK, result: Ignored, text: "ready for pushes"}
	}
	if !slices.Contains(d.hook.forge.pushEvents, d.event) {
		return answer{status: http.StatusAccepted, result: Ignored, text: "ignored: not a push"}
	}
	pushes, err := d.hook.forge.pushes(body)
	if errors.Is(err, errNoBranch) {
		return answer{status: http.StatusAccepted, result: Ignored, text: "ignored: " + err.Error()}
	}
	if err != nil {
		return malformed(err)
	}
	for i := range pushes {
		pushes[i].Forge, pushes[i].Delivery = d.hook.Forge, d.id
	}
	d.pushes = pushes
	// All pushes of a delivery are to one repository.
	if len(d.hook.Remotes) > 0 && !slices.ContainsFunc(d.hook.Remotes, pushes[0].Of) {
		return unknown(pushes[0])
	}
	return h.acceptOnce(ctx, pushes)
}

// acceptOnce accepts a delivery's pushes unless a delivery with the same id was
// accepted before. Only an accepted delivery is remembered, so that a failed one
// can be delivered again.
func (h *handler) acceptOnce(ctx context.Context, pushes []Push) answer {
	if pushes[0].Delivery == "" {
		return h.accept(ctx, pushes)
	}
	id := string(pushes[0].Forge) + " " + pushes[0].Delivery
	for {
		h.mu.Lock()
		first := h.pending[id]
		if first == nil {
			break
		}
		h.mu.Unlock()
		select {
		case <-first:
		case <-ctx.Done():
			return failed(context.Cause(ctx))
		}
	}
	done := make(chan struct{})
	h.pending[id] = done
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		delete(h.pending, id)
		h.mu.Unlock()
		close(done)
	}()

	if h.opt.Deliveries.Seen(id) {
		return answer{status: http.StatusAccepted, result: Repeated, text: "already accepted"}
	}
	a := h.accept(ctx, pushes)
	if a.result == Accepted {
		a.cause = h.opt.Deliveries.Remember(id)
	}
	return a
}

// accept records pushes, also if the sender has hung up.
func (h *handler) accept(ctx context.Context, pushes []Push) answer {
	for _, p := range pushes {
		known, err := h.opt.Accept(context.WithoutCancel(ctx), p)
		switch {
		case err != nil:
			return failed(err)
		case !known:
			return unknown(p)
		}
	}
	return answer{status: http.StatusAccepted, result: Accepted, text: "accepted"}
}

func unknown(push Push) answer {
	return answer{status: http.StatusNotFound, result: Unknown,
		text: "no site here uses the repository " + Repository(push.Addresses[0])}
}

func malformed(err error) answer {
	return answer{status: http.StatusBadRequest, result: Malformed, text: err.Error()}
}

func failed(err error) answer {
	return answer{
		status: http.StatusServiceUnavailable,
		result: Failed,
		text:   "not accepted; deliver it again",
		cause:  err,
	}
}

// bodyError answers a request whose body could not be read. The text of an
// unexpected error is not sent.
func bodyError(err error) answer {
	switch {
	case errors.Is(err, errTooLarge):
		return answer{status: http.StatusRequestEntityTooLarge, result: Malformed, text: err.Error()}
	case errors.Is(err, errTooSlow):
		return answer{status: http.StatusRequestTimeout, result: Busy, text: err.Error()}
	case errors.Is(err, errNoSlot):
		return answer{status: http.StatusServiceUnavailable, result: Busy, text: err.Error() + "; deliver it again"}
	case errors.Is(err, errTruncated):
		return malformed(err)
	}
	return failed(err)
}

// isForm reports whether the body is a form and not JSON.
func isForm(f *forge, h http.Header) (bool, error) {
	if e := h.Get("Content-Encoding"); e != "" && e != "identity" {
		return false, errors.New("a body must not be compressed")
	}
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	switch {
	case err == nil && kind == "application/json":
		return false, nil
	case err == nil && kind == "application/x-www-form-urlencoded" && f.form != jsonOnly:
		return true, nil
	}
	return false, errors.New("set the webhook's content type to application/json")
}

// log writes one line for a delivery.
func (h *handler) log(ctx context.Context, d delivery, a answer, took time.Duration) {
	level := slog.LevelInfo
	switch a.result {
	case Failed:
		level = slog.LevelError
	case Unsigned, Malformed, Unknown, Busy:
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{
		slog.String("path", d.hook.Path),
		slog.String("delivery", d.id),
		slog.String("event", d.event),
		slog.String("result", string(a.result)),
		slog.Int("status", a.status),
		slog.Int("bytes", d.bytes),
		slog.Duration("took", took),
	}
	if len(d.pushes) > 0 {
		attrs = append(attrs,
			slog.String("repository", Repository(d.pushes[0].Addresses[0])),
			slog.String("branch", d.pushes[0].Branch()),
			slog.String("commit", d.pushes[0].After))
	}
	if a.cause != nil {
		attrs = append(attrs, slog.String("problem", a.cause.Error()))
	} else if level == slog.LevelWarn {
		attrs = append(attrs, slog.String("problem", a.text))
	}
	h.opt.Log.LogAttrs(ctx, level, "webhook", attrs...)
}
