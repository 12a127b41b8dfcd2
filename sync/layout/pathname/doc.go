// Package pathname is the format of the layout of Cloudflare's recipe for the static
// assets of Dynamic Workers: the keys of a project's files ([Keys]), and the manifest
// that handleAssetRequest of @cloudflare/worker-bundler reads ([Manifest]).
//
// Nothing here sends a request.
package pathname
