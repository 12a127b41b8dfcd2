// Package kvassets is the layout of the Rust crate kv-assets. [Layout] is its part of the
// stages, and [Sync] uploads without a deploy. The format is the
// index that is compiled into a Worker ([EncodeIndex]), the keys of its files
// ([Key], [Hasher]), and the records with which kv-sync notes which files are in KV
// ([Record], [Keys]).
//
// The index is bincode, so that the crate reads it. [InModules] reports whether a
// Worker's code has it.
package kvassets
