package daemon

import (
	"context"
	"slices"
	"time"

	"github.com/kv-sync/kv-sync/internal/git/command"
)

// git runs the git command for what only it can do: talk to remotes, and make
// work trees.
type git struct {
	command *command.Git
	redact  func(string) string
}

// newGit takes an environment, and settings for git that are in no argument. What
// logs in to forges stays in the environment; what logs in to Cloudflare, or is
// another secret of the daemon's, does not.
func newGit(environ, secrets []string, settings [][2]string, redact func(string) string) *git {
	return &git{redact: redact, command: command.New(command.Options{
		Dir:     "/", // wherever the daemon was started, no repository is around it
		Profile: command.Unattended,
		Environ: append([]string{}, environ...),
		Secrets: secrets,
		Config:  settings,
	})}
}

// always are settings that hold whatever the machine's say: no hook of a template
// runs, nothing goes on in the background, and a server that hangs is given up.
var always = []string{
	"-c", "core.hooksPath=/dev/null", "-c", "core.askPass=", "-c", "gc.auto=0", "-c", "maintenance.auto=false",
	"-c", "gc.autoDetach=false", "-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=60", "-c", "advice.detachedHead=false",
}

// maxAnswer bounds what is read of git's output: the daemon asks for little.
const maxAnswer = 1 << 20

// run runs git to its end, or until the time is up, and returns what it printed.
// protocol is the one that it may use to reach a remote, "" for none.
func (g *git) run(ctx context.Context, limit time.Duration, protocol string, args ...string) (string, error) {
	out, err := g.command.Do(ctx, command.Call{
		Args: append(slices.Clone(always), args...), Limit: limit, MaxOutput: maxAnswer, Set: []string{"GIT_ALLOW_PROTOCOL=" + protocol},
	})
	if err != nil && ctx.Err() == nil {
		err = redacted{err, g.redact}
	}
	return out, err
}

// redacted is an error without secrets in its text.
type redacted struct {
	error
	redact func(string) string
}

func (r redacted) Error() string { return r.redact(r.error.Error()) }
func (r redacted) Unwrap() error { return r.error }
