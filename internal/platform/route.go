package platform

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
)

// call is one request to the API.
type call struct {
	s       *Server
	w       http.ResponseWriter
	r       *http.Request
	ctx     context.Context
	account string
	fault   Fault
}

// route is a route of the API: its pattern, its kind in logs and faults, the permission that
// it needs, and its handler.
type route struct {
	pattern string
	kind    string
	need    Permission
	handler func(*call) *apiError
}

func (s *Server) routes() *http.ServeMux {
	const (
		kv      = "/accounts/{account}/storage/kv/namespaces"
		ns      = kv + "/{namespace}"
		scripts = "/accounts/{account}/workers/scripts"
		script  = scripts + "/{script}"
		workers = "/accounts/{account}/workers"
	)
	table := []route{
		{"GET /user", "user", "", (*call).user},
		{"GET /user/tokens/verify", "tokens.verify", "", (*call).verifyToken},
		{"GET /accounts/{account}/tokens/verify", "tokens.verify", "", (*call).verifyToken},
		{"GET /accounts", "accounts.list", "", (*call).accountsList},
		{"GET /accounts/{account}", "accounts.get", "", (*call).accountGet},
		{"GET /memberships", "memberships.list", "", (*call).memberships},

		{"POST " + kv, "kv.namespaces.create", KVWrite, (*call).namespaceCreate},
		{"GET " + kv, "kv.namespaces.list", KVRead, (*call).namespaceList},
		{"GET " + ns, "kv.namespaces.get", KVRead, (*call).namespaceGet},
		{"PUT " + ns, "kv.namespaces.rename", KVWrite, (*call).namespaceRename},
		{"DELETE " + ns, "kv.namespaces.delete", KVWrite, (*call).namespaceDelete},
		{"GET " + ns + "/keys", "kv.keys.list", KVRead, (*call).keysList},
		{"GET " + ns + "/values/{key}", "kv.values.get", KVRead, (*call).valueGet},
		{"PUT " + ns + "/values/{key}", "kv.values.put", KVWrite, (*call).valuePut},
		{"DELETE " + ns + "/values/{key}", "kv.values.delete", KVWrite, (*call).valueDelete},
		{"GET " + ns + "/metadata/{key}", "kv.metadata.get", KVRead, (*call).metadataGet},
		{"PUT " + ns + "/bulk", "kv.bulk.put", KVWrite, (*call).bulkPut},
		{"POST " + ns + "/bulk/delete", "kv.bulk.delete", KVWrite, (*call).bulkDelete},
		{"DELETE " + ns + "/bulk", "kv.bulk.delete", KVWrite, (*call).bulkDelete},
		{"POST " + ns + "/bulk/get", "kv.bulk.get", KVRead, (*call).bulkGet},

		{"GET " + scripts, "workers.scripts.list", WorkersRead, (*call).scriptsList},
		{"PUT " + script, "workers.scripts.put", WorkersWrite, (*call).scriptPut},
		{"GET " + script, "workers.scripts.get", WorkersRead, (*call).scriptContent},
		{"GET " + script + "/content/v2", "workers.scripts.content", WorkersRead, (*call).scriptContent},
		{"DELETE " + script, "workers.scripts.delete", WorkersWrite, (*call).scriptDelete},
		{"GET " + workers + "/services/{script}", "workers.services.get", WorkersRead, (*call).serviceGet},
		{"GET " + workers + "/workers/{script}", "workers.workers.get", WorkersRead, (*call).workerGet},
		{"DELETE " + workers + "/services/{script}", "workers.services.delete", WorkersWrite, (*call).scriptDelete},
		{"GET " + script + "/settings", "workers.settings.get", WorkersRead, (*call).settingsGet},
		{"PATCH " + script + "/settings", "workers.settings.patch", WorkersWrite, (*call).settingsPatch},
		{"GET " + script + "/script-settings", "workers.script-settings.get", WorkersRead, (*call).scriptSettingsGet},
		{"PATCH " + script + "/script-settings", "workers.script-settings.patch", WorkersWrite, (*call).scriptSettingsPatch},
		{"GET " + script + "/secrets", "workers.secrets.list", WorkersRead, (*call).secretsList},
		{"PUT " + script + "/secrets", "workers.secrets.put", WorkersWrite, (*call).secretPut},
		{"DELETE " + script + "/secrets/{secret}", "workers.secrets.delete", WorkersWrite, (*call).secretDelete},
		{"GET " + script + "/schedules", "workers.schedules.get", WorkersRead, (*call).schedulesGet},
		{"GET " + script + "/subdomain", "workers.script-subdomain.get", WorkersRead, (*call).scriptSubdomainGet},
		{"POST " + script + "/subdomain", "workers.script-subdomain.set", WorkersWrite, (*call).scriptSubdomainSet},
		{"DELETE " + script + "/subdomain", "workers.script-subdomain.delete", WorkersWrite, (*call).scriptSubdomainDelete},
		{"GET " + workers + "/subdomain", "workers.subdomain.get", WorkersRead, (*call).subdomainGet},
		{"GET " + workers + "/domains/records", "workers.domains.list", WorkersRead, (*call).emptyList},
		{"GET " + workers + "/domains", "workers.domains.list", WorkersRead, (*call).emptyList},
		{"GET " + workers + "/durable_objects/namespaces", "workers.durable-objects.list", WorkersRead,
			(*call).objectNamespaces},

		{"POST " + script + "/versions", "workers.versions.create", WorkersWrite, (*call).versionCreate},
		{"GET " + script + "/versions", "workers.versions.list", WorkersRead, (*call).versionsList},
		{"GET " + script + "/versions/{version}", "workers.versions.get", WorkersRead, (*call).versionGet},
		{"POST " + script + "/deployments", "workers.deployments.create", WorkersWrite, (*call).deploymentCreate},
		{"GET " + script + "/deployments", "workers.deployments.list", WorkersRead, (*call).deploymentsList},
		{"GET " + script + "/deployments/{deployment}", "workers.deployments.get", WorkersRead, (*call).deploymentGet},

		{"POST " + script + "/assets-upload-session", "workers.assets.session", WorkersWrite, (*call).assetsSession},
		{"POST " + workers + "/assets/upload", "workers.assets.upload", "", (*call).assetsUpload},
	}
	mux := http.NewServeMux()
	for _, rt := range table {
		method, path, _ := strings.Cut(rt.pattern, " ")
		mux.HandleFunc(method+" /client/v4"+path, func(w http.ResponseWriter, r *http.Request) { s.serve(rt, w, r) })
	}
	unknown := route{kind: "unknown", handler: func(c *call) *apiError {
		return failure(http.StatusNotFound, 7000, "No route for that URI")
	}}
	mux.HandleFunc("/client/v4/", func(w http.ResponseWriter, r *http.Request) { s.serve(unknown, w, r) })
	s.controlRoutes(mux)
	return mux
}

