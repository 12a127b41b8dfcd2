// Package layout says what a layout is: how blobs, keys and manifests of a site are stored.
//
// Each layout has a package below this one, which contains its format and its part of every
// stage. It exports a [Layout], and the engine lists them all. A [Deployer] compares a
// source with what is live; its [Planned] writes everything that the switch relies on. A
// [Keeper] keeps deployments, so they can be verified, pruned and rolled back to.
//
// What the layouts share is here as well: the [Run] with its [Draft] of a plan, the
// [Release] that a run makes of it, the refusal of a deploy that removes most files, and
// the results of prune and verify.
package layout
