package phrase_test

import (
	"fmt"

	"github.com/kv-sync/kv-sync/sync/phrase"
)

func ExampleCount() {
	fmt.Println(phrase.Count(0, "file"), phrase.Count(1, "file"), phrase.Count(2, "file"))
	// Output: 0 files 1 file 2 files
}
