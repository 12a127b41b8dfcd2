// Package inspect checks what visitors of a simulated site get and what KV has, against the
// promises of docs/promises.md. It reads what is stored by docs/format.md alone: it imports
// nothing of the engine, so it does not share its mistakes.
//
// A [Checker] observes each change of a [model.Cloud]. [Checker.Visit] sends visitors to the
// locations. What it finds are the [Checker.Violations].
package inspect
