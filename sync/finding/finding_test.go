package finding_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/kv-sync/kv-sync/sync/finding"
)

func ExampleFinding() {
	const older finding.Case = "commit {commit} is older than the live one, {than}"
	f := finding.New(older, finding.Facts{Commit: "4f2e1d9c8b7a6f5e4d3c2b1a", Than: "9c8b7a6f5e4d"})
	fmt.Println(f)
	fmt.Println(f.Facts.Fill("deploy a commit that contains {than}"))
	// Output:
	// commit 4f2e1d9c8b7a is older than the live one, 9c8b7a6f5e4d
	// deploy a commit that contains 9c8b7a6f5e4d
}

// Fill does not replace a word in braces that is part of a fact.
func TestFactsAreNotFilledIn(t *testing.T) {
	cause := errors.New("boom")
	f := finding.New("{site}: {cause}", finding.Facts{Site: "{cause}", Cause: cause})
	if f.Error() != "{cause}: boom" || !errors.Is(f, cause) {
		t.Errorf("got %q, which wraps %v", f, errors.Unwrap(f))
	}
}
