package app

import (
	"encoding/json"
	"maps"

	"github.com/kv-sync/kv-sync/internal/git/objects"
)

// Reads counts the objects that the site read of the commit.
func (s *Site) Reads() objects.Reads { return s.commit.Reads() }

// SetWorkerSetting adds a setting to the Worker's upload that the configuration does not allow.
func SetWorkerSetting(s *Site, name, value string) {
	settings := maps.Clone(s.settings.Worker.Settings)
	if settings == nil {
		settings = map[string]json.RawMessage{}
	}
	settings[name] = json.RawMessage(value)
	s.settings.Worker.Settings = settings
}
