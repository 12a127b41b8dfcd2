// Package ignore matches paths against the patterns of .gitignore files, exactly as
// git does.
//
//	var s *ignore.Scope // nil has no patterns
//	s = s.Within("", "*.map\n!keep.map\n")
//	s.Decide("css/a.map", false) // ignore.Exclude
//
// A [Scope] holds the patterns in force in one directory. A walk makes the scope of
// a subdirectory with [Scope.Within], and does not enter a directory that
// [Scope.Decide] excludes.
package ignore
