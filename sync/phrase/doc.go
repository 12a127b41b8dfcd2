// Package phrase writes the parts of messages that several packages need, so
// that every message says them in the same way.
package phrase
