// Package cloud declares what kv-sync needs of Cloudflare, without an SDK and
// without HTTP: [Account], [Store] for a namespace of Workers KV, and [Workers]
// for a Worker script, with the values that their methods take and return.
//
// internal/cloudflare implements the interfaces over the API, and sync/project
// implements [Workers] for a project, whose versions are values of KV.
//
// An implementation retries where that is safe, so an error is final. The errors
// of this package say what the caller may conclude:
//
//   - [ErrNotFound]: the key, script or version is not there.
//   - [ErrRefused], [ErrQuota]: the API refused the call; nothing was changed.
//   - [ErrUnknown]: the answer to a switch was lost. The caller asks which version
//     is active before it does anything else.
package cloud
