package app_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
	"github.com/kv-sync/kv-sync/sync/plan"
)

// wiki is a site whose Worker reads and writes its assets as requests tell it.
var wiki = map[string]string{
	"public/index.html":   "home",
	"public/page-00.html": "deployed",
	"kv-sync.toml":        "[overlay]\nwrite = true\n",
	"wrangler.jsonc": `{ "name": "tides", "main": "src/index.ts", "compatibility_date": "2026-10-01",
		"assets": { "directory": "public", "binding": "ASSETS", "run_worker_first": ["/do"] } }`,
	"src/index.ts": `export default { async fetch(request: Request, { ASSETS }: any): Promise<Response> {
	if (new URL(request.url).pathname !== "/do") return new Response("nothing", { status: 404 });
	const { verb, path, value, etag, other } = await request.json() as any;
	const onlyIf = etag === undefined ? undefined : etag === "" ? { etagDoesNotMatch: "*" } : { etagMatches: etag };
	switch (verb) {
		case "get": {
			const found = await ASSETS.get(path);
			return Response.json(found && { etag: found.etag, value: await new Response(found.body).text() });
		}
		case "put": return Response.json(await ASSETS.put(path, value, { onlyIf }));
		case "delete": return Response.json(await ASSETS.delete(path, { onlyIf }));
		case "publish": return Response.json(await ASSETS.publish([{ put: path, body: value }, { put: other, body: value }]));
	}
	return new Response("no such verb", { status: 400 });
} }`,
}

// wikiOp is an operation on one pathname, wikiAnswer its result.
type (
	wikiOp struct {
		Verb  string  `json:"verb"`
		Path  string  `json:"path"`
		Value string  `json:"value,omitempty"`
		Other string  `json:"other,omitempty"`
		ETag  *string `json:"etag,omitempty"`
		// expected is the value whose ETag is ETag.
		expected string
	}
	wikiAnswer struct {
		value  string // of a get; "" if there is no file
		failed bool   // the condition was false
		lost   bool   // there was no answer, so the operation may have been done or not
	}
)

// wikiModel models one pathname as a value that is written and read; "" means no file. An
// operation whose answer was lost may take effect at any later time, or never.
var wikiModel = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byPath := map[string][]porcupine.Operation{}
		for _, op := range history {
			path := op.Input.(wikiOp).Path
			byPath[path] = append(byPath[path], op)
		}
		parts := make([][]porcupine.Operation, 0, len(byPath))
		for _, part := range byPath {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() any { return "" },
	Step: func(state, input, output any) (bool, any) {
		is, op, answer := state.(string), input.(wikiOp), output.(wikiAnswer)
		holds := op.ETag == nil || is == op.expected
		switch {
		case op.Verb == "get":
			return answer.value == is, is
		case answer.lost && !holds:
			return true, is
		case answer.lost:
			return true, op.Value
		case answer.failed:
			return !holds, is
		}
		return holds, op.Value // a delete has the value ""
	},
	Equal: func(a, b any) bool { return a == b },
	DescribeOperation: func(input, output any) string {
		return fmt.Sprintf("%+v %+v", input, output)
	},
}

// hangLimit only bounds a hang: no test's outcome depends on it.
const hangLimit = 2 * time.Minute

const (
	wikiWriters = 50
	wikiPaths   = 20
	wikiOps     = 4_000
	wikiKills   = 5
)

// Many clients write to few pathnames at the same time through the binding, while workerd is
// killed several times. A history checker then verifies that the history is linearizable: no
// acknowledged write is lost, and no read returns a replaced value.
func TestOverlayHistory(t *testing.T) {
	t.Parallel()
	f := platformtest.Start(t)
	root := t.TempDir()
	writeAll(t, root, wiki)
	site := open(t, inputs(root, f))
	if _, err := site.Deploy(t.Context(), plan.Options{}); err != nil {
		t.Fatal(err)
	}
	w := &wikiRun{t: t, f: f, began: time.Now()}
	w.client.Transport = &http.Transport{MaxIdleConnsPerHost: wikiWriters}
	// The model starts without files, and page-00.html was deployed.
	w.do(0, wikiOp{Verb: "delete", Path: wikiPath(0)})

	stop := make(chan struct{})
	var killer, writers sync.WaitGroup
	killer.Go(func() { w.kill(stop) })
	for client := range wikiWriters {
		writers.Go(func() { w.write(client, wikiOps/wikiWriters) })
	}
	writers.Wait()
	close(stop)
	killer.Wait()

	final := map[string]string{}
	for i := range wikiPaths {
		path := wikiPath(i)
		for {
			answer := w.do(0, wikiOp{Verb: "get", Path: path})
			if !answer.lost {
				final[path] = answer.value
				break
			}
		}
	}
	t.Logf("%d operations in %s, %d lost, %d kills", len(w.history), time.Since(w.began).Round(time.Millisecond),
		w.lost.Load(), w.kills)
	if w.kills < wikiKills {
		t.Errorf("workerd was killed %d times, want %d", w.kills, wikiKills)
	}
	if len(w.history) < wikiOps {
		t.Errorf("the history has %d operations, want %d", len(w.history), wikiOps)
	}
	result, info := porcupine.CheckOperationsVerbose(wikiModel, w.history, 0) // 0 is no time limit
	if result != porcupine.Ok {
		name := filepath.Join(t.ArtifactDir(), "overlay-history.html")
		_ = porcupine.VisualizePath(wikiModel, info, name)
		t.Errorf("the history is %s; %s shows it", result, name)
	}
	w.converges(final)
}

