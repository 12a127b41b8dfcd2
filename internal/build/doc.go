// Package build runs the command that builds a project.
//
// The command comes from the repository, which is not trusted. So the environment of the
// build has no token ([Environment]), it cannot inspect the process that runs it
// ([Conceal]), and none of its processes survives it ([Command.Run]). It is not a sandbox:
// a build runs as the user who started it, and can read the files of this user.
//
// The caller decides whether a build runs.
//
// # How processes are ended
//
// On Linux a build runs below a supervisor: this executable, started again under another
// name, before main. The supervisor is a subreaper: processes that leave their parent or
// their session become its children. When the build or this process ends, the supervisor
// kills its children until it has none. Then it reports how the build ended. A supervisor
// that ends without a report was killed. In that case its children become children of this
// process, which kills them in the same way.
//
// A confined build is in a Landlock domain that signals do not leave, if the kernel has
// such domains (Linux 6.12). Then the supervisor kills the whole domain in one system call,
// and the build cannot reach the supervisor. It can neither set the limits of other
// processes (limits_linux.go) nor change the folder with the caller's state
// (guard_linux.go). Otherwise it could make another program that runs there, such as git,
// start processes that do not belong to the build.
package build
