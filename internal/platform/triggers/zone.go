package triggers

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// zone is a domain name of the account. The platform does not store zones. A zone exists for each
// name that somebody could register, and its id is derived from the name.
type zone struct{ id, name string }

// zoneNamed returns the zone with a name. ok is false if nobody could register the name, for
// example because it is a subdomain.
func zoneNamed(name string) (zone, bool) {
	name = strings.ToLower(name)
	registrable, err := publicsuffix.EffectiveTLDPlusOne(name)
	if err != nil || registrable != name {
		return zone{}, false
	}
	sum := sha256.Sum256([]byte("zone " + name))
	return zone{hex.EncodeToString(sum[:16]), name}, true
}

// zoneOf returns the zone of a host.
func zoneOf(host string) (zone, *api.Error) {
	registrable, err := publicsuffix.EffectiveTLDPlusOne(strings.ToLower(host))
	if err != nil {
		return zone{}, api.Failure(http.StatusBadRequest, 10082, "Could not find a zone for %q: %v", host, err)
	}
	z, _ := zoneNamed(registrable)
	return z, nil
}

// zoneFor returns the zone that a trigger names by id or by name, or else that of its host.
func zoneFor(id, name, host string) (zone, *api.Error) {
	if name != "" {
		host = name
	}
	z, apiErr := zoneOf(host)
	if id != "" && apiErr == nil {
		z.id = id
	}
	return z, apiErr
}

// since is the creation time of every zone.
var since = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

func (z zone) show(account string) map[string]any {
	return map[string]any{
		"id": z.id, "name": z.name, "status": "active", "type": "full", "paused": false, "development_mode": 0,
		"created_on": since, "modified_on": since, "activated_on": since,
		"account": map[string]any{"id": account, "name": "Local platform"}, "meta": map[string]any{},
		"name_servers": []string{}, "owner": map[string]any{}, "plan": map[string]any{"name": "Free Website"},
		"permissions": []string{},
	}
}

// zonesList returns the zone that the query names, or else the zones that triggers of the account
// use.
func (s *Store) zonesList(c *api.Call) *api.Error {
	q := c.R.URL.Query()
	list := []any{}
	if name := q.Get("name"); name != "" {
		if z, ok := zoneNamed(name); ok {
			list = append(list, z.show(q.Get("account.id")))
		}
		return api.ReplyPage(c, list, api.Usual)
	}
	for id, z := range s.zones() {
		if account := q.Get("account.id"); account == "" || account == z.account {
			list = append(list, zone{id, z.name}.show(z.account))
		}
	}
	return api.ReplyPage(c, list, api.Usual)
}

func (s *Store) zoneGet(c *api.Call) *api.Error {
	id := c.R.PathValue("zone")
	z, ok := s.zones()[id]
	if !ok {
		return api.Failure(http.StatusNotFound, 7003, "Could not find the zone %s: no route and no domain uses it", id)
	}
	return c.Reply(zone{id, z.name}.show(z.account))
}

// used is a zone that a trigger of an account uses.
type used struct{ account, name string }

// zones returns the zones that triggers use, by id.
func (s *Store) zones() map[string]used {
	zones := map[string]used{}
	for _, account := range s.accounts.IDs() {
		s.accounts.View(account, func(t *triggers) {
			for _, r := range t.Routes {
				zones[r.Zone] = used{account, r.zoneName()}
			}
			for _, d := range t.Domains {
				zones[d.ZoneID] = used{account, d.ZoneName}
			}
		})
	}
	return zones
}
