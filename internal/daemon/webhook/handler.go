package webhook

import (
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

// handler is what [New] returns.
type handler struct {
	opt    Options
	hooks  map[string]hook
	bodies *bodies

	// busy has an entry for each delivery that is being accepted, so that of two
	// with one id the second waits to see what becomes of the first.
	mu   sync.Mutex
	busy map[string]chan struct{}
}

type hook struct {
	Hook
	keys keys
}

// New returns a handler that takes deliveries at the hooks' paths and is not found
// at any other. Its answers are a line of text: 202 for what was noted or needs no
// note, so that a forge counts it as delivered.
//
// A hook without a secret is an error: there is no delivery that could be believed.
func New(opt Options) (http.Handler, error) {
	if opt.Deliveries == nil {
		opt.Deliveries = NewRecent()
	}
	if opt.Observe == nil {
		opt.Observe = func(Forge, Result) {}
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.BodyTime == 0 {
		opt.BodyTime = 10 * time.Second
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	h := &handler{opt: opt, hooks: make(map[string]hook), bodies: newBodies(opt.BodyTime), busy: make(map[string]chan struct{})}
	for _, k := range opt.Hooks {
		if !slices.Contains(Forges, k.Forge) {
			return nil, fmt.Errorf("webhook %s: no forge is called %q: github, gitlab or gitea", k.Path, k.Forge)
		}
		if _, twice := h.hooks[k.Path]; twice || !strings.HasPrefix(k.Path, "/") {
			return nil, fmt.Errorf("webhook %s: each needs a path of its own that begins with a slash", k.Path)
		}
		keys, err := newKeys(k.Forge, k.Secrets)
		if err != nil {
			return nil, fmt.Errorf("webhook %s: %w", k.Path, err)
		}
		h.hooks[k.Path] = hook{Hook: k, keys: keys}
	}
	return h, nil
}

// answer is how a delivery ends: for its sender, for the log and for the counters.
type answer struct {
	status int
	result Result
	text   string
	cause  error // for the log alone
}

// delivery is what the log says of one.
type delivery struct {
	hook      hook
	id, event string
	push      Push // as far as it is known
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
		http.Error(w, "deliveries come by POST", http.StatusMethodNotAllowed)
		return
	}
	started := time.Now()
	d := delivery{hook: k, id: header(r.Header, deliveryHeaders[k.Forge]), event: header(r.Header, eventHeaders[k.Forge])}
	a := h.take(w, r, &d)
	h.opt.Observe(k.Forge, a.result)
	h.log(r.Context(), d, a, time.Since(started))

	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if a.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "10")
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.text+"\n") // nobody is left to tell
}

// take does all for a delivery but the telling.
func (h *handler) take(w http.ResponseWriter, r *http.Request, d *delivery) answer {
	form, err := isForm(d.hook.Forge, r.Header)
	if err != nil {
		return answer{status: http.StatusUnsupportedMediaType, result: Malformed, text: err.Error()}
	}
	p, err := d.hook.keys.proof(d.hook.Forge, r.Header, h.opt.Now())
	if err != nil {
		return answer{status: http.StatusUnauthorized, result: Unsigned, text: err.Error()}
	}
	body, done, err := h.bodies.read(w, r)
	defer done()
	if err != nil {
		return unread(err)
	}
	d.bytes = len(body)

	// GitHub signs the form, Gitea the payload that it then puts into one: there
	// the decoding comes first, and does nothing but take away percent signs.
	if form && d.hook.Forge == Gitea {
		if body, err = formPayload(body); err != nil {
			return malformed(err)
		}
	}
	if !d.hook.keys.proves(p, body) {
		return answer{status: http.StatusUnauthorized, result: Unsigned, text: "the signature is wrong: is the secret the same on both sides?"}
	}
	if form && d.hook.Forge != Gitea {
		if body, err = formPayload(body); err != nil {
			return malformed(err)
		}
	}
	return h.believe(r, d, body)
}

