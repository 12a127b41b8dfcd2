// Package site reads and writes the data of one site or project in a Cloudflare account.
//
// A [Config] says which site it is and how it is deployed. A [Client] gives access to what
// is live ([Client.ReadLive]) and was live before ([Client.Past]), to the namespace and
// the stored manifests, to uploads with their progress, and to the clock with which all
// ages are measured. Its [Target] is the script or the project that a deploy switches.
//
// The package decides nothing: the stages and the layouts above it do.
package site
