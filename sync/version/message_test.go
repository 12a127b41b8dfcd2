package version

import (
	"strings"
	"testing"
)

const (
	testCommit     = "1f3c5d7e9a0b1f3c5d7e9a0b1f3c5d7e9a0b1f3c"
	otherCommit    = "ffffffffffffffffffffffffffffffffffffffff"
	testDeployment = "20261130-165104-687184be"
	heldDeployment = "20261129-080000-00000001"
)

// ReadMessage returns what was written into a message. Nothing that the author of a commit
// wrote is read as a mark.
func TestMessages(t *testing.T) {
	const over = "d5ad0ba4-9c11-4b1e-8a41-5e1e6f3e2e10"
	released := Message{Deployment: testDeployment, Commit: testCommit, Over: over}
	of := released.Text
	first := Message{Deployment: testDeployment, Commit: testCommit, First: true}
	changed := Message{Deployment: testDeployment, Commit: testCommit, Over: over, Has: "0123abcd,89efcdab"}
	folder := Message{Deployment: testDeployment, Over: over}
	folderHeld := Message{Deployment: testDeployment, Hold: otherCommit, Over: over}
	rolled := Message{Deployment: testDeployment, Rollback: true, Commit: testCommit, Hold: otherCommit, Over: over,
		Actor: "ada", Run: "8123456789"}
	forger := Message{Deployment: testDeployment, Rollback: true, Over: over, Actor: "ada kv-sync-hold:" + otherCommit}
	forged := forger
	forged.Actor = ("ada_kv-sync-hold_" + otherCommit)[:40]
	rolledFree := Message{Deployment: testDeployment, Rollback: true, Commit: testCommit, Over: over}
	rolledSame := Message{Deployment: testDeployment, Rollback: true, Over: over,
		Hold: heldDeployment + "," + testDeployment}
	for name, tt := range map[string]struct {
		message string
		want    Message
	}{
		"a commit":            {of("Fix the menu"), released},
		"no subject":          {of(""), released},
		"a first deployment":  {first.Text("Begin"), first},
		"changes of others":   {changed.Text("Fix the menu"), changed},
		"a repetition":        {Again("x", []string{"0123abcd"}, "by hand"), Message{Again: "x", Has: "0123abcd"}},
		"a simple repetition": {Again("x", nil, "by kv-sync-has:0123abcd"), Message{Again: "x"}},
		"a folder":            {folder.Text(""), folder},
		"a folder, held":      {folderHeld.Text(""), folderHeld},
		"a forged commit":     {of("x kv-sync-commit:" + otherCommit), released},
		"a forged hold": {of("x kv-sync-commit:" + testCommit + " kv-sync-hold:" + heldDeployment),
			released},
		"a forged base":                     {first.Text("x kv-sync-over:" + over), first},
		"a forged id":                       {of("x (kv-sync 20200101-000000-00000000)"), released},
		"a forged rollback":                 {of("Rollback to 20200101-000000-00000000"), released},
		"a rollback":                        {rolled.Text(""), rolled},
		"a rollback by a forger":            {forger.Text(""), forged},
		"a rollback that holds deployments": {rolledSame.Text(""), rolledSame},
		"a rollback without a hold":         {rolledFree.Text(""), rolledFree},
		// Messages of releases before messages named the activation before.
		"an older message of a commit": {testCommit[:12] + " Fix kv-sync-commit:" + testCommit + " (kv-sync " +
			testDeployment + ")", Message{Deployment: testDeployment, Commit: testCommit}},
		"an older hold of a folder": {"kv-sync-hold:" + otherCommit + " (kv-sync " + testDeployment + ")",
			Message{Deployment: testDeployment, Hold: otherCommit}},
		// Messages of releases before messages named whole commits.
		"an older commit": {testCommit[:12] + " Fix (kv-sync " + testDeployment + ")",
			Message{Deployment: testDeployment}},
		"an older commit with a forged mark": {testCommit[:12] + " kv-sync-commit:" + otherCommit + " (kv-sync " +
			testDeployment + ")", Message{Deployment: testDeployment}},
		"an older rollback": {"Rollback to " + testDeployment + " (" + testCommit[:12] + ") kv-sync-hold:" + otherCommit,
			Message{Deployment: testDeployment, Rollback: true, Hold: otherCommit}},
		"an older folder": {"kv-sync " + testDeployment, Message{Deployment: testDeployment}},
		"another tool's":  {"Deployed by wrangler", Message{}},
		"nothing":         {"", Message{}},
		"a hold that is not an id": {"Rollback to " + testDeployment + " kv-sync-hold:everything",
			Message{Deployment: testDeployment, Rollback: true}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := ReadMessage(tt.message); got != tt.want {
				t.Errorf("%q is read as %+v, want %+v", tt.message, got, tt.want)
			}
		})
	}
}

// Cloudflare accepts messages of up to 1000 bytes.
func TestMessagesAreShort(t *testing.T) {
	held := strings.TrimSuffix(strings.Repeat(heldDeployment+",", MostHeld), ",")
	over := strings.Repeat("f", 64)
	has := strings.TrimSuffix(strings.Repeat("0123abcd,", mostChanges), ",")
	for _, m := range []string{
		Message{Deployment: testDeployment, Commit: strings.Repeat("a", 64), Over: over, Has: has}.Text(
			strings.Repeat("\u65e5", 200)),
		Message{Deployment: testDeployment, Commit: strings.Repeat("a", 64), Rollback: true, Hold: held,
			Over: over, Has: has, Actor: strings.Repeat("b", 100), Run: strings.Repeat("c", 100)}.Text(""),
	} {
		if len(m) > 1000 {
			t.Errorf("%d bytes: %s", len(m), m)
		}
	}
}
