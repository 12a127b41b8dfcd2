package mirror

import (
	"context"
	"slices"
	"time"

	"github.com/kv-sync/kv-sync/internal/git/command"
)

// git runs the git command to talk to remotes and to make work trees.
type git struct {
	command *command.Git
	redact  func(string) string
}

// newGit returns the git command for an environment. It keeps the forges' credentials, and
// removes Cloudflare's and the daemon's other secrets. settings are git settings that must
// not be in arguments.
func newGit(environ, secrets []string, settings [][2]string, redact func(string) string) *git {
	return &git{redact: redact, command: command.New(command.Options{
		Dir:     "/", // so that no repository encloses the folder
		Profile: command.Unattended,
		Environ: append([]string{}, environ...),
		Secrets: secrets,
		Config:  settings,
	})}
}

// always are settings of every run. They override the machine's: no hooks, no background
// work, and a time limit for servers that hang.
var always = []string{
	"-c", "core.hooksPath=/dev/null", "-c", "core.askPass=", "-c", "gc.auto=0", "-c", "maintenance.auto=false",
	"-c", "gc.autoDetach=false", "-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=60",
	"-c", "advice.detachedHead=false",
}

// maxAnswer limits git's output, of which little is expected.
const maxAnswer = 1 << 20

// run runs git with a timeout and returns its output. protocol is the only one that it
// may use to reach a remote; "" means none.
func (g *git) run(ctx context.Context, limit time.Duration, protocol string, args ...string) (string, error) {
	return g.do(ctx, protocol, command.Call{Args: args, Limit: limit})
}

// do is run for a call with more settings.
func (g *git) do(ctx context.Context, protocol string, c command.Call) (string, error) {
	c.Args = append(slices.Clone(always), c.Args...)
	c.MaxOutput, c.Set = maxAnswer, append(c.Set, "GIT_ALLOW_PROTOCOL="+protocol)
	out, err := g.command.Do(ctx, c)
	if err != nil && ctx.Err() == nil {
		err = redacted{err, g.redact}
	}
	return out, err
}

// redacted removes secrets from an error's text.
type redacted struct {
	error
	redact func(string) string
}

func (r redacted) Error() string { return r.redact(r.error.Error()) }
func (r redacted) Unwrap() error { return r.error }
