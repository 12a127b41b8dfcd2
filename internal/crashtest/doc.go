// Package crashtest kills the built commands at each of their requests, and takes the network, the
// disk and the platform away from them. It has only tests.
//
// A stage is a machine with the command kv-sync and the Action, a local platform in this process,
// and a proxy between them. The proxy numbers the requests of a run and injects a fault into one of
// them: it signals the process, cuts the connection, or answers nothing. What visitors get is then
// what was live or what the run makes live, the stored values are as docs/format.md says, and the
// run has the exit code and the message for it. The same command again finishes the work.
package crashtest
