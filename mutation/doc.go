// Command mutation checks that a test fails when a guard is removed.
//
// Each file of guards/ is a table of mutations: small changes of the code that remove one
// guard each, with the harm that it causes and the tests that must fail. The command makes
// one mutation at a time and runs its tests. A mutation is killed if a test fails, and
// alive if all pass.
//
//	make mutation                                  # all that were not killed before
//	go run ./mutation -only 'source/.*dotfile'     # those whose ID matches
//	go run ./mutation -again                       # also those that were killed before
//
// Results go to artefacts/mutations.jsonl, one line each. An interrupted run continues
// where it stopped. The command does not change the work tree: Go's tests get the
// mutation through go test -overlay, and the Worker's tests run in a copy.
//
// The exit code is 1 if a mutation is alive and its table gives no reason, or if more
// than 2 % are alive.
package main
