// Command mutation checks that a test fails if a guard is removed.
//
// Each file of guards/ is a table of mutations. A mutation is a small change of the code that
// removes one guard. Its row also has the harm to users without the guard, and the tests that must
// fail. The command makes one mutation at a time and runs these tests. A mutation is killed if a
// test fails, and alive if all pass.
//
//	make mutation                                  # all that were not killed before
//	go run ./mutation -only 'source/.*dotfile'     # those whose ID matches
//	go run ./mutation -again                       # also those that were killed before
//	go run ./mutation -file '^sync/' -by './internal/simulation:^Test(EveryFault|Schedules)$ -every 40'
//
// With -by another test runs in place of those of the rows, with the flags after it. The command then lists which
// mutations that test does not notice, and counts by file those that it does. These results are
// in artefacts/mutations-by.jsonl.
//
// The command appends each result to artefacts/mutations.jsonl. After an interruption, the next
// run continues. The command does not change the work tree: it gives the mutation to Go's tests
// with go test -overlay, and runs the Worker's tests in a copy.
//
// The exit code is 1 if a mutation is alive and its row has no reason, or if more than 2 % are
// alive.
package main
