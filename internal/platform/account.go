package platform

import (
	"net/http"
	"slices"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// DefaultAccount is the account that /accounts lists while no account exists.
const DefaultAccount = "00000000000000000000000000000000"

// checkAccount refuses the id of an account that is malformed or not one of Options.Accounts.
func (s *Server) checkAccount(c *api.Call) *api.Error {
	switch {
	case c.Account == "":
		return nil
	case !api.AccountID.MatchString(c.Account):
		return api.Failure(http.StatusNotFound, 7003, "Could not route to %s, perhaps your object identifier is invalid?",
			c.R.URL.Path)
	case s.options.Accounts != nil && !slices.Contains(s.options.Accounts, c.Account):
		return api.Failure(http.StatusForbidden, 10000, "Authentication error")
	}
	return nil
}

// accountIDs returns Options.Accounts, or else the accounts that have or had data, in order.
func (s *Server) accountIDs() []string {
	if s.options.Accounts != nil {
		return slices.Sorted(slices.Values(s.options.Accounts))
	}
	ids := append(s.kv.Accounts(), s.scripts.Accounts()...)
	if len(ids) == 0 {
		ids = append(ids, DefaultAccount)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (s *Server) user(c *api.Call) *api.Error {
	return c.Reply(map[string]any{"id": api.UserID, "email": api.UserEmail, "username": "dev"})
}

func (s *Server) accountsList(c *api.Call) *api.Error {
	list := []any{}
	for _, id := range s.accountIDs() {
		list = append(list, accountJSON(id))
	}
	return api.ReplyPage(c, list, api.Usual)
}

func (s *Server) accountGet(c *api.Call) *api.Error { return c.Reply(accountJSON(c.Account)) }

func (s *Server) memberships(c *api.Call) *api.Error {
	list := []any{}
	for _, id := range s.accountIDs() {
		list = append(list, map[string]any{"id": id, "status": "accepted", "account": accountJSON(id),
			"roles": []string{"Administrator"}})
	}
	return api.ReplyPage(c, list, api.Usual)
}

func accountJSON(id string) map[string]any {
	return map[string]any{"id": id, "name": "Local platform", "type": "standard",
		"settings": map[string]any{"enforce_twofactor": false}}
}
