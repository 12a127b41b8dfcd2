// Package site reads and writes what the account has of one site or project.
//
// A [Config] says which site it is and how it is deployed. A [Client] is its access: what
// is live ([Client.ReadLive]) and was live before ([Client.Past]), the namespace, stored
// manifests, uploads with their progress, and the clock by which all ages are measured.
// Its [Target] is what a deploy switches.
//
// The package decides nothing: the stages and the layouts above it do.
package site
