package scripts

import (
	"net/http"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

func (s *Store) subdomainGet(c *api.Call) *api.Error {
	if s.options.Subdomain == "-" {
		return api.Failure(http.StatusNotFound, 10007, "workers.dev subdomain not found: register one first")
	}
	return c.Reply(map[string]any{"subdomain": s.options.Subdomain})
}

// subdomainJSON returns the addresses of a script under workers.dev, as the newer API shows
// them. The suffix is that of the addresses of versions.
func (s *Store) subdomainJSON(sc *Script) map[string]any {
	out := map[string]any{"enabled": sc.Enabled, "previews_enabled": sc.Previews}
	if s.options.Subdomain != "-" {
		host := sc.Name + "." + s.options.Subdomain + ".workers.dev"
		out["url"], out["preview_url_suffix"] = "https://"+host, "-"+host
	}
	return out
}

// hasPreview reports whether versions of the script have addresses under workers.dev. A
// Worker with Durable Objects has none.
func (sc *Script) hasPreview() bool { return sc.Previews && len(sc.Classes) == 0 }

func (s *Store) replySubdomain(c *api.Call, sc *Script) *api.Error {
	return c.Reply(map[string]any{"enabled": sc.Enabled, "previews_enabled": sc.Previews})
}

func (s *Store) scriptSubdomainGet(c *api.Call) *api.Error {
	return s.withScript(c, func(sc *Script) *api.Error { return s.replySubdomain(c, sc) })
}

// scriptSubdomainSet enables or disables the address of a script. It enables the addresses of its
// versions together with it, unless the request says otherwise.
func (s *Store) scriptSubdomainSet(c *api.Call) *api.Error {
	var body struct {
		Enabled  bool  `json:"enabled"`
		Previews *bool `json:"previews_enabled"`
	}
	if apiErr := c.Decode(&body); apiErr != nil {
		return apiErr
	}
	if body.Previews == nil {
		body.Previews = &body.Enabled
	}
	return s.setSubdomain(c, body.Enabled, *body.Previews)
}

func (s *Store) scriptSubdomainDelete(c *api.Call) *api.Error { return s.setSubdomain(c, false, false) }

func (s *Store) setSubdomain(c *api.Call, enabled, previews bool) *api.Error {
	return s.withScript(c, func(sc *Script) *api.Error {
		sc.Enabled, sc.Previews = enabled, previews
		if apiErr := s.save(c.Account, sc); apiErr != nil {
			return apiErr
		}
		return s.replySubdomain(c, sc)
	})
}
