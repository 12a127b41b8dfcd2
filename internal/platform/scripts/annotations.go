package scripts

import (
	"net/http"
	"strings"

	"github.com/kv-sync/kv-sync/internal/platform/api"
)

// Limits of the annotations of versions and deployments, in bytes.
const (
	maxMessage = 1000
	maxTag     = 100
)

// checkAnnotations shortens a long message, and refuses a long tag.
func checkAnnotations(annotations map[string]string) *api.Error {
	if len(annotations["workers/tag"]) > maxTag {
		return api.Failure(http.StatusBadRequest, 10021, "workers/tag has more than %d bytes", maxTag)
	}
	if m := annotations["workers/message"]; len(m) > maxMessage {
		annotations["workers/message"] = strings.ToValidUTF8(m[:maxMessage], "")
	}
	return nil
}
