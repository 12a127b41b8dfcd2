// Command mutation shows that the tests notice when a guard is gone.
//
// Each file of guards/ is a table of mutations: small changes of the code that
// take out one guard each, with the harm that follows and the tests that must
// fail. The command makes one mutation at a time and runs its tests. A mutation
// is killed when a test fails, and alive when all pass.
//
//	make mutation                                  # all that were not killed before
//	go run ./mutation -only 'source/.*dotfile'     # those whose ID matches
//	go run ./mutation -again                       # also those that were killed before
//
// Results go to artefacts/mutations.jsonl, one line each, so that a run that is
// interrupted goes on where it stopped. The work tree is not written: Go's
// tests see the change by -overlay, the Worker's tests run in a copy.
//
// The command exits with 1 when a mutation is alive and its table gives no reason
// for it, or when more than 2 % are alive.
package main
