// Package resources keeps the list of what Workers bind beside KV: R2 buckets, D1 databases
// and queues. Deploys look them up and create them here. The package has no contents: objects,
// rows and messages are those of the runtime.
package resources
