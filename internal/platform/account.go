package platform

import (
	"slices"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// DefaultAccount is the account that /accounts lists while no account exists.
const DefaultAccount = "00000000000000000000000000000000"

// accountIDs returns the accounts that have or had data, in order.
func (s *Server) accountIDs() []string {
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
	return c.ReplyList(list)
}

func (s *Server) accountGet(c *api.Call) *api.Error { return c.Reply(accountJSON(c.Account)) }

func (s *Server) memberships(c *api.Call) *api.Error {
	list := []any{}
	for _, id := range s.accountIDs() {
		list = append(list, map[string]any{"id": id, "status": "accepted", "account": accountJSON(id),
			"roles": []string{"Administrator"}})
	}
	return c.ReplyList(list)
}

func accountJSON(id string) map[string]any {
	return map[string]any{"id": id, "name": "Local platform", "type": "standard",
		"settings": map[string]any{"enforce_twofactor": false}}
}
