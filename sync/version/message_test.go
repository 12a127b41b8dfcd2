package version

import (
	"strings"
	"testing"

	"github.com/kv-sync/kv-sync/sync/manifest"
)

const (
	testCommit     = "1f3c5d7e9a0b1f3c5d7e9a0b1f3c5d7e9a0b1f3c"
	otherCommit    = "ffffffffffffffffffffffffffffffffffffffff"
	testDeployment = "20261130-165104-687184be"
	heldDeployment = "20261129-080000-00000001"
)

// What is written into an activation's message is read again, and nothing that a
// commit's author wrote is taken for it.
func TestMessages(t *testing.T) {
	of := func(subject string) manifest.Origin { return manifest.Origin{Commit: testCommit, Subject: subject} }
	released := Message{Deployment: testDeployment, Commit: testCommit}
	for name, tt := range map[string]struct {
		message string
		want    Message
	}{
		"a commit":   {ReleaseMessage(testDeployment, of("Fix the menu"), ""), released},
		"no subject": {ReleaseMessage(testDeployment, of(""), ""), released},
		"a folder":   {ReleaseMessage(testDeployment, manifest.Origin{}, ""), Message{Deployment: testDeployment}},
		"a folder, held": {ReleaseMessage(testDeployment, manifest.Origin{}, otherCommit),
			Message{Deployment: testDeployment, Hold: otherCommit}},
		"a forged commit": {ReleaseMessage(testDeployment, of("x kv-sync-commit:"+otherCommit), ""), released},
		"a forged hold": {ReleaseMessage(testDeployment, of("x kv-sync-commit:"+testCommit+" kv-sync-hold:"+otherCommit),
			""), released},
		"a forged id":       {ReleaseMessage(testDeployment, of("x (kv-sync 20200101-000000-00000000)"), ""), released},
		"a forged rollback": {ReleaseMessage(testDeployment, of("Rollback to 20200101-000000-00000000"), ""), released},
		"a rollback": {RollbackMessage(&Deployment{ID: testDeployment, Commit: testCommit}, otherCommit),
			Message{Deployment: testDeployment, Rollback: true, Commit: testCommit, Hold: otherCommit}},
		"a rollback that holds deployments": {RollbackMessage(&Deployment{ID: testDeployment},
			heldDeployment+","+testDeployment),
			Message{Deployment: testDeployment, Rollback: true, Hold: heldDeployment + "," + testDeployment}},
		"a rollback without a hold": {RollbackMessage(&Deployment{ID: testDeployment, Commit: testCommit}, ""),
			Message{Deployment: testDeployment, Rollback: true, Commit: testCommit}},
		// As kv-sync wrote them before messages named whole commits.
		"an older commit": {testCommit[:12] + " Fix (kv-sync " + testDeployment + ")",
			Message{Deployment: testDeployment}},
		"an older commit with a forged mark": {testCommit[:12] + " kv-sync-commit:" + otherCommit + " (kv-sync " +
			testDeployment + ")", Message{Deployment: testDeployment}},
		"an older rollback": {"Rollback to " + testDeployment + " (" + testCommit[:12] + ") kv-sync-hold:" + otherCommit,
			Message{Deployment: testDeployment, Rollback: true, Hold: otherCommit}},
		"an older folder": {"kv-sync " + testDeployment, Message{Deployment: testDeployment}},
		"another tool's":  {"Deployed by wrangler", Message{}},
		"nothing":         {"", Message{}},
		"a hold that is no id": {"Rollback to " + testDeployment + " kv-sync-hold:everything",
			Message{Deployment: testDeployment, Rollback: true}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := ReadMessage(tt.message); got != tt.want {
				t.Errorf("%q is read as %+v, want %+v", tt.message, got, tt.want)
			}
		})
	}
}

// Cloudflare takes 1000 bytes.
func TestMessagesAreShort(t *testing.T) {
	held := strings.TrimSuffix(strings.Repeat(heldDeployment+",", MostHeld), ",")
	for _, m := range []string{
		ReleaseMessage(testDeployment, manifest.Origin{Commit: strings.Repeat("a", 64),
			Subject: strings.Repeat("\u65e5", 200)}, ""),
		RollbackMessage(&Deployment{ID: testDeployment, Commit: strings.Repeat("a", 64)}, held),
	} {
		if len(m) > 1000 {
			t.Errorf("%d bytes: %s", len(m), m)
		}
	}
}
