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
	_ = json.Unmarshal(b.Fields[member], &s) // "" if the member is not a string
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

// Shared names the resource that all Workers with this binding share, or is "" if they share none.
// These Workers must run in one process, because two processes cannot open the same database file.
func (b Binding) Shared() string {
	switch b.Type {
	case "d1":
		return b.databaseService()
	case "queue":
		return queueService
	}
	return ""
}

// databaseService is the name of the service of a D1 database, and of the folder of its file. It
// comes from the database's id. Before the database is created there is no id, and the name of the
// binding is used.
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
