// Package mirror keeps a local copy of a branch of a remote, by the git command, and
// checks commits of it out.
//
// A mirror never asks for a password, never runs a hook, and reaches its remote only by
// the protocol of the configured address. Errors have git's own reason, without secrets.
package mirror
