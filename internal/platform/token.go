package platform

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
)

// authorize checks the request's token or key. With need "", any valid token is accepted.
func (s *Server) authorize(r *http.Request, need Permission) *apiError {
	token := bearer(r)
	if key := r.Header.Get("X-Auth-Key"); token == "" && key != "" {
		if known, ok := s.options.Keys[r.Header.Get("X-Auth-Email")]; !ok || known != key {
			return failure(http.StatusBadRequest, 9103, "Unknown X-Auth-Key or X-Auth-Email")
		}
		return nil
	}
	if token == "" {
		return failure(http.StatusBadRequest, 9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers")
	}
	if s.options.Tokens == nil || s.assetToken(token) != nil {
		return nil
	}
	has, known := s.options.Tokens[token]
	if !known {
		return failure(http.StatusUnauthorized, 1000, "Invalid API Token")
	}
	writing := Permission(strings.Replace(string(need), ":read", ":write", 1))
	if need != "" && !slices.Contains(has, need) && !slices.Contains(has, writing) {
		return failure(http.StatusForbidden, 10000, "Authentication error")
	}
	return nil
}

func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

func (c *call) verifyToken() *apiError {
	// Tokens have no stored id, so the id is derived from the token.
	sum := sha256.Sum256([]byte(bearer(c.r)))
	return c.reply(map[string]any{"id": hex.EncodeToString(sum[:16]), "status": "active"})
}

const (
	userEmail = "dev@kv-sync.local"
	userID    = "00000000000000000000000000000001"
)

func (c *call) user() *apiError {
	return c.reply(map[string]any{"id": userID, "email": userEmail, "username": "dev"})
}

func (c *call) accountsList() *apiError {
	list := []any{}
	for _, id := range c.s.accountIDs() {
		list = append(list, accountJSON(id))
	}
	return c.replyPage(list, len(list))
}

func (c *call) accountGet() *apiError { return c.reply(accountJSON(c.account)) }

func (c *call) memberships() *apiError {
	list := []any{}
	for _, id := range c.s.accountIDs() {
		list = append(list, map[string]any{"id": id, "status": "accepted", "account": accountJSON(id),
			"roles": []string{"Administrator"}})
	}
	return c.replyPage(list, len(list))
}

func accountJSON(id string) map[string]any {
	return map[string]any{"id": id, "name": "Local platform", "type": "standard",
		"settings": map[string]any{"enforce_twofactor": false}}
}