// ServeHTTP handles requests to the API and to the control routes.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if why := refusalReason(r); why != "" {
		writeError(w, failure(http.StatusForbidden, 10000, "%s", why))
		return
	}
	s.mux.ServeHTTP(w, r)
}

var accountID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// dispatch checks token, account and rate limit, and then calls the route's handler.
func (s *Server) dispatch(rt route, c *call) *apiError {
	if err := s.authorize(c.r, rt.need); err != nil {
		return err
	}
	if err := s.behaviour.admit(c.w.Header(), bearer(c.r)); err != nil {
		return err
	}
	c.account = c.r.PathValue("account")
	if c.account != "" && !accountID.MatchString(c.account) {
		return failure(http.StatusNotFound, 7003, "Could not route to %s, perhaps your object identifier is invalid?",
			c.r.URL.Path)
	}
	return rt.handler(c)
}

func (c *call) reply(result any) *apiError { writeResult(c.w, result, nil); return nil }

func (c *call) replyPage(list []any, total int) *apiError {
	writeResult(c.w, list, map[string]any{"page": 1, "per_page": max(total, 20), "count": len(list), "total_count": total,
		"total_pages": 1})
	return nil
}

func (c *call) emptyList() *apiError { return c.replyPage([]any{}, 0) }

// maxJSON limits request bodies in JSON, except bulk writes.
const maxJSON = 8 << 20

// decode reads a JSON body.
func (c *call) decode(into any) *apiError {
	body, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, maxJSON))
	if err == nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		return failure(http.StatusBadRequest, 10026, "Could not parse the request body: %v", err)
	}
	return nil
}
