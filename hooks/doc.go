// Package hooks puts kv-sync's pre-push hook into a git repository, takes it
// out again, and judges a push while git holds it back.
//
// The command wires it so:
//
//	kv-sync hook install    Find(ctx, dir), Install(ctx, repo, Options{Args: …})
//	kv-sync hook uninstall  Find(ctx, dir), Uninstall(ctx, repo)
//	kv-sync hook status     Find(ctx, dir), StatusOf(ctx, repo)
//	kv-sync hook run pre-push REMOTE URL
//	                        Find(ctx, ""), PrePush(ctx, repo, Push{…}, open)
//
// with dir "" unless a person named another repository. The installed script
// calls "kv-sync hook run ARGS pre-push REMOTE URL", where ARGS are
// Options.Args, and gives git's lines on standard input. Errors of PrePush end
// the process with any exit code from 1 to 125: that is what blocks the push.
//
// A push is blocked for one reason only: it would publish a file that must not
// be published. Whatever else goes wrong, being offline, having no token, a
// broken configuration, is told on standard error, and the push goes on.
//
// The package talks to the git command, which is there by definition wherever
// a hook is: only git knows core.hooksPath, worktrees and GIT_DIR as git does.
package hooks