func wikiPath(i int) string { return fmt.Sprintf("/page-%02d.html", i) }

type wikiRun struct {
	t      *testing.T
	f      *platformtest.Fixture
	client http.Client
	began  time.Time
	kills  int
	lost   atomic.Int64

	mu      sync.Mutex
	history []porcupine.Operation
}

// write does a number of operations, one after the other. For some of them the last value that it
// read is the condition.
func (w *wikiRun) write(client, ops int) {
	random := rand.New(rand.NewPCG(1, uint64(client)))
	seen := map[string]string{}
	for i := range ops {
		path := wikiPath(random.IntN(wikiPaths))
		op := wikiOp{Verb: "put", Path: path, Value: fmt.Sprintf("%s %d.%d", path, client, i)}
		switch n := random.IntN(10); {
		case n < 3:
			op.Verb, op.Value = "get", ""
		case n < 4:
			op.Verb, op.Value = "delete", ""
		case n < 6:
			etag := etagOf(seen[path])
			op.ETag, op.expected = &etag, seen[path]
		case n < 7:
			op.Verb, op.Other = "publish", wikiPath(random.IntN(wikiPaths))
			if op.Other == path {
				op.Other = wikiPath(wikiPaths) // a path that no other operation writes
			}
		}
		answer := w.do(client, op)
		if !answer.lost && op.Verb == "get" {
			seen[path] = answer.value
		}
		// While workerd starts, the answers of further writes would be lost too, and the checker
		// takes too long with many of these.
		for answer.lost && w.t.Context().Err() == nil {
			time.Sleep(20 * time.Millisecond)
			answer = w.do(client, wikiOp{Verb: "get", Path: path})
		}
	}
}

func etagOf(value string) string {
	if value == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:])
}

// do sends an operation to the Worker and records it in the history with its times. It does not
// record a read whose answer was lost.
func (w *wikiRun) do(client int, op wikiOp) wikiAnswer {
	asked := time.Since(w.began).Nanoseconds()
	answer, err := w.ask(op)
	answered := time.Since(w.began).Nanoseconds()
	if err != nil {
		w.t.Errorf("%+v: %v", op, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if answer.lost {
		w.lost.Add(1)
		if op.Verb == "get" {
			return answer
		}
		answered = int64(1) << 62
	}
	took := porcupine.Operation{ClientId: client, Input: op, Call: asked, Output: answer, Return: answered}
	w.history = append(w.history, took)
	if op.Verb == "publish" {
		op.Path = op.Other
		took.Input = op
		w.history = append(w.history, took)
	}
	return answer
}

func (w *wikiRun) ask(op wikiOp) (wikiAnswer, error) {
	body, err := json.Marshal(op)
	if err != nil {
		return wikiAnswer{}, err
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), hangLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.f.SiteURL("tides")+"/do", bytes.NewReader(body))
	if err != nil {
		return wikiAnswer{}, err
	}
	res, err := w.client.Do(req)
	if err != nil {
		return wikiAnswer{lost: true}, nil //nolint:nilerr // workerd was killed
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return wikiAnswer{lost: true}, nil //nolint:nilerr // as above
	}
	var said *struct {
		OK          *bool
		ETag, Value string
	}
	if err := json.Unmarshal(text, &said); err != nil {
		return wikiAnswer{}, fmt.Errorf("%w: %s", err, text)
	}
	switch {
	case op.Verb == "get" && said == nil:
		return wikiAnswer{}, nil
	case op.Verb == "get":
		if said.ETag != etagOf(said.Value) {
			return wikiAnswer{}, fmt.Errorf("the ETag of %q is %s", said.Value, said.ETag)
		}
		return wikiAnswer{value: said.Value}, nil
	case said == nil || said.OK == nil:
		return wikiAnswer{}, fmt.Errorf("the answer is %s", text)
	}
	return wikiAnswer{failed: !*said.OK}, nil
}

// kill kills workerd several times, each time after an equal part of the operations.
func (w *wikiRun) kill(stop chan struct{}) {
	done := func() int {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.history)
	}
	for w.kills < wikiKills {
		for next := (w.kills + 1) * wikiOps / (wikiKills + 1); done() < next; {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
		if w.f.Server.KillWorker("tides") {
			w.kills++
		}
	}
}

// converges waits until visitors get the last values of the binding.
func (w *wikiRun) converges(final map[string]string) {
	w.f.Server.KillWorker("tides") // the caches of a running isolate would only delay this
	deadline := time.Now().Add(hangLimit)
	for path, want := range final {
		for {
			res, err := w.client.Get(w.f.SiteURL("tides") + strings.TrimSuffix(path, ".html"))
			var got []byte
			if err == nil {
				got, err = io.ReadAll(res.Body)
				_ = res.Body.Close()
			}
			if err == nil && (want == "" && res.StatusCode == http.StatusNotFound || want != "" &&
				res.StatusCode == http.StatusOK && string(got) == want) {
				break
			}
			if time.Now().After(deadline) {
				w.t.Errorf("visitors of %s get %q, %v; want %q", path, got, err, want)
				break
			}
			time.Sleep(200 * time.Millisecond)
		}
	}
}
