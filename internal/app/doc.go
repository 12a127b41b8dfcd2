// Package app connects the engine to its adapters for the command, the GitHub
// Action and the daemon.
//
// [Open] reads the configuration for the options of a person or a workflow, and returns
// a [Site]. The Site's methods call those of the engine with the account, the source
// and the Worker that they need. [Explain] turns an error into a message, a fix (from
// package advice) and an exit code. A [Report] is the JSON object that --json prints.
//
// The package prints nothing and never exits.
package app
