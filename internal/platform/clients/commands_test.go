package clients_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/kv-sync/kv-sync/internal/platform/platformtest"
)

// command is a row of the table of wrangler's commands in docs/local-platform.md.
type command struct {
	name    string // the command, or the group of commands
	outcome string
	example []string // arguments of wrangler
	quoted  []string // the texts that its output has
}

// The outcomes in the table.
const (
	works       = "works"        // exit code 0
	differs     = "differs"      // as the remarks say
	notModelled = "not modelled" // an error that names the request
	elsewhere   = "elsewhere"    // no request reaches the platform
)

// commandRow matches a row: command, outcome, example, remarks.
var commandRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([^|]+) \\| `wrangler ([^`]+)` \\| ([^|]*) \\|$")

// commands reads the table.
func commands(t *testing.T) (list []command) {
	t.Helper()
	page, err := os.ReadFile("../../../docs/local-platform.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(page), "\n## Commands of wrangler\n")
	if !ok {
		t.Fatal("docs/local-platform.md has no section about wrangler's commands")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	for _, row := range commandRow.FindAllStringSubmatch(section, -1) {
		c := command{name: row[1], outcome: row[2], example: strings.Fields(row[3])}
		if !strings.HasPrefix(row[3]+" ", c.name+" ") {
			t.Errorf("the example of %s is wrangler %s", c.name, row[3])
		}
		for _, text := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[4], -1) {
			c.quoted = append(c.quoted, text[1])
		}
		list = append(list, c)
	}
	if rows := strings.Count(section, "\n| `"); rows != len(list) {
		t.Errorf("the table has %d rows, of which %d have the form of a row", rows, len(list))
	}
	return list
}

// Each command that wrangler --help lists has a row, or each of its subcommands that are modelled.
func TestTableHasAllCommands(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), installLimit)
	defer cancel()
	w, err := platformtest.InstallWrangler(ctx)
	if err != nil {
		t.Fatal(err)
	}
	out, err := w.Command(ctx, platformtest.API{}, t.TempDir(), "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]bool{}
	for _, c := range commands(t) {
		name, _, _ := strings.Cut(c.name, " ")
		rows[name] = true
	}
	listed := regexp.MustCompile(`(?m)^  wrangler ([a-z0-9-]+)`).FindAllStringSubmatch(plain(out), -1)
	if len(listed) < 30 {
		t.Fatalf("wrangler --help lists %d commands:\n%s", len(listed), out)
	}
	for _, match := range listed {
		if !rows[match[1]] {
			t.Errorf("docs/local-platform.md has no row for wrangler %s", match[1])
		}
		delete(rows, match[1])
	}
	for name := range rows {
		t.Errorf("wrangler --help does not list %s", name)
	}
}

// Each row of the table is true. The rows before those that are not modelled run in order, in one
// project: later ones use what earlier ones have created.
func TestCommands(t *testing.T) {
	t.Parallel()
	p := startProject(t)
	p.write("pairs.json", `[{"key":"a","value":"1"},{"key":"b","value":"2"}]`)
	p.write("keys.json", `["a","b"]`)
	p.write("secrets.json", `{"FIRST":"1","SECOND":"2"}`)
	p.configure(`,"triggers":{"crons":["0 9 * * *"]}`)
	for _, c := range commands(t) {
		if c.outcome == notModelled {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				other := &project{t, p.Fixture, p.wrangler, t.TempDir()}
				other.configure(`,"previews":{}`) // wrangler preview wants the member
				other.write("worker.js", "export default {}")
				other.row(c)
			})
			continue
		}
		p.row(c)
	}
}

// row runs the example of a row and checks what the row says.
func (p *project) row(c command) {
	p.Helper()
	before := len(p.Server.Requests())
	out, err := p.example(c)
	text := "wrangler " + strings.Join(c.example, " ")
	switch {
	case c.outcome == works && err != nil:
		p.Errorf("%s: %v\n%s", text, err, out)
	case c.outcome == notModelled && (err == nil || !strings.Contains(out, "the local platform does not model")):
		p.Errorf("%s: %v\n%s", text, err, out)
	case c.outcome == elsewhere && len(p.Server.Requests()) != before:
		p.Errorf("%s: a request has reached the platform\n%s", text, out)
	}
	p.contains(text, out, c.quoted...)
}

// example runs the example of a row. A command that waits is interrupted after it has printed what
// the row quotes.
func (p *project) example(c command) (string, error) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), hangLimit)
	defer cancel()
	cmd := p.wrangler.Command(ctx, p.API, p.dir, p.filledIn(c.example)...)
	out := &output{}
	cmd.Stdout, cmd.Stderr, cmd.Stdin, cmd.WaitDelay = out, out, strings.NewReader("value\n"), hangLimit
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // wrangler.js runs another process
	cmd.Env = append(cmd.Env, "npm_config_registry=http://127.0.0.1:1", "npm_config_fetch_retries=0",
		"BROWSER=true")
	if c.name != "tail" && c.name != "dev" {
		err := cmd.Run()
		return out.text(), err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	p.waitFor(c.name, func() bool { return strings.Contains(out.text(), c.quoted[0]) })
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
	_ = cmd.Wait() // the exit code after an interrupt differs
	return out.text(), nil
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
