package platform

import (
	"net/http"
	"strings"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// notModelled refuses a request that the platform does not know. Clients show the text.
func notModelled(c *api.Call) *api.Error {
	return api.Failure(http.StatusBadRequest, 7000, "No route for that URI: the local platform does not model %s %s",
		c.R.Method, strings.TrimPrefix(c.R.URL.Path, "/client/v4"))
}

// noPreview refuses wrangler dev --remote, which runs a Worker on Cloudflare's network.
func noPreview(*api.Call) *api.Error {
	return api.Failure(http.StatusBadRequest, 7000,
		"The local platform has no remote development: run wrangler dev without --remote, or wrangler deploy")
}

// noAnalytics returns no figures: nothing is measured here.
func noAnalytics(c *api.Call) *api.Error {
	api.WriteJSON(c.W, http.StatusOK, map[string]any{
		"data": map[string]any{"viewer": map[string]any{"accounts": []any{}}}, "errors": nil,
	})
	return nil
}