// believe goes on with a delivery that is the forge's.
func (h *handler) believe(r *http.Request, d *delivery, body []byte) answer {
	if d.event == "ping" {
		return answer{status: http.StatusOK, result: Ignored, text: "ready for pushes"}
	}
	if !isPush(d.hook.Forge, d.event) {
		return answer{status: http.StatusAccepted, result: Ignored, text: "ignored: only pushes count"}
	}
	push, err := parse(body)
	if errors.Is(err, errNoBranch) {
		return answer{status: http.StatusAccepted, result: Ignored, text: "ignored: " + err.Error()}
	}
	if err != nil {
		return malformed(err)
	}
	push.Forge, push.Delivery = d.hook.Forge, d.id
	d.push = push
	if len(d.hook.Remotes) > 0 && !slices.ContainsFunc(d.hook.Remotes, push.Of) {
		return unknown(push)
	}
	return h.once(r.Context(), push)
}

// once has a push accepted unless that was done before for the same delivery. What
// was not accepted is not remembered, so it can be delivered again.
func (h *handler) once(ctx context.Context, push Push) answer {
	if push.Delivery == "" {
		return h.accept(ctx, push)
	}
	id := string(push.Forge) + " " + push.Delivery
	for {
		h.mu.Lock()
		first := h.busy[id]
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
	end := make(chan struct{})
	h.busy[id] = end
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		delete(h.busy, id)
		h.mu.Unlock()
		close(end)
	}()

	if h.opt.Deliveries.Seen(id) {
		return answer{status: http.StatusAccepted, result: Repeated, text: "already taken"}
	}
	a := h.accept(ctx, push)
	if a.result == Accepted {
		a.cause = h.opt.Deliveries.Remember(id)
	}
	return a
}

func (h *handler) accept(ctx context.Context, push Push) answer {
	// A sender that hangs up has still told of a push.
	switch known, err := h.opt.Accept(context.WithoutCancel(ctx), push); {
	case err != nil:
		return failed(err)
	case !known:
		return unknown(push)
	}
	return answer{status: http.StatusAccepted, result: Accepted, text: "taken"}
}

func unknown(push Push) answer {
	return answer{status: http.StatusNotFound, result: Unknown,
		text: "no site here has the repository " + Repository(push.Addresses[0])}
}

func malformed(err error) answer {
	return answer{status: http.StatusBadRequest, result: Malformed, text: err.Error()}
}

func failed(err error) answer {
	return answer{status: http.StatusServiceUnavailable, result: Failed, text: "not taken: deliver it again", cause: err}
}

// unread is what a body that could not be read is answered with. Only our own
// words go out.
func unread(err error) answer {
	switch {
	case errors.Is(err, errTooLarge):
		return answer{status: http.StatusRequestEntityTooLarge, result: Malformed, text: err.Error()}
	case errors.Is(err, errTooSlow):
		return answer{status: http.StatusRequestTimeout, result: Busy, text: err.Error()}
	case errors.Is(err, errNoPlace):
		return answer{status: http.StatusServiceUnavailable, result: Busy, text: err.Error() + ": deliver it again"}
	case errors.Is(err, errCutShort):
		return malformed(err)
	}
	return failed(err)
}

// isForm tells the two content types apart that GitHub and Gitea offer; GitLab has
// but one.
func isForm(forge Forge, h http.Header) (bool, error) {
	if e := h.Get("Content-Encoding"); e != "" && e != "identity" {
		return false, errors.New("a body must not be compressed")
	}
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	switch {
	case err == nil && kind == "application/json":
		return false, nil
	case err == nil && kind == "application/x-www-form-urlencoded" && forge != GitLab:
		return true, nil
	}
	return false, errors.New("set the webhook's content type to application/json")
}

// log writes the delivery's line. What a stranger sent is in it only where it is
// short and plain.
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
	if d.push.Ref != "" {
		attrs = append(attrs,
			slog.String("repository", Repository(d.push.Addresses[0])),
			slog.String("branch", d.push.Branch()),
			slog.String("commit", d.push.After))
	}
	if a.cause != nil {
		attrs = append(attrs, slog.String("problem", a.cause.Error()))
	} else if level == slog.LevelWarn {
		attrs = append(attrs, slog.String("problem", a.text))
	}
	h.opt.Log.LogAttrs(ctx, level, "webhook", attrs...)
}
