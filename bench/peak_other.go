//go:build !unix

package main

import "os"

// peak returns 0, because this system does not report the peak memory.
func peak(*os.ProcessState) int64 { return 0 }
