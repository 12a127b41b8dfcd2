// Package content is the default layout: each content under a key that is written once,
// and the manifest inside the Worker version.
//
// It is the only layout with an overlay, uploads ahead, and files that stay reachable after
// their removal. Package manifest has its format, because the serving library reads it.
package content
