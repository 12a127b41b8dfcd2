// Package hooks puts kv-sync's hooks into a git repository, takes them out
// again, and does what they are to do while git runs them: pre-push on the
// machine that pushes, post-receive on the server that was pushed to.
//
// The command wires it so:
//
//	kv-sync hook install    Find(ctx, ""), Install(ctx, repo, kind, Options{…})
//	kv-sync hook uninstall  Find(ctx, ""), Uninstall(ctx, repo, kind)
//	kv-sync hook status     Find(ctx, ""), StatusOf(ctx, repo, kind)
//	kv-sync hook run pre-push REMOTE URL
//	                        Find(ctx, ""), repo.Settings, PrePush(ctx, repo, Push{…}, open)
//	kv-sync hook run post-receive
//	                        Find(ctx, ""), repo.Settings, PostReceive(ctx, repo, Received{…}, open)
//
// The installed script calls the last two, and gives git's lines on standard
// input. What a hook was told lies in git's configuration ([Settings]), which
// pushes it looks at is a [Target], and what it can do with them a [Site].
// Errors of PrePush end the process with the exit code [Blocked], or 130 after
// Ctrl-C: no other one blocks the push.
//
// A push is blocked for one reason only: it would publish a file that must not
// be published. Whatever else goes wrong, being offline, having no token, a
// broken configuration, lines that git never sends, is told on standard error,
// and the push goes on. A person who gives up ends it, too.
//
// The package talks to the git command, which is there by definition wherever
// a hook is: only git knows core.hooksPath, worktrees and GIT_DIR as git does.
package hooks
