package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/platform"
)

// server is a local platform in another process.
type server struct {
	address
	cmd   *exec.Cmd
	stdin io.Closer // the server ends when it is closed
	dir   string
}

// address is printed by a server when it listens.
type address struct {
	API     string `json:"api"`
	Control string `json:"control"`
}

// serveRole runs the server until the end of its standard input, which is also the end of its
// parent process.
func serveRole(ctx context.Context, args []string) (err error) {
	f := flag.NewFlagSet("serve", flag.ContinueOnError)
	dir := f.String("dir", "", "")
	latency := f.Duration("latency", 0, "")
	if err := f.Parse(args); err != nil {
		return err
	}
	// A Worker starts at its first request. No tool sends one, so no start is measured.
	options := platform.Options{Dir: *dir, Log: os.Stderr, Behaviour: platform.Behaviour{Latency: *latency}}
	p, err := platform.Open(options) //nolint:contextcheck // the platform runs until Close
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err = errors.Join(err, p.Close(ctx))
	}()
	if err := p.Start(); err != nil { //nolint:contextcheck // as above
		return err
	}
	if err := printJSON(address{API: p.URL(), Control: p.ControlToken()}); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// startServer starts an empty platform. The caller calls stop.
func startServer(ctx context.Context, work string, latency time.Duration) (_ *server, err error) {
	s := &server{}
	if s.dir, err = os.MkdirTemp(work, "server-"); err != nil {
		return nil, err
	}
	// The command does not get ctx, because stop ends the server also after an interruption.
	if s.cmd, err = self(context.WithoutCancel(ctx), "serve", "-dir", filepath.Join(s.dir, "state"), "-latency",
		latency.String()); err != nil {
		return nil, err
	}
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	if err := json.NewDecoder(stdout).Decode(&s.address); err != nil {
		return nil, errors.Join(fmt.Errorf("start the server: %w", err), s.stop())
	}
	return s, nil
}

// stop ends the server and removes its state.
func (s *server) stop() error {
	return errors.Join(s.stdin.Close(), s.cmd.Wait(), os.RemoveAll(s.dir))
}

// control sends a request of the platform's control API. It decodes the response into a value if
// into is not nil.
func (s *server) control(ctx context.Context, method, path string, body, into any) error {
	var content io.Reader = http.NoBody
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(s.API, "/client/v4")+"/__platform/"+path,
		content)
	if err != nil {
		return err
	}
	req.Header.Set(platform.ControlHeader, s.Control)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode/100 != 2 {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10))
		return fmt.Errorf("%s %s: %s: %s", method, path, res.Status, text)
	}
	if into == nil {
		_, err = io.Copy(io.Discard, res.Body)
		return err
	}
	return json.NewDecoder(res.Body).Decode(into)
}

// resetRequests empties the server's log of requests.
func (s *server) resetRequests(ctx context.Context) error {
	return s.control(ctx, "DELETE", "requests", nil, nil)
}

// requests returns the server's log of requests.
func (s *server) requests(ctx context.Context) (list []platform.Request, err error) {
	return list, s.control(ctx, "GET", "requests", nil, &list)
}

// refuse makes the server refuse the requests of these kinds, and no others.
func (s *server) refuse(ctx context.Context, kinds ...string) error {
	rules := []platform.FaultRule{}
	for _, k := range kinds {
		rules = append(rules, platform.FaultRule{Match: k, Fault: platform.Fault{Kind: platform.FaultStatus,
			Status: http.StatusBadRequest}})
	}
	return s.control(ctx, "PUT", "faults", rules, nil)
}

// siteURL returns the URL of the site that a script serves.
func (s *server) siteURL(ctx context.Context, script string) (string, error) {
	var urls map[string]string
	if err := s.control(ctx, "GET", "sites", nil, &urls); err != nil {
		return "", err
	}
	if urls[script] == "" {
		return "", fmt.Errorf("%s is not served", script)
	}
	return urls[script], nil
}
