package inspect

import "strings"

// owner is a site, or a project with its incarnation, which is "" for the first of its id.
type owner struct{ site, incarnation string }

// projects is what the names and the keys of projects begin with.
const projects = "project/"

// split divides a key into its owner and the rest.
func split(key string) (of owner, rest string) {
	of.site, rest, _ = strings.Cut(key, "/")
	if of.site+"/" == projects {
		var id string
		id, rest, _ = strings.Cut(rest, "/")
		id, of.incarnation, _ = strings.Cut(id, "@")
		of.site = projects + id
	}
	return of, rest
}

// id is what the keys of the owner begin with, and its name in manifests.
func (o owner) id() string {
	if o.incarnation == "" {
		return o.site
	}
	return o.site + "@" + o.incarnation
}

// Site is the site or the project of who is called "site/what".
func Site(by string) string {
	of, _ := split(by)
	return of.site
}

// actor is the site and the kind of who changes something.
func actor(by string) (site, kind string) {
	of, what := split(by)
	kind, _, _ = strings.Cut(what, " ")
	return of.site, kind
}
