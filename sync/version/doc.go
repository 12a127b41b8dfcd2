// Package version describes the versions of a site.
//
// Each version has metadata in a binding, its [Meta]. Each activation of a version has a
// [Message], which says for which commit it was made and what is held back. [Live] is the
// version that visitors get. [Past] lists the activations, each with its [Deployment]. A
// [Record] describes a deployment for people; nothing depends on it.
//
// The package reads and writes these texts. It sends no request.
package version
