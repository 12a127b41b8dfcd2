package platform

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// tokenForm matches API tokens, and the tokens of uploads.
var tokenForm = regexp.MustCompile(`^[A-Za-z0-9._~+/=-]+$`)

// authorize checks the request's token or key. With need "", any valid token is accepted.
func (s *Server) authorize(r *http.Request, need api.Permission) *api.Error {
	token := api.Bearer(r)
	if key := r.Header.Get("X-Auth-Key"); token == "" && key != "" {
		if known, ok := s.options.Keys[r.Header.Get("X-Auth-Email")]; !ok || known != key {
			return api.Failure(http.StatusBadRequest, 9103, "Unknown X-Auth-Key or X-Auth-Email")
		}
		return nil
	}
	if header := r.Header.Get("Authorization"); header != "" && !tokenForm.MatchString(token) {
		return api.Failure(http.StatusBadRequest, 6003, "Invalid request headers")
	}
	if token == "" {
		return api.Failure(http.StatusBadRequest, 9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers")
	}
	if s.options.Tokens == nil || s.scripts.AcceptsToken(token) {
		return nil
	}
	has, known := s.options.Tokens[token]
	if !known {
		return api.Failure(http.StatusUnauthorized, 1000, "Invalid API Token")
	}
	writing := api.Permission(strings.Replace(string(need), ":read", ":write", 1))
	if need != "" && !slices.Contains(has, need) && !slices.Contains(has, writing) {
		return api.Failure(http.StatusForbidden, 10000, "Authentication error")
	}
	return nil
}

func (s *Server) verifyToken(c *api.Call) *api.Error {
	// Tokens have no stored id, so the id is derived from the token.
	sum := sha256.Sum256([]byte(api.Bearer(c.R)))
	return c.Reply(map[string]any{"id": hex.EncodeToString(sum[:16]), "status": "active"})
}
