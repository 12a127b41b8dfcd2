// Package kvassets is the layout of the Rust crate kv-assets. [Layout] is its part of the
// stages, and [Sync] uploads without a deploy. The format has three parts: the index that
// is compiled into a Worker ([EncodeIndex]), the keys of its files ([Key], [Hasher]), and
// the records of which files are in KV ([Record], [Keys]).
//
// The index is bincode, because the crate reads that. [InModules] reports whether a
// Worker's code contains it.
package kvassets
