// Package workerlog writes the output and the exceptions of Workers into a log for people.
//
// workerd prints the text of an exception without its stack, and a Worker's output without the
// Worker's name. So a tail Worker of this package reports both to a [Receiver], and a [Process]
// writes them. Each line begins with the name of a Worker and has no control characters, so that no
// text of a Worker looks like a line of the platform or of another Worker. If a source map is
// known, the frames of a stack name positions in the source.
package workerlog
