package webhook

import (
	"net/http"
	"slices"
	"time"
)

// Forge is the kind of server that sends a delivery. It is also the hook's path,
// its key in the configuration and its label in metrics.
type Forge string

// The forges. Forgejo and Gogs use Gitea.
const (
	GitHub Forge = "github"
	GitLab Forge = "gitlab"
	Gitea  Forge = "gitea"
)

// forge describes how one kind of forge sends a delivery.
type forge struct {
	name Forge
	// eventHeaders and deliveryHeaders name the event and the delivery's id. The
	// first header that is set counts. An id must name one push to one hook, and
	// stay the same when the delivery is sent again.
	eventHeaders, deliveryHeaders []string
	// pushEvents are the events whose body may be a push to a branch.
	pushEvents []string
	form       formBody
	// key converts a configured secret.
	key func(secret string) (key, error)
	// proof reads what the headers offer as evidence of the sender. It refuses a
	// request that cannot be verified before the body is read.
	proof func(keys, http.Header, time.Time) (proof, error)
	// pushes reads the body of a push event. It returns at least one push, or
	// errNoBranch for a push that changes no branch.
	pushes func(body []byte) ([]Push, error)
}

// formBody says whether a forge can send a delivery as a form with the JSON in the
// field "payload", and which bytes it signs in that case.
type formBody int

const (
	jsonOnly formBody = iota
	signedForm
	signedPayload
)

// forges has one entry for each forge. TestForgeContract needs a sample for each.
var forges = []forge{
	{
		name:            GitHub,
		eventHeaders:    []string{"X-GitHub-Event"},
		deliveryHeaders: []string{"X-GitHub-Delivery"},
		pushEvents:      []string{"push"},
		form:            signedForm,
		key:             hmacKey,
		proof:           sha256Proof("sha256=", "X-Hub-Signature-256"),
		pushes:          readPush,
	},
	{
		name:         GitLab,
		eventHeaders: []string{"X-Gitlab-Event"},
		// X-Gitlab-Event-UUID is shared by the events that one event causes, so
		// separate pushes can have the same.
		deliveryHeaders: []string{"Webhook-Id", "Idempotency-Key", "X-Gitlab-Webhook-UUID"},
		// A system hook, which an administrator creates, names its event only in the body.
		pushEvents: []string{"Push Hook", "System Hook"},
		form:       jsonOnly,
		key:        gitlabKey,
		proof:      keys.gitlabProof,
		pushes:     readPush,
	},
	{
		name:            Gitea,
		eventHeaders:    []string{"X-Forgejo-Event", "X-Gitea-Event", "X-Gogs-Event", "X-GitHub-Event"},
		deliveryHeaders: []string{"X-Forgejo-Delivery", "X-Gitea-Delivery", "X-Gogs-Delivery", "X-GitHub-Delivery"},
		pushEvents:      []string{"push"},
		form:            signedPayload,
		key:             hmacKey,
		proof:           giteaProof,
		pushes:          readPush,
	},
}

// ForgeNames lists all forges.
func ForgeNames() []string {
	out := make([]string, len(forges))
	for i := range forges {
		out[i] = string(forges[i].name)
	}
	return out
}

func find(name Forge) (*forge, bool) {
	i := slices.IndexFunc(forges, func(f forge) bool { return f.name == name })
	if i < 0 {
		return nil, false
	}
	return &forges[i], true
}
