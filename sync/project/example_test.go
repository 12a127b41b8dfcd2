package project_test

import (
	"errors"
	"fmt"

	"github.com/kv-sync/kv-sync/sync/cloud"
	"github.com/kv-sync/kv-sync/sync/project"
)

// A Dynamic Worker has variables, and no other bindings.
func ExampleCheck() {
	_, err := project.Check("shop", cloud.Worker{Main: "index.js", Bindings: []cloud.Binding{
		{Name: "NAME", Type: "plain_text"},
		{Name: "DB", Type: "d1"},
	}})
	var refused *project.WorkerError
	fmt.Println(errors.As(err, &refused), len(refused.Problems), refused.Problems[0].Path)
	// Output: true 1 DB
}
