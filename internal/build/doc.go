// Package build runs the command by which a project makes its code.
//
// The command is the repository's, and the repository is not trusted with the
// account: the build's environment has no token in it ([Environment]), the process
// that runs builds cannot be looked into ([Conceal]), and no process of a build
// outlives it ([Command.Run]). It is no sandbox. A build runs as the user who
// started it, and may read the files that this user may read.
//
// # How processes are ended
//
// On Linux a build runs below a supervisor: this executable, started again under
// another name, before main. Processes that leave their parent or their session
// become children of the supervisor, which is a subreaper. When the build ends, or
// this process does, the supervisor kills its children until it has none, and only
// then says how the build ended. A supervisor that died without saying so was
// killed; then what it left becomes this process's, which kills it likewise.
//
// A confined build is in a Landlock domain, where the kernel has domains that
// signals do not leave (Linux 6.12). Then the supervisor kills the whole domain in
// one system call, and the build cannot touch the supervisor. Neither can it set the
// limits of other processes (limits_linux.go), nor change the folder where the caller
// keeps its state (guard_linux.go): another program that runs there, such as a git,
// could be made to start processes that are no part of the build.
//
// Whether a build runs at all is for the caller to decide.
package build
