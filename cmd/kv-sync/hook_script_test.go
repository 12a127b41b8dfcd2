package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"
)

// many DIR writes 30 files of 1 kB, enough that the hook uploads them ahead of the push.
func many(ts *testscript.TestScript, neg bool, args []string) {
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	for i := range 30 {
		ts.Check(os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.html", i)), fmt.Appendf(nil, "%01000d", i), 0o600))
	}
}
