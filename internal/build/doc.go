// Package build runs the command that builds a project.
//
// The command belongs to the repository, which must not get the account's credentials.
// So the build's environment has no credentials ([Environment]), a build cannot inspect
// the process that runs it ([Conceal]), and no process of a build outlives the build
// ([Command.Run]). A build is not in a sandbox: it runs as the current user and can read
// this user's files. The caller decides whether to run a build at all.
//
// # How processes are ended
//
// On Linux a build runs under a supervisor. The supervisor is this executable, started
// under another name; an init function of this package runs it. The supervisor is a
// subreaper: processes that leave their parent or session become its children. When the
// build or this process ends, the supervisor kills its children until there are none.
// Only then it reports the result. A supervisor that ends without a report was killed.
// Then its children become children of this process, which kills them in the same way.
//
// Since Linux 6.12 a Landlock domain can restrict signals, and a confined build runs in
// such a domain. The supervisor kills the whole domain in one system call, and the build
// cannot signal the supervisor. A confined build also cannot set resource limits of
// other processes (limits_linux.go) or change the caller's state folder
// (guard_linux.go). A file in that folder could make another program, such as git, start
// processes outside of the build.
package build
