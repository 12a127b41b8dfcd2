package clients_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
)

// event is what wrangler tail prints in JSON.
type event struct {
	Outcome       string
	ScriptName    string
	ScriptVersion struct{ ID string }
	Event         struct {
		Request struct{ Method, URL string }
	}
	Logs []struct {
		Level   string
		Message []any
	}
	Exceptions []struct{ Name, Message, Stack string }
}

// wrangler tail shows the events of a Worker, from a process that ran before it and from one that
// started later.
func TestWranglerTail(t *testing.T) {
	t.Parallel()
	p := startProject(t)
	deploy := func(text string) {
		p.write("worker.js", `export default { fetch(request) {
			console.log("visit", { of: "`+text+`" });
			if (new URL(request.url).pathname === "/broken") throw new TypeError("no `+text+`");
			return new Response("`+text+`");
		} }`)
		p.must("deploy")
	}
	deploy("one")
	p.visit("site", "/before")
	events := p.tail("site", "--format", "json")

	p.visit("site", "/after")
	e := events()
	if e.Outcome != "ok" || e.ScriptName != "site" || e.ScriptVersion.ID == "" || e.Event.Request.Method != "GET" ||
		!strings.HasSuffix(e.Event.Request.URL, "/after") {
		t.Errorf("event of a request: %+v", e)
	}
	if len(e.Logs) != 1 || e.Logs[0].Level != "log" || e.Logs[0].Message[0] != "visit" {
		t.Errorf("console output: %+v", e.Logs)
	}
	p.visit("site", "/broken")
	if e := events(); e.Outcome != "exception" || len(e.Exceptions) != 1 || e.Exceptions[0].Name != "TypeError" ||
		e.Exceptions[0].Message != "no one" || !strings.Contains(e.Exceptions[0].Stack, "worker.js") {
		t.Errorf("event of an exception: %+v", e)
	}
	deploy("two")
	p.visit("site", "/broken")
	if e := events(); len(e.Exceptions) != 1 || e.Exceptions[0].Message != "no two" {
		t.Errorf("event of the next version: %+v", e)
	}
}

// tail starts wrangler tail and returns a function that waits for the next event. Events are kept
// from then on, also those that happen before wrangler reads them.
func (p *project) tail(script string, args ...string) (next func() event) {
	p.Helper()
	ctx := context.WithoutCancel(p.Context()) // it ends before the clean-up
	cmd := p.wrangler.Command(ctx, p.API, p.dir, append([]string{"tail", script}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		p.Fatal(err)
	}
	cmd.Stderr, cmd.WaitDelay = p.Output(), hangLimit
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // wrangler.js runs another process
	if err := cmd.Start(); err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
		// wrangler ends with 0, or with 130 if a second handler of the signal is first.
		if err := cmd.Wait(); err != nil && cmd.ProcessState.ExitCode() != 130 {
			p.Errorf("wrangler tail after Ctrl-C: %v", err)
		}
		if !p.asked("workers.tails.delete") {
			p.Error("wrangler tail has not deleted its tail")
		}
	})
	p.waitFor("wrangler tail", func() bool { return p.asked("workers.tails.create") })
	decoder := json.NewDecoder(bufio.NewReader(out))
	return func() (e event) {
		p.Helper()
		if err := decoder.Decode(&e); err != nil {
			p.Fatal(err)
		}
		return e
	}
}

// visit requests a path of a site and returns the response.
func (p *project) visit(script, path string) (status int, body string) {
	p.Helper()
	resp, err := http.Get(p.SiteURL(script) + path)
	if err != nil {
		p.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		p.Fatal(err)
	}
	return resp.StatusCode, string(raw)
}
