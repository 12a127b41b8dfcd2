// Package command runs the git program. It is the only place that does, so that
// one policy holds for every run:
//
//   - Environment: see [Profile] and [Options]. Credentials of Cloudflare never
//     reach git, because its helpers, filters and hooks belong to the repository.
//   - Prompts: git has no terminal and never asks for a user name or a password.
//   - Ownership: git itself decides whether it works in a repository of another
//     user (safe.directory), unless [Options].GitDir names the repository.
//   - End: git has a session of its own. When the context or the time limit ends, git
//     and its child processes are asked to end, and then killed. They are also killed
//     when this process dies.
//   - Output is bounded; git's messages are in English.
//
// To run one command and get what it prints:
//
//	g := command.New(command.Options{Dir: top})
//	id, err := g.Run(ctx, "rev-parse", "--verify", "HEAD^{commit}")
//
// A failure is an [*Error] with the exit code and git's standard error. [Git.Do] takes
// standard input, a time limit and variables for one run. [Git.Start] starts a
// long-running command, such as git cat-file --batch.
package command
