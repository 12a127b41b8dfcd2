// Package term prints to a terminal: plans with colours, progress bars, outcomes and
// failures. Without a terminal it prints the same text as plain lines.
//
// A [Console] belongs to one run:
//
//	console := term.New(os.Stdout, os.Stderr, os.Getenv)
//	defer console.Close()
//	console.Plan(plan)
//
// Names of files, subjects of commits and answers of the API are not trusted. They all
// pass through [Visible], which escapes control characters.
package term
