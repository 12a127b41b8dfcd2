// Package tails streams the events of Workers to the clients of wrangler tail.
//
// A client creates a tail of a script through the API and connects to its WebSocket. While
// tails exist, the platform's processes send each event of their Workers to Sink: what
// happened, console output, exceptions and the outcome. Sink passes an event on to the tails
// of its script whose filters match.
package tails
