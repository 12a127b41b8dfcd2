// Package version is what kv-sync knows of the versions of a site.
//
// Each version describes itself in a binding, its [Meta]. Each activation of a version
// has a [Message], which says for which commit it was made and what is held back. [Live]
// is the version that visitors get, [Past] are the activations before it, each a
// [Deployment]. A [Record] describes a deployment for people; nothing depends on it.
//
// The package reads and writes these texts. It sends no request.
package version
