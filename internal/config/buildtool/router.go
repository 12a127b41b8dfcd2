package buildtool

import (
	"slices"
	"strings"
)

// routers are the packages whose pathnames a script in the browser makes.
var routers = strings.Fields("react-router-dom react-router wouter @tanstack/react-router vue-router " +
	"@angular/router @solidjs/router svelte-spa-router preact-router preact-iso")

// writers are the packages that write a page for each pathname, or answer it by code.
var writers = strings.Fields("next nuxt astro gatsby @sveltejs/kit @react-router/dev @remix-run/dev vitepress " +
	"@docusaurus/core @tanstack/react-start @solidjs/start vite-ssg vike react-snap @angular/ssr expo-router")

// ClientRouter returns the package with which a script in the browser makes the pathnames of the site, or
// "" if there is none, or something else writes their pages.
func ClientRouter(files Files) string {
	pkg := readPackage(files)
	if slices.ContainsFunc(writers, pkg.dependsOn) {
		return ""
	}
	if i := slices.IndexFunc(routers, pkg.dependsOn); i >= 0 {
		return routers[i]
	}
	return ""
}
