package clients_test

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// waits are the commands that run until somebody interrupts them.
var waits = []string{"dev", "pages dev", "tail"}

// Each row of the table is true, and wrangler has no command without a row. The rows run in order, in
// one project: later ones use what earlier ones have created.
func TestCommands(t *testing.T) {
	t.Parallel()
	p := startProject(t)
	p.write("pairs.json", `[{"key":"a","value":"1"},{"key":"b","value":"2"}]`)
	p.write("keys.json", `["a","b"]`)
	p.write("secrets.json", `{"FIRST":"1","SECOND":"2"}`)
	p.write("rules.json", `{"rules":[]}`)
	p.write("vectors.ndjson", `{"id":"1","values":[1]}`)
	p.write("finetune/adapter_config.json", "{}")
	p.write("finetune/adapter_model.safetensors", "")
	p.write("functions/index.js", "export const onRequest = () => new Response()")
	p.configure(`,"triggers":{"crons":["0 9 * * *"]},"previews":{},
		"env":{"data":{"d1_databases":[{"binding":"DB","database_name":"orders","database_id":"orders"}]}}`)
	rows, s := table(t), p.startSession()
	for i, names := range assign(t, rows, s.names) {
		for _, name := range names {
			args := append(strings.Fields(name), s.arguments[name]...)
			if line := strings.Join(rows[i].example, " "); s.commandOf(line) == name {
				args = rows[i].example
			}
			s.check(rows[i], name, s.filledIn(args))
		}
	}
}

// check runs a command and checks what its row says.
func (s *session) check(row command, name string, args []string) {
	s.Helper()
	before := len(s.Server.Requests())
	var out string
	var failed bool
	if slices.Contains(waits, name) {
		out = s.interrupt(args, row.quoted[0])
	} else {
		out, failed = s.run(args)
	}
	requests := s.Server.Requests()[before:]
	unknown := len(requests) > 0 && requests[len(requests)-1].Kind == "unknown"
	named := strings.Contains(out, "the local platform does not model")
	text := "wrangler " + strings.Join(args, " ")
	switch row.outcome {
	case works:
		if failed {
			s.Errorf("%s has failed:\n%s", text, out)
		}
	case notModelled:
		// Of some errors wrangler shows only that there is one. The row quotes what it shows.
		if !failed || !named && (len(row.quoted) == 0 || !unknown) {
			s.Errorf("%s has not named what is not modelled:\n%s", text, out)
		}
	case elsewhere:
		if len(requests) > 0 {
			s.Errorf("%s: a request has reached the platform\n%s", text, out)
		}
	case differs:
	default:
		s.Errorf("the row of %s has the outcome %q", row.name, row.outcome)
	}
	s.contains(text, out, row.quoted...)
}

// interrupt runs a command in a process of its own until it has printed a text.
func (s *session) interrupt(args []string, text string) string {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), hangLimit)
	defer cancel()
	cmd := s.wrangler.Command(ctx, s.API, s.dir, args...)
	out := &output{}
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = out, out, hangLimit
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // wrangler.js runs another process
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	s.waitFor(strings.Join(args, " "), func() bool { return strings.Contains(out.text(), text) })
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
	_ = cmd.Wait() // the exit code after an interrupt differs
	return out.text()
}

// filledIn replaces what only the platform knows: the newest version and the first namespace.
func (p *project) filledIn(args []string) (filled []string) {
	for _, arg := range args {
		switch arg {
		case "<version>":
			var list struct{ Items []struct{ ID string } }
			_ = json.Unmarshal([]byte(p.ask("GET", "/workers/scripts/site/versions", "")), &list)
			arg = list.Items[0].ID
		case "<namespace>":
			var list []struct{ ID string }
			_ = json.Unmarshal([]byte(p.ask("GET", "/storage/kv/namespaces", "")), &list)
			arg = list[0].ID
		}
		filled = append(filled, arg)
	}
	return filled
}

// output is what a command has printed so far.
type output struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.Write(b)
}

func (o *output) text() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return plain(o.buffer.Bytes())
}

var escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")

// plain returns a text without colours.
func plain(text []byte) string { return escapes.ReplaceAllString(string(text), "") }
