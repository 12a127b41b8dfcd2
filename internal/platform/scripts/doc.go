// Package scripts implements the API of Workers for the local platform: scripts with their
// versions, deployments, settings, secrets, Static Assets and Durable Object classes.
//
// A script has versions (upload.go, version.go) and deployments, which say which versions are
// active (deployment.go). A Runtime runs what is active.
package scripts
