// Package admin is the daemon's web page. It shows what is live of each site and its
// former deployments, and has buttons to roll back, release and poll.
//
//	Host ─► method and path ─► origin ─► session ─► form token ─► Sites
//
// This is the order in which a request is checked. The buttons can take a site back,
// so each check is independent: a foreign page that passes one fails the next.
//
// Pages are rendered on the server without scripts. Subjects, authors and errors are
// untrusted, so all of them pass [html/template] and text.go, which makes every
// character visible.
package admin
