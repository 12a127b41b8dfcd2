// Package build runs the command by which a project makes its code.
//
// The command is the repository's, and the repository is not trusted with the
// account: the build's environment has no token in it ([Environment]), and
// nothing of it outlives the run ([Command.Run]). It is no sandbox. A build runs
// as the user who started it, and may read what that user may read.
//
// Whether a build runs at all is for the caller to decide.
package build
