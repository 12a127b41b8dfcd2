package app

import (
	"encoding/json"
	"maps"

	"github.com/kv-sync/kv-sync/internal/git/objects"
)

// Reads counts what the site's last call read of the commit.
func (s *Site) Reads() objects.Reads { return s.commit.Reads() }

// SetWorkerSetting gives the Worker's upload a member that its configuration
// does not have.
func SetWorkerSetting(s *Site, name, value string) {
	settings := maps.Clone(s.settings.Worker.Settings)
	if settings == nil {
		settings = map[string]json.RawMessage{}
	}
	settings[name] = json.RawMessage(value)
	s.settings.Worker.Settings = settings
}
