// Package triggers records the triggers of Workers: cron schedules, routes and custom domains.
// The local platform shows them and does not act on them. A script's site is its only address,
// and no schedule runs it.
//
// A zone exists for each domain name that somebody could register. So deploys of Workers with
// routes need no set-up.
package triggers
