package kvsync

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
	released := annotation{deployment: testDeployment, commit: testCommit}
	for name, tt := range map[string]struct {
		message string
		want    annotation
	}{
		"a commit":   {releaseMessage(testDeployment, of("Fix the menu"), ""), released},
		"no subject": {releaseMessage(testDeployment, of(""), ""), released},
		"a folder":   {releaseMessage(testDeployment, manifest.Origin{}, ""), annotation{deployment: testDeployment}},
		"a folder, held": {releaseMessage(testDeployment, manifest.Origin{}, otherCommit),
			annotation{deployment: testDeployment, hold: otherCommit}},
		"a forged commit": {releaseMessage(testDeployment, of("x kv-sync-commit:"+otherCommit), ""), released},
		"a forged hold": {releaseMessage(testDeployment, of("x kv-sync-commit:"+testCommit+" kv-sync-hold:"+otherCommit),
			""), released},
		"a forged id":       {releaseMessage(testDeployment, of("x (kv-sync 20200101-000000-00000000)"), ""), released},
		"a forged rollback": {releaseMessage(testDeployment, of("Rollback to 20200101-000000-00000000"), ""), released},
		"a rollback": {rollbackMessage(&Deployment{ID: testDeployment, Commit: testCommit}, otherCommit),
			annotation{deployment: testDeployment, rollback: true, commit: testCommit, hold: otherCommit}},
		"a rollback that holds deployments": {rollbackMessage(&Deployment{ID: testDeployment},
			heldDeployment+","+testDeployment),
			annotation{deployment: testDeployment, rollback: true, hold: heldDeployment + "," + testDeployment}},
		"a rollback without a hold": {rollbackMessage(&Deployment{ID: testDeployment, Commit: testCommit}, ""),
			annotation{deployment: testDeployment, rollback: true, commit: testCommit}},
		// As kv-sync wrote them before messages named whole commits.
		"an older commit": {testCommit[:12] + " Fix (kv-sync " + testDeployment + ")",
			annotation{deployment: testDeployment}},
		"an older commit with a forged mark": {testCommit[:12] + " kv-sync-commit:" + otherCommit + " (kv-sync " +
			testDeployment + ")", annotation{deployment: testDeployment}},
		"an older rollback": {"Rollback to " + testDeployment + " (" + testCommit[:12] + ") kv-sync-hold:" + otherCommit,
			annotation{deployment: testDeployment, rollback: true, hold: otherCommit}},
		"an older folder": {"kv-sync " + testDeployment, annotation{deployment: testDeployment}},
		"another tool's":  {"Deployed by wrangler", annotation{}},
		"nothing":         {"", annotation{}},
		"a hold that is no id": {"Rollback to " + testDeployment + " kv-sync-hold:everything",
			annotation{deployment: testDeployment, rollback: true}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := readMessage(tt.message); got != tt.want {
				t.Errorf("%q is read as %+v, want %+v", tt.message, got, tt.want)
			}
		})
	}
}

// Cloudflare takes 1000 bytes.
func TestMessagesAreShort(t *testing.T) {
	held := strings.TrimSuffix(strings.Repeat(heldDeployment+",", mostHeld), ",")
	for _, m := range []string{
		releaseMessage(testDeployment, manifest.Origin{Commit: strings.Repeat("a", 64),
			Subject: strings.Repeat("\u65e5", 200)}, ""),
		rollbackMessage(&Deployment{ID: testDeployment, Commit: strings.Repeat("a", 64)}, held),
	} {
		if len(m) > 1000 {
			t.Errorf("%d bytes: %s", len(m), m)
		}
	}
}

func TestRepositories(t *testing.T) {
	named := func(name, id string, remotes ...string) manifest.Repository {
		return manifest.Repository{Name: name, ID: id, Remotes: remotes}
	}
	for name, tt := range map[string]struct {
		mine, live manifest.Repository
		differ     bool
	}{
		"the same":                 {named("github.com/a/x", "1"), named("github.com/a/x", "1"), false},
		"renamed":                  {named("github.com/a/y", "1"), named("github.com/a/x", "1"), false},
		"another of the same name": {named("github.com/a/x", "2"), named("github.com/a/x", "1"), true},
		"another":                  {named("github.com/a/y", ""), named("github.com/a/x", "1"), true},
		"a clone that has it as a remote": {named("github.com/me/x", "", "github.com/me/x", "github.com/a/x"),
			named("github.com/a/x", "1"), false},
		"a clone without remotes": {named("", ""), named("github.com/a/x", "1"), false},
		"an older kv-sync":        {named("github.com/a/x", "1"), named("", ""), false},
		"only remotes, another":   {named("", "", "github.com/b/y"), named("github.com/a/x", ""), true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tt.mine.Differs(tt.live); got != tt.differ {
				t.Errorf("got %t", got)
			}
		})
	}
}

func TestHoldAfter(t *testing.T) {
	const c2 = "2222222222222222222222222222222222222222"
	id := func(n string) string { return "20261130-00000" + n + "-00000000" }
	for name, tt := range map[string]struct {
		live, target Deployment
		want         string
	}{
		"to another commit": {Deployment{ID: id("2"), Commit: c2}, Deployment{ID: id("1"), Commit: testCommit},
			c2},
		"further back": {Deployment{ID: id("2"), Commit: testCommit, Hold: c2},
			Deployment{ID: id("1"), Commit: otherCommit}, c2},
		"forward to what is held": {Deployment{ID: id("1"), Commit: testCommit, Hold: c2},
			Deployment{ID: id("2"), Commit: c2}, ""},
		"to a build of the same commit": {Deployment{ID: id("2"), Commit: c2}, Deployment{ID: id("1"), Commit: c2}, id("2")},
		"further back in the same": {Deployment{ID: id("2"), Commit: c2, Hold: id("3")},
			Deployment{ID: id("1"), Commit: c2}, id("3") + "," + id("2")},
		"forward, not to the newest": {Deployment{ID: id("1"), Commit: c2, Hold: id("3") + "," + id("2")},
			Deployment{ID: id("2"), Commit: c2}, id("3")},
		"forward to the newest": {Deployment{ID: id("1"), Commit: c2, Hold: id("3") + "," + id("2")},
			Deployment{ID: id("3"), Commit: c2}, ""},
		"without commits": {Deployment{ID: id("2")}, Deployment{ID: id("1")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := holdAfter(&tt.live, &tt.target); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
