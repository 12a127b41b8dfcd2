package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/kv-sync/kv-sync/hooks"
	"github.com/kv-sync/kv-sync/internal/app"
	"github.com/kv-sync/kv-sync/internal/app/advice"
	"github.com/kv-sync/kv-sync/internal/options"
	"github.com/kv-sync/kv-sync/internal/term"
)

// version is set by the linker.
var version = "dev"

// interrupted is the exit code after Ctrl-C, as in shells.
var interrupted = app.KindInterrupted.Code()

// streams are the inputs and outputs of a run.
type streams struct {
	in       io.Reader
	out, err io.Writer
	getenv   func(string) string
}

// commandLine has the subcommands.
type commandLine struct {
	Deploy   deployCommand   `cmd:"" group:"site" help:"Make a commit or a folder live."`
	Plan     planCommand     `cmd:"" group:"site" help:"Show what deploy would do."`
	Upload   uploadCommand   `cmd:"" group:"site" help:"Upload a commit's files ahead, so that its deploy only switches."`
	Rollback rollbackCommand `cmd:"" group:"site" help:"Make an earlier deployment live again."`
	History  historyCommand  `cmd:"" group:"site" help:"List the deployments."`
	Verify   verifyCommand   `cmd:"" group:"site" help:"Check that everything retained is complete."`
	Prune    pruneCommand    `cmd:"" group:"site" help:"Delete what no retained deployment needs."`
	Pull     pullCommand     `cmd:"" group:"site" help:"Bring what was written at run time into git."`
	Open     openCommand     `cmd:"" group:"site" help:"Print the address of a site, and show it in the browser."`
	Delete   deleteCommand   `cmd:"" group:"site" help:"Delete a site or a project, with everything that is its own."`
	Dev      devCommand      `cmd:"" group:"machine" help:"Run Cloudflare's API and the site on this machine."`
	Watch    watchCommand    `cmd:"" group:"machine" help:"Show a folder on this machine while you work on it."`
	Daemon   daemonCommand   `cmd:"" group:"machine" help:"Deploy sites when their branches change."`
	Hook     hookCommand     `cmd:"" group:"machine" help:"Make git check, upload or deploy pushes."`

	Completion completionCommand `cmd:"" group:"machine" help:"Print a script that completes commands in a shell."`
	Help       helpCommand       `cmd:"" group:"machine" help:"Print the help of a command."`
	Version    versionCommand    `cmd:"" group:"machine" help:"Print the version."`
	Complete   completeCommand   `cmd:"" name:"__complete" passthrough:"" hidden:""`
}

// newCommandLine returns a command line with the declared flags.
func newCommandLine() *commandLine {
	return &commandLine{
		Deploy: deployCommand{siteFlags: siteFlagsOf("deploy")}, Plan: planCommand{siteFlags: siteFlagsOf("plan")},
		Upload:   uploadCommand{siteFlags: siteFlagsOf("upload")},
		Rollback: rollbackCommand{siteFlags: siteFlagsOf("rollback")},
		History:  historyCommand{siteFlagsOf("history")}, Verify: verifyCommand{siteFlags: siteFlagsOf("verify")},
		Prune: pruneCommand{siteFlags: siteFlagsOf("prune")}, Pull: pullCommand{siteFlags: siteFlagsOf("pull")},
		Open: openCommand{siteFlagsOf("open")}, Delete: deleteCommand{siteFlags: siteFlagsOf("delete")},
		Watch: watchCommand{flags: flagsOf("watch")},
	}
}

const about = "Git push, and the site is in Workers KV: atomically, only what changed, with one-step rollback." +
	"\n\nTo put a folder online: kv-sync deploy DIR --name NAME. On this machine, without an account: kv-sync watch DIR."

// run parses the arguments, runs the command and returns the exit code. It is the only place that
// prints errors.
func run(ctx context.Context, args []string, s streams) int {
	err := parse(ctx, args, s)
	var done exit
	if errors.As(err, &done) {
		return int(done)
	}
	f := app.Explain(advice.Terminal, err)
	if f == nil {
		return 0
	}
	console := term.New(s.out, s.err, s.getenv)
	if slices.Contains(args, "-v") || slices.Contains(args, "--verbose") {
		console.ListAll()
	}
	console.Failure(f)
	if pushes(args) && f.Kind != app.KindInterrupted {
		return 0
	}
	if bare := (*bareError)(nil); errors.As(err, &bare) && f.Kind != app.KindInterrupted {
		return bareFailed
	}
	// A reportedError was printed as part of its command's report.
	var reported *reportedError
	if !errors.As(err, &reported) && slices.Contains(args, "--json") {
		r := app.NewReport(advice.Terminal, "", false)
		r.Finish(nil, err)
		if printJSON(s.out, r) != nil {
			return 1
		}
	}
	return f.Code
}

