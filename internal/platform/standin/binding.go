package standin

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Binding is one binding of a Worker.
type Binding struct {
	Name, Type string
	// Fields are its other members, as in the API.
	Fields map[string]json.RawMessage
}

func (b Binding) text(member string) string {
	var s string
	_ = json.Unmarshal(b.Fields[member], &s) // "" if it is none
	return s
}

// Target returns the Worker that the binding names, or "" if it names none.
func (b Binding) Target() string {
	switch b.Type {
	case "service":
		return b.text("service")
	case "durable_object_namespace":
		return b.text("script_name")
	}
	return ""
}

// Shared names what several Workers have in common if they have this binding, and "" if it is
// nothing. They must run in one process, because a process has its database files for itself.
func (b Binding) Shared() string {
	switch b.Type {
	case "d1":
		return b.databaseService()
	case "queue":
		return queueService
	}
	return ""
}

// databaseService is the name of the service of a D1 database, and of the folder of its file. A
// configuration that has not created its database yet has no id, and its binding's name counts.
func (b Binding) databaseService() string {
	id := b.text("id")
	if id == "" {
		id = b.text("database_id")
	}
	if id == "" {
		id = "binding " + b.Name
	}
	sum := sha256.Sum256([]byte(id))
	return "d1-" + hex.EncodeToString(sum[:8])
}
