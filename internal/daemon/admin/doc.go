// Package admin is the daemon's page: what is live of each site, what was before,
// and the buttons that roll back, release and look.
//
//	Host ─► method and path ─► origin ─► session ─► form token ─► Sites
//
// The arrow is the order in which a request is judged. Whoever may press these
// buttons may take a site back, so each gate stands alone: a foreign page that
// gets past one is stopped by the next.
//
// Pages are made here and need no script. What they show was written by others
// (subjects, authors, errors), so all of it passes [html/template] and is shown
// as one can see it: see text.go.
package admin
