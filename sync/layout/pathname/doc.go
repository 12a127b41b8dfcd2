// Package pathname is the layout of Cloudflare's recipe for the static assets of Dynamic
// Workers. [Layout] is its part of the stages. The format has two parts: the keys of a
// project's files ([Keys]), and the manifest that handleAssetRequest of
// @cloudflare/worker-bundler reads ([Manifest]).
package pathname
