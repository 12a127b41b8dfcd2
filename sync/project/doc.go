// Package project deploys the code and the assets of a Dynamic Worker, which a
// loader reads from Workers KV.
//
// [Workers] implements [cloud.Workers] over a namespace, so a project is deployed
// like a Worker script: its versions are blobs, and the switch is one write of the
// key project/{id}/current, which holds a [Pointer]. KV is eventually consistent
// and the last write wins, so one process at a time deploys a project.
//
// [Check] refuses a Worker that cannot be a Dynamic Worker. docs/format.md
// specifies the values.
package project
