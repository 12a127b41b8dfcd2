// Package app puts the rooms together for those who run them: the command and
// the GitHub Action.
//
// [Open] turns what a person or a workflow asks for into a [Site]: it reads the
// configuration, reaches the account and knows the engine. The Site's methods
// are the engine's, with what they need (source and Worker) made when they need
// it. [Explain] turns any error into what to print and the exit code, and a
// [Report] is the one JSON object that a script reads.
//
// The package prints nothing and never exits.
package app
