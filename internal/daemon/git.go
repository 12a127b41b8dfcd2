package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kv-sync/kv-sync/internal/family"
)

// git runs the git command for what only it can do: talk to remotes, and make
// work trees.
type git struct {
	environ []string
	redact  func(string) string
}

// newGit takes an environment, and settings for git that are in no argument. What
// logs in to forges stays in the environment; what logs in to Cloudflare, or is
// another secret of the daemon's, does not.
func newGit(environ, secrets []string, settings [][2]string, redact func(string) string) *git {
	g := &git{redact: redact}
	given := 0 // settings in the environment
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		ours := strings.HasPrefix(name, "CLOUDFLARE_") || strings.HasPrefix(name, "CF_") ||
			slices.ContainsFunc(secrets, func(s string) bool { return strings.Contains(value, s) })
		switch {
		case ours, slices.Contains(notForGit, name), strings.HasPrefix(name, "GIT_TRACE"):
		case name == "GIT_CONFIG_COUNT":
			given, _ = strconv.Atoi(value)
		default:
			g.environ = append(g.environ, pair)
		}
	}
	for i, s := range settings {
		n := strconv.Itoa(given + i)
		g.environ = append(g.environ, "GIT_CONFIG_KEY_"+n+"="+s[0], "GIT_CONFIG_VALUE_"+n+"="+s[1])
	}
	g.environ = append(g.environ, "GIT_CONFIG_COUNT="+strconv.Itoa(given+len(settings)))
	g.environ = append(g.environ, "GIT_TERMINAL_PROMPT=0", "SSH_ASKPASS_REQUIRE=never", "LC_ALL=C")
	return g
}

// notForGit are variables that point git at another repository, as they do where
// the daemon is started by a hook, or have it ask a person.
var notForGit = []string{
	"GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES",
	"GIT_NAMESPACE", "GIT_PREFIX", "GIT_GRAFT_FILE", "GIT_SHALLOW_FILE", "GIT_NO_REPLACE_OBJECTS", "GIT_REPLACE_REF_BASE",
	"GIT_CONFIG", "GIT_CONFIG_PARAMETERS", "GIT_IMPLICIT_WORK_TREE", "GIT_INTERNAL_SUPER_PREFIX", "GIT_QUARANTINE_PATH",
	"GIT_ASKPASS", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE", "GIT_TERMINAL_PROMPT", "GIT_ALLOW_PROTOCOL", "GIT_PROTOCOL_FROM_USER",
	"GIT_TEMPLATE_DIR", "LC_ALL",
}

// always are settings that hold whatever the machine's say: no hook of a template
// runs, nothing goes on in the background, and a server that hangs is given up.
var always = []string{
	"-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.askPass=", "-c", "gc.auto=0", "-c", "maintenance.auto=false",
	"-c", "gc.autoDetach=false", "-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=60", "-c", "advice.detachedHead=false",
}

const (
	// maxAnswer bounds what is read of git's output: it is asked for little.
	maxAnswer = 1 << 20
	// gitFarewell is how long git may take to remove its locks when it is ended.
	gitFarewell = 5 * time.Second
)

// errSlow is why git was ended where its time was up.
var errSlow = errors.New("it took too long")

// run runs git to its end, or until the time is up, and returns what it printed.
// protocol is the one that it may use to reach a remote, "" for none.
func (g *git) run(ctx context.Context, limit time.Duration, protocol string, args ...string) (string, error) {
	timed, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%w (more than %s)", errSlow, limit))
	defer cancel()
	cmd := exec.CommandContext(timed, "git", append(slices.Clone(always), args...)...)
	cmd.Env = append(slices.Clone(g.environ), "GIT_ALLOW_PROTOCOL="+protocol)
	cmd.Dir = "/" // wherever the daemon was started, no repository lies around it
	out, said := &capped{limit: maxAnswer}, &capped{limit: 16 << 10}
	cmd.Stdout, cmd.Stderr = out, said
	cmd.WaitDelay = gitFarewell
	alone(cmd)
	brood, err := family.Start(cmd)
	if err == nil {
		err = cmd.Wait()
		brood.End()
	}
	switch {
	case err == nil && out.over:
		return "", fmt.Errorf("git %s: it printed more than can be meant", verb(args))
	case err == nil:
		return out.String(), nil
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case timed.Err() != nil:
		err = context.Cause(timed)
	}
	if text := lastLines(said.String(), 3); text != "" {
		err = fmt.Errorf("%s (%w)", text, err)
	}
	return "", fmt.Errorf("git %s: %w", verb(args), redacted{err, g.redact})
}

// verb is the command among git's arguments.
func verb(args []string) string {
	for i, a := range args {
		if a[0] != '-' && (i == 0 || args[i-1] != "-c" && args[i-1] != "-C") {
			return a
		}
	}
	return ""
}

// redacted is an error without secrets in its text.
type redacted struct {
	error
	redact func(string) string
}

func (r redacted) Error() string { return r.redact(r.error.Error()) }
func (r redacted) Unwrap() error { return r.error }

// lastLines are the last lines with text, as one line.
func lastLines(s string, n int) string {
	var lines []string
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-n):], "; ")
}

// capped keeps the beginning of what is written to it.
type capped struct {
	bytes.Buffer
	limit int
	over  bool
}

func (c *capped) Write(p []byte) (int, error) {
	if room := c.limit - c.Len(); len(p) > room {
		c.over = true
		c.Buffer.Write(p[:max(room, 0)])
		return len(p), nil
	}
	return c.Buffer.Write(p)
}
