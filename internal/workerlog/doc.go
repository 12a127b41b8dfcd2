// Package workerlog writes what Workers print and throw into a log for people.
//
// workerd prints the text of an exception without its stack, and a Worker's output without the
// Worker's name. So a tail Worker of this package reports exceptions, and a Process writes both.
// Each line begins with the name of a Worker, and has no control characters, so that no text of a
// Worker looks like a line of the platform or of another Worker. Frames of a stack are those of the
// source, where a source map is known.
package workerlog
