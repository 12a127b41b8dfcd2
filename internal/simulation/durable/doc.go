// Package durable is the Durable Object of an overlay as the simulation runs kv-sync beside it. It
// does what worker/src/overlay does: it orders the writes, publishes them to KV some time later, and
// drops those that a deployed manifest has adopted. It writes the formats of docs/format.md, and
// uses no code of kv-sync.
//
// Nothing in this package waits. Who uses it calls [Object.Alarm] when [Object.Next] says so.
package durable
