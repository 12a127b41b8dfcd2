package workers

import (
	"context"
	_ "embed" // the module of the tail Worker
	"encoding/json"
	"fmt"
	"net"
	"net/http"

	"github.com/kv-sync/kv-sync/internal/platform/scripts"
	"github.com/kv-sync/kv-sync/internal/workerd"
)

// Each process has a tail Worker, which gets the events of all its Workers. It passes them on
// only while somebody listens, because that takes half a millisecond for each request.

//go:embed tail.mjs
var tailModule []byte

// tailService is the name of the tail Worker and of its socket, tailFile that of its module.
const tailService, tailFile = "tail", "tail.mjs"

// tail adds the tail Worker.
func (b *configBuilder) tail() {
	b.files[tailFile] = tailModule
	b.services = append(b.services,
		fmt.Sprintf("(name = %q, worker = (modules = [(name = %q, esModule = embed %q)], compatibilityDate = %q, "+
			"bindings = [(name = \"platform\", service = \"tail-sink\")]))",
			tailService, tailFile, tailFile, workerd.CompatibilityDate()),
		fmt.Sprintf("(name = \"tail-sink\", external = (address = %s, http = ()))",
			workerd.Quote("unix:"+b.workers.options.Edge.TailSocket())))
	b.socket(tailService, tailService)
}

// tailed returns the setting with which a version sends its events to the tail Worker.
func (b *configBuilder) tailed(m member, v *scripts.Version) string {
	props, _ := json.Marshal(map[string]string{"account": b.plan.account, "script": m.name, "version": v.ID})
	return fmt.Sprintf("tails = [(name = %q, props = (json = %s))]", tailService, workerd.Quote(string(props)))
}

// Listen makes all processes send the events of their Workers to the edge, or stop sending
// them. It returns when they do so.
func (w *Workers) Listen(on bool) {
	w.refreshing.Lock()
	defer w.refreshing.Unlock()
	w.listening = on
	w.mu.Lock()
	told := map[*running]bool{}
	for _, st := range w.sites {
		if r := st.running(); r != nil && r.process != nil {
			told[r] = true
		}
	}
	w.mu.Unlock()
	for r := range told {
		w.listenTo(r.process, on)
	}
}

// listenTo makes a process send events, or stop sending them. It ignores a process that has ended,
// because the next process gets the setting when it starts.
func (w *Workers) listenTo(process *workerd.Process, on bool) {
	method := http.MethodDelete
	if on {
		method = http.MethodPut
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return process.Dial(ctx, tailService) }
	transport := &http.Transport{DisableKeepAlives: true, DialContext: dial}
	request, err := http.NewRequestWithContext(w.life, method, "http://tail/", http.NoBody)
	if err != nil {
		return
	}
	if response, err := transport.RoundTrip(request); err == nil {
		_ = response.Body.Close()
	}
}
