// Package triggers records what calls a Worker at Cloudflare: cron schedules, routes and
// custom domains. The local platform shows them and does not act on them: a script's site is
// its only address, and no clock calls it.
//
// A zone exists for each domain name that somebody could register. So deploys of Workers with
// routes need no set-up.
package triggers
