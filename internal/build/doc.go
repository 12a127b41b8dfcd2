// Package build runs the command that builds a project.
//
// The command belongs to the repository, which must not have the account's
// credentials: the build's environment has none ([Environment]), the process that runs
// builds cannot be inspected ([Conceal]), and no process of a build outlives it
// ([Command.Run]). It is not a sandbox. A build runs as the current user and can read
// this user's files.
//
// # How processes are ended
//
// On Linux a build runs under a supervisor: this executable, started under another
// name, which takes over in an init function. The supervisor is a subreaper, so
// processes that leave their parent or session become its children. When the build or
// this process ends, it kills its children until there are none, and only then reports
// the result. A supervisor that ends without a report was killed. Its children then
// become children of this process, which kills them in the same way.
//
// Where the kernel can keep signals in a Landlock domain (Linux 6.12), a confined build
// runs in one. The supervisor then kills the whole domain in one system call, and the
// build cannot signal the supervisor. Nor can it set limits of other processes
// (limits_linux.go) or change the caller's state folder (guard_linux.go), through which
// another program, such as git, could be made to start processes outside of the build.
//
// The caller decides whether to run a build at all.
package build
