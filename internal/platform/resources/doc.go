// Package resources keeps the lists of R2 buckets, D1 databases and queues, which Workers bind.
// Deploys look them up and create them here. The package does not store contents: objects, rows
// and messages are in the runtime.
package resources
