package clients_test

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// offline are variables that keep commands from other servers than the platform.
var offline = []string{
	"npm_config_registry=http://127.0.0.1:1", "npm_config_fetch_retries=0",
	"HTTPS_PROXY=http://127.0.0.1:1", "BROWSER=true",
}

// session runs commands of wrangler, one after another in one process.
type session struct {
	*project
	requests  io.Writer
	responses *json.Decoder
	names     []string            // the commands that wrangler has
	arguments map[string][]string // arguments that a command accepts
}

// startSession starts a process of wrangler in the project's folder.
func (p *project) startSession() *session {
	p.Helper()
	driver, err := filepath.Abs("testdata/wrangler.cjs")
	if err != nil {
		p.Fatal(err)
	}
	cmd := p.wrangler.Node(p.Context(), p.dir, driver, filepath.Join(p.wrangler.Package(), "wrangler-dist", "cli.js"))
	cmd.Env = slices.Concat(p.wrangler.Command(p.Context(), p.API, p.dir).Env, offline)
	cmd.Stderr = p.Output()
	requests, err := cmd.StdinPipe()
	if err != nil {
		p.Fatal(err)
	}
	responses, err := cmd.StdoutPipe()
	if err != nil {
		p.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() {
		_ = requests.Close()
		_ = cmd.Wait() // the context of the test has ended
	})
	s := &session{project: p, requests: requests, responses: json.NewDecoder(bufio.NewReader(responses))}
	s.readCommands()
	return s
}

// readCommands reads which commands wrangler has, and the arguments in testdata. A command has such
// arguments if a value for each required argument is not enough.
func (s *session) readCommands() {
	s.Helper()
	var list []struct {
		Name string
		Args []string
	}
	if err := s.responses.Decode(&list); err != nil {
		s.Fatal(err)
	}
	s.arguments = map[string][]string{}
	for _, c := range list {
		s.names = append(s.names, c.Name)
		s.arguments[c.Name] = c.Args
	}
	lines, err := os.ReadFile("testdata/arguments.txt")
	if err != nil {
		s.Fatal(err)
	}
	for line := range strings.Lines(string(lines)) {
		name := s.commandOf(line)
		s.arguments[name] = strings.Fields(strings.TrimPrefix(line, name))
	}
}

// commandOf returns the command with which a line begins.
func (s *session) commandOf(line string) (name string) {
	s.Helper()
	for _, candidate := range s.names {
		if strings.HasPrefix(line+" ", candidate+" ") && len(candidate) > len(name) {
			name = candidate
		}
	}
	if name == "" {
		s.Fatalf("wrangler has no such command: %s", line)
	}
	return name
}

// run runs a command, and reports whether it has failed.
func (s *session) run(args []string) (out string, failed bool) {
	s.Helper()
	request, err := json.Marshal(map[string]any{"args": args, "input": "value\n"})
	if err != nil {
		s.Fatal(err)
	}
	if _, err := s.requests.Write(append(request, '\n')); err != nil {
		s.Fatal(err)
	}
	var response struct {
		Output string
		Failed bool
	}
	if err := s.responses.Decode(&response); err != nil {
		s.Fatalf("wrangler %s: %v", strings.Join(args, " "), err)
	}
	return plain([]byte(response.Output)), response.Failed
}
