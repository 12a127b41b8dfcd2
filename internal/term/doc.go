// Package term is what a person sees: a plan that reads like terraform's,
// progress bars on a terminal and plain lines elsewhere, and what is live in
// the end.
//
// Names of files, commit subjects and answers of the API were written by
// others. Nothing of theirs reaches a terminal before [Visible] has made its
// control characters harmless.
package term
