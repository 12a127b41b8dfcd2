package platform

import (
	"net/http"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/loopback"
	"github.com/kv-sync/kv-sync/internal/platform/api"
	"github.com/kv-sync/kv-sync/internal/platform/tails"
)

// routes returns the routes of the API: those of the account here, and those of each package.
func (s *Server) routes() []api.Route {
	return slices.Concat([]api.Route{
		api.On("GET /user", "user", "", s.user),
		api.On("GET /user/tokens/verify", "tokens.verify", "", s.verifyToken),
		api.On("GET /accounts/{account}/tokens/verify", "tokens.verify", "", s.verifyToken),
		api.On("GET /accounts", "accounts.list", "", s.accountsList),
		api.On("GET /accounts/{account}", "accounts.get", "", s.accountGet),
		api.On("GET /memberships", "memberships.list", "", s.memberships),
		api.On("POST /graphql", "graphql", "", noAnalytics),
		api.On("GET /accounts/{account}/workers/subdomain/edge-preview", "workers.preview", "", noPreview),
		api.On("GET /accounts/{account}/workers/scripts/{script}/subdomain/edge-preview", "workers.preview", "", noPreview),
		api.On("GET /zones/{zone}/workers/edge-preview", "workers.preview", "", noPreview),
	}, s.kv.Routes(), s.scripts.Routes(), s.triggers.Routes(), s.resources.Routes(), s.tails.Routes())
}

func (s *Server) newMux() *http.ServeMux {
	mux := http.NewServeMux()
	for _, rt := range s.routes() {
		method, path, _ := strings.Cut(rt.Pattern, " ")
		mux.HandleFunc(method+" /client/v4"+path, func(w http.ResponseWriter, r *http.Request) { s.serve(rt, w, r) })
	}
	unknown := api.Route{Kind: "unknown", Handler: notModelled}
	mux.HandleFunc("/client/v4/", func(w http.ResponseWriter, r *http.Request) { s.serve(unknown, w, r) })
	mux.HandleFunc(tails.Pattern, s.tails.Connect)
	s.controlRoutes(mux)
	return mux
}

// ServeHTTP handles requests to the API and to the control routes.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if why := loopback.RefusalReason(r); why != "" {
		api.WriteError(w, api.Failure(http.StatusForbidden, 10000, "%s", why))
		return
	}
	s.mux.ServeHTTP(w, r)
}

// dispatch checks token, account and rate limit, and then calls the route's handler.
func (s *Server) dispatch(rt api.Route, c *api.Call) *api.Error {
	if err := s.authorize(c.R, rt.Need); err != nil {
		return err
	}
	if err := s.behaviour.admit(c.W.Header(), api.Bearer(c.R)); err != nil {
		return err
	}
	if err := s.checkAccount(c); err != nil {
		return err
	}
	return rt.Handler(c)
}
