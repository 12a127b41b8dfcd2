package workerlog

import (
	"encoding/json"
	"strings"
	"testing"
)

// sourceMap maps index.js:2:3 to src/lib.ts:10:5.
const sourceMap = `{"version":3,"sources":["src/lib.ts"],"names":[],"mappings":";EASI"}`

func newLog(names ...string) (*Process, *strings.Builder) {
	var to strings.Builder
	workers := map[string]Worker{}
	for _, name := range names {
		workers["worker-"+name] = Worker{Name: name, Map: func(module string) []byte {
			return map[string][]byte{"index.js": []byte(sourceMap), "broken.js": []byte("{")}[module]
		}}
	}
	return NewProcess(workers, &to), &to
}

func check(t *testing.T, got *strings.Builder, want ...string) {
	t.Helper()
	if text := strings.Join(want, "\n"); strings.TrimSuffix(got.String(), "\n") != text {
		t.Errorf("the log is\n%s\nwant\n%s", got, text)
	}
	got.Reset()
}

func print(p *Process, level, message string) {
	raw, err := json.Marshal(map[string]any{"timestamp": 1, "level": level, "message": message})
	if err != nil {
		panic(err)
	}
	_, _ = p.Write(append(raw, '\n')) // a string builder takes everything
}

// Each line of a Worker's output has the Worker's name, so it cannot look like a line of another
// Worker.
func TestConsole(t *testing.T) {
	p, to := newLog("site")
	print(p, "log", "one\n[other] two\r\x1b[2Kthree\ttab\n")
	print(p, "error", "four")
	check(t, to, `[site] one`, `[site] [other] two\r\x1b[2Kthree    tab`, `[site] error: four`)
	_, _ = p.Write([]byte("not JSON \x07\n" +
		`{"timestamp":"1","level":"error","source":"a.c++:1","message":"disk\nfull"}` + "\n"))
	check(t, to, `workerd: not JSON \a`, `workerd: error: disk\nfull`)
}

// One write of workerd may contain a part of a line, or several lines.
func TestParts(t *testing.T) {
	p, to := newLog("site")
	for _, part := range []string{`{"level":"lo`, `g","message":"a"}` + "\n" + `{"level":"log","message":"b"}`, "\n"} {
		_, _ = p.Write([]byte(part))
	}
	check(t, to, "[site] a", "[site] b")
	_, _ = p.Write([]byte(strings.Repeat("x", 2*maxLine+10)))
	if lines := strings.Count(to.String(), "\n"); lines != 2 {
		t.Errorf("a line without an end is cut into %d lines, want 2", lines)
	}
}

// If there are several Workers, only the tail Worker knows which one prints. At the start there is
// no tail Worker, so the line names all of them.
func TestConsoleOfSeveral(t *testing.T) {
	p, to := newLog("api", "web")
	print(p, "log", "whose")
	check(t, to, "")
	p.report(event{Service: "worker-api", Type: "log", Level: "warn", Text: json.RawMessage(`["mine",1,{"a":null}]`)})
	p.report(event{Service: "worker-none", Type: "log", Text: json.RawMessage(`["nobody's"]`)})
	check(t, to, `[api] warn: mine 1 {"a":null}`)
	_, _ = p.Write([]byte(`{"timestamp":0,"level":"log","message":"starting"}` + "\n"))
	check(t, to, "[api or web] starting")
}

func TestException(t *testing.T) {
	p, to := newLog("site")
	p.report(event{Service: "worker-site", Type: "exception", Name: "TypeError",
		Text: json.RawMessage(`"no\n05:00:00 forged\u001b[31m"`),
		Stack: "    at fail (index.js:2:3)\n    at index.js:2:3\n" +
			"    at broken.js:1:1\n    at other.js:7:8\n    at index.js:1:1"})
	check(t, to, "[site] Uncaught TypeError: no", `[site] 05:00:00 forged\x1b[31m`,
		"[site]     at fail (src/lib.ts:10:5)",
		"[site]     at src/lib.ts:10:5", "[site]     at broken.js:1:1", "[site]     at other.js:7:8",
		"[site]     at index.js:1:1")
	p.report(event{Service: "worker-site", Type: "exception", Name: "Error", Text: json.RawMessage(`"only text"`)})
	check(t, to, "[site] Uncaught Error: only text")
	_, _ = p.Write([]byte(`{"timestamp":"1","level":"error","source":"a.c++:1","message":` +
		`"Uncaught exception: x: failed: remote.jsg.Error: only text"}` + "\n"))
	check(t, to, "")
}

// A process that did not start has printed JSON. Failure returns its text, with positions in the source.
func TestFailure(t *testing.T) {
	p, _ := newLog("site")
	got := p.Failure(`{"timestamp":"1","level":"error","source":"entry.rs:170","message":` +
		`"service worker-site: Uncaught Error: no\n  at index.js:2:3 in start\n  at index.js:2:3\n  at other.js:2:3"}` +
		"\n" + `{"level":"warn","source":"server.c++:1","message":"service worker-site: no class"}` +
		"\n" + `{"level":"error","source":"entry.rs:170","message":"service worker-none: at index.js:2:3"}` +
		"\nas it is")
	want := "service worker-site: Uncaught Error: no\n  at src/lib.ts:10:5 in start\n  at src/lib.ts:10:5\n" +
		"  at other.js:2:3\nservice worker-none: at index.js:2:3\nas it is"
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
