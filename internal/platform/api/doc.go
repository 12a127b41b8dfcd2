// Package api has what all routes of the local platform share: calls, the envelope of
// responses, errors, lists and ids.
//
// A package with routes returns them as []Route. The platform adds tokens, limits, faults
// and the log of requests, which a handler does not see.
package api
