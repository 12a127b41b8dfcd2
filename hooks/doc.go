// Package hooks installs kv-sync's git hooks, removes them, and implements them:
// pre-push on the machine that pushes, and post-receive on the server.
//
// The command uses it as follows:
//
//	kv-sync hook install    Find(ctx, ""), Install(ctx, repo, kind, Options{…})
//	kv-sync hook uninstall  Find(ctx, ""), Uninstall(ctx, repo, kind)
//	kv-sync hook status     Find(ctx, ""), StatusOf(ctx, repo, kind)
//	kv-sync hook run pre-push REMOTE URL
//	                        Find(ctx, ""), repo.Settings, PrePush(ctx, repo, Push{…}, open)
//	kv-sync hook run post-receive
//	                        Find(ctx, ""), repo.Settings, PostReceive(ctx, repo, Received{…}, open)
//
// The installed script runs the last two and passes git's lines on standard input.
// A hook's settings are in git's configuration ([Settings]). A [Target] selects the
// pushes that concern it, and a [Site] has the operations on them. After an error of
// PrePush the process must exit with [Blocked], or with 130 after Ctrl-C; no other
// code blocks the push.
//
// Only a file that must not be published blocks a push, or a cancellation. Any other
// problem, such as a missing network or token, an invalid configuration or malformed
// lines, is reported on standard error, and the push continues.
//
// The package runs the git command, which exists wherever hooks run. Only git itself
// implements core.hooksPath, worktrees and GIT_DIR exactly.
package hooks