// pushes reports whether the command is a pre-push hook. Only a refused file stops a push, with an
// exit code of its own. Any other failure must not stop it, for example an unknown flag in the
// configuration of a hook manager.
func pushes(args []string) bool {
	return len(args) > 2 && args[0] == "hook" && args[1] == "run" && !slices.Contains(args, string(hooks.PostReceiveHook))
}

// exit is an error that only ends the run, as --help does.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit %d", int(e)) }

func parse(ctx context.Context, args []string, s streams) (err error) {
	args, grammar, err := interpret(args, s)
	if err != nil {
		return err
	}
	// kong calls Exit in the middle of parsing after it has printed help.
	defer func() {
		switch p := recover().(type) {
		case nil:
		case exit:
			err = p
		default:
			panic(p)
		}
	}()
	parser, err := newParser(ctx, s, grammar)
	if err != nil {
		return err
	}
	chosen, err := parser.Parse(args)
	if err != nil {
		return misspelled(args, err)
	}
	return chosen.Run()
}

// interpret returns the arguments for the parser, and the struct that describes the command line:
// a [commandLine] or a [bareCommand].
func interpret(args []string, s streams) ([]string, any, error) {
	switch {
	case len(args) == 1 && slices.Contains([]string{"-v", "-V", "--version"}, args[0]):
		args = []string{"version"}
	case bare(args):
		return args, &bareCommand{}, nil
	case len(args) == 0:
		args = []string{"--help"}
	}
	if other, typed, rest := synonymOf(args); other != nil {
		if other.runs == "" {
			return nil, nil, other.refuse(typed, s.getenv)
		}
		args = append([]string{other.runs}, rest...)
	}
	return args, newCommandLine(), nil
}

// flagInstead has the flag for a text that people give as an argument to a command without
// arguments.
var flagInstead = map[string]string{
	"rollback": "--to ID", "delete": "--name NAME", "history": "--name NAME", "open": "--name NAME",
}

// misspelled explains why the arguments could not be parsed.
func misspelled(args []string, err error) error {
	first := args[0]
	fix := "kv-sync help lists the commands, and kv-sync help COMMAND its flags"
	switch at := slices.IndexFunc(args, isCommand); {
	case !strings.HasPrefix(first, "-") && !isCommand(first):
		return refuseUnknown(first, err)
	case flagInstead[first] != "" && strings.Contains(err.Error(), "unexpected argument"):
		fix = "use a flag: kv-sync " + first + " " + flagInstead[first]
	case first == "dev" && len(args) > 1 && strings.Contains(err.Error(), "unexpected argument"):
		fix = "to show a folder on this machine: kv-sync watch " + options.Quote(args[1])
	case isCommand(first):
		fix = "kv-sync help " + first + " lists its flags"
	case at > 0:
		fix = "write the command first: kv-sync " + args[at] + " …"
	}
	answer, shown := answerFlag(first, err)
	return &app.UsageError{Err: shown, Fix: cmp.Or(answer, fix)}
}

// newParser returns a parser for a [commandLine] or a [bareCommand].
func newParser(ctx context.Context, s streams, grammar any) (*kong.Kong, error) {
	return kong.New(grammar,
		kong.Name("kv-sync"), kong.Description(about), kong.Writers(s.out, s.err),
		kong.Exit(func(code int) { panic(exit(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100, FlagsLast: true}),
		kong.ExplicitGroups([]kong.Group{
			{Key: "site", Title: "A site:"}, {Key: "machine", Title: "This machine:"},
			{Key: "guards", Title: "To override a guard:"},
		}),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(s),
	)
}

// reportedError is an error that was printed in a report.
type reportedError struct{ error }

func (e *reportedError) Unwrap() error { return e.error }

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	return nil
}

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(s streams) error {
	_, err := fmt.Fprintln(s.out, "kv-sync", versionText())
	return err
}

// versionText returns the version that the linker set, or after go install the module's version.
func versionText() string {
	if version != "dev" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version
	}
	if info.Main.Version != "(devel)" && info.Main.Version != "" {
		return info.Main.Version
	}
	return developmentVersion(info)
}

// developmentVersion returns the version of a build that is not a release: the commit that was built,
// if go build recorded it, and the release of Go.
func developmentVersion(info *debug.BuildInfo) string {
	text := "no version and no commit recorded"
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			text = fmt.Sprintf("commit %.12s", s.Value)
		case s.Key == "vcs.modified" && s.Value == "true":
			text += ", with changes"
		}
	}
	return fmt.Sprintf("%s (%s, built by %s)", version, text, info.GoVersion)
}
