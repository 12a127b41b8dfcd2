// Package app connects the engine to its adapters for the command, the GitHub
// Action and the daemon.
//
// [Open] turns what a person or a workflow asks for into a [Site]: it reads the
// configuration and makes the account and the engine. The Site's methods are the
// engine's; it makes the source and the Worker that they need. [Explain]
// turns an error into a message, what to do about it, and the exit code: package
// advice has the table for that. A [Report] is the one JSON object that a script
// reads.
//
// The package prints nothing and never exits.
package app
